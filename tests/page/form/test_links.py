"""Links: what a form says survives the way through an address; from anybody, an address is a form or one sentence."""

from contextlib import suppress
from urllib.parse import parse_qsl, urlencode

import pytest
from hostile_files import STEMS
from hostile_values import OWN, TUNED, WRONG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cliptta_demo.backend.data.catalog import OOD_SOURCES, picture_class_names
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import BACKBONES
from cliptta_demo.backend.settings import method_names
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.fields import FORM, fields
from cliptta_demo.page.form.links import from_query, open_link, to_query, unknown_words
from cliptta_demo.page.form.reading import read_form, values_of
from cliptta_demo.page.layout.filling import address_of, open_address
from cliptta_demo.page.session.state import Recipe

LINKED = tuple(fields())
HOSTILE = [
    str(value)
    for values in (WRONG, *OWN.values(), *TUNED.values())
    for value in values
    if not isinstance(value, int) or abs(value) < 10**4000
]
TEXTS = st.one_of(
    st.sampled_from([*HOSTILE, *STEMS]),
    st.text(max_size=60),
    st.text(st.characters(codec=None, categories=("Cs", "Cc", "Cf", "Mn", "So", "Nd", "Zs")), max_size=20),
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(["1", "2", "0", "0.5", "cat, dog", "tent", "pictures", "fog", "upload", "tiny", "sorted", "flags"]),
)
NAMES = st.one_of(st.sampled_from(LINKED), st.sampled_from(LINKED), st.text(max_size=12), st.just("files"))
MANY = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def there_and_back(recipe: Recipe) -> Recipe:
    return open_link(dict(parse_qsl(to_query(recipe), keep_blank_values=True)))


def some(name: str) -> st.SearchStrategy:
    """Values that a setting of the form may have."""
    setting = FORM[name].setting
    if setting.kind is float:
        return st.sampled_from([setting.low, setting.default, setting.high])
    if setting.kind is int:
        few = {"batches": LIMITS.max_run_steps // 50, "window": 1}  # all of them together are bounded
        return st.integers(int(setting.low), few.get(name, int(setting.high)))
    return st.booleans() if setting.kind is bool else st.sampled_from(list(setting.options))


EXPERIMENTS = {name: some(name) for name, item in FORM.items() if item.setting} | {
    "dataset": st.sampled_from(["pictures", "unseen-style", "upload"]),
    "class_names": st.lists(st.sampled_from(picture_class_names()), min_size=2, unique=True).map(", ".join),
    "ood_source": st.sampled_from(list(OOD_SOURCES)),
    "methods": st.lists(st.sampled_from(method_names()), min_size=1, max_size=5, unique=True),
    "backbone": st.sampled_from(list(BACKBONES)),
    "templates": st.lists(st.sampled_from(["art of {}.", "{}", "a {} & more"]), unique=True).map("\n".join),
}


@settings(max_examples=120, **MANY)
@given(st.fixed_dictionaries({}, optional=EXPERIMENTS))
def test_any_experiment_survives_the_way_through_its_address(values: dict) -> None:
    recipe = read_form(values)
    assert there_and_back(recipe) == recipe == read_form(values_of(recipe))


def test_links_are_short_and_mean_what_they_meant() -> None:
    opened = read_form({})
    assert to_query(opened) == "batch_size=24&batches=8"
    assert open_link({"seed": "5"}) == read_form(
        {"seed": 5, "batch_size": 64, "batches": 10}
    )  # from before it was said
    adaptation = open_link({"reset_every": "4"}).settings.adaptation  # from before there was a choice of resets
    assert (adaptation.reset, adaptation.reset_every) == ("every", 4)
    recipe = read_form({"class_names": "cat = chaton & co, dog = собака\nbird = 鳥#1?", "seed": 7})
    assert all(character not in to_query(recipe) for character in " #?\n")
    assert there_and_back(recipe) == recipe
    assert recipe.class_names == ("chaton & co", "собака", "鳥#1?")
    assert from_query({"__theme": "dark", "view": "api", "seed": "3"}) == {"seed": 3}
    recipe = open_link({"dataset": "upload", "class_names": "cat, dog"})
    assert (recipe.images, recipe.class_names) == ((), ("cat", "dog"))


def test_a_bad_address_is_explained() -> None:
    for query, says in (
        ({"severity": "9"}, "severity is 9; it must be a whole number from 1 to 5"),
        ({"corruption": "<script>"}, "corruption is '<script>'; it must be one of"),
        ({"ramp": "yes"}, "ramp is 'yes'; it must be true or false"),
        ({"class_names": "unicorn, cat"}, "no class 'unicorn'"),
        ({"class_names": "cat, " + "a" * 9000}, "has 9,000 characters"),
    ):
        with pytest.raises(UserError) as error:
            open_link(query)
        assert says in str(error.value)


def test_unknown_words_of_a_link_are_named() -> None:
    assert unknown_words({"seed": "3", "__theme": "dark", "view": "api", "utm_source": "x"}) == ""
    for query, named in (
        ({"severty": "5"}, ("'severty' (is it severity?)",)),
        ({"severity": "5", "zzz": "1", "batchsize": "2"}, ("'zzz',", "'batchsize' (is it batch_size?)")),
        ({f"q{index}": "" for index in range(9)}, ("'q4', …",)),
    ):
        assert all(name in unknown_words(query) for name in named)
        assert "leaves out" in open_address(query)["message"]


@settings(max_examples=250, **MANY)
@given(st.dictionaries(NAMES, TEXTS, max_size=4))
def test_any_address_is_a_form_or_one_sentence(query: dict[str, str]) -> None:
    try:
        recipe = open_link(query)
    except UserError as error:
        sentence = str(error)
        assert sentence.endswith(".")
        assert len(sentence) < 1_200
        assert "\n" not in sentence
        sentence.encode()  # no halves of surrogate pairs: they would break the answer off
    else:
        assert recipe.images == ()
        assert there_and_back(recipe) == recipe == read_form(values_of(recipe))
    update = open_address(query)
    known = any(name in LINKED for name in query)
    assert bool(update) == (known or bool(unknown_words(query)))
    if update:
        update["message"].encode()
        assert "<img" not in update["message"]
        assert "<script" not in update["message"]


@settings(max_examples=200, **MANY)
@given(st.lists(st.tuples(NAMES, TEXTS), max_size=6))
def test_the_same_as_bytes_of_an_address(pairs: list[tuple[str, str]]) -> None:
    """As a browser sends it, names twice and broken escapes included."""
    text = urlencode(pairs, errors="replace").replace("%2C", "%", 1)
    with suppress(UserError):  # any other error fails the test
        open_link(dict(parse_qsl(text, keep_blank_values=True)))


@settings(max_examples=200, **MANY)
@given(st.dictionaries(st.sampled_from(LINKED), st.sampled_from(WRONG), max_size=3))
def test_no_form_has_a_link_that_does_not_open(changes: dict[str, object]) -> None:
    """What Share makes of raw values of a form."""
    query, message = address_of(changes)
    assert bool(query) != ("error" in message)
    if query:
        open_link(dict(parse_qsl(query[1:], keep_blank_values=True)))
