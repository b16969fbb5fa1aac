"""Links from anybody: whatever an address says is a whole, checked form, or one sentence shown as text."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from urllib.parse import parse_qsl, urlencode

from hostile_files import STEMS
from hostile_values import OWN, TUNED, WRONG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cliptta_demo.backend.errors import UserError
from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.form.links import from_query, open_link, to_query, unknown_words
from cliptta_demo.page.form.reading import read_form, values_of
from cliptta_demo.page.layout.filling import address_of, open_address

CASES = 600
SEEN: Counter[str] = Counter()
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
LINKED = tuple(fields())
NAMES = st.one_of(st.sampled_from(LINKED), st.sampled_from(LINKED), st.text(max_size=12), st.just("files"))


@settings(max_examples=CASES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(NAMES, TEXTS, max_size=4))
def test_any_address_is_a_form_or_one_sentence(query: dict[str, str]) -> None:
    SEEN["all"] += 1
    try:
        recipe = open_link(query)
    except UserError as error:
        SEEN["refused"] += 1
        sentence = str(error)
        assert sentence.endswith(".")
        assert len(sentence) < 1_200
        assert "\n" not in sentence
        sentence.encode()  # no halves of surrogate pairs: they would break the answer off
    else:
        SEEN["opened"] += 1
        assert recipe.images == ()
        assert read_form(values_of(recipe)) == recipe
        assert open_link(dict(parse_qsl(to_query(recipe), keep_blank_values=True))) == recipe
    update = open_address(query)
    known = any(name in LINKED for name in query)
    assert bool(update) == (known or bool(unknown_words(query)))
    if update:
        update["message"].encode()
        assert "<img" not in update["message"]
        assert "<script" not in update["message"]


@settings(max_examples=CASES // 2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(NAMES, TEXTS), max_size=6))
def test_the_same_as_bytes_of_an_address(pairs: list[tuple[str, str]]) -> None:
    """As a browser sends it, names twice and broken escapes included."""
    SEEN["all"] += 1
    text = urlencode(pairs, errors="replace").replace("%2C", "%", 1)
    query = dict(parse_qsl(text, keep_blank_values=True))
    with suppress(UserError):  # any other error fails the test
        assert set(from_query(query)) <= set(LINKED)


@settings(max_examples=CASES // 3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(LINKED), st.sampled_from(WRONG), max_size=3))
def test_no_form_has_a_link_that_does_not_open(changes: dict[str, object]) -> None:
    """What Share makes of raw values of a form."""
    SEEN["all"] += 1
    query, message = address_of(changes)
    assert bool(query) != ("error" in message)
    if query:
        open_link(dict(parse_qsl(query[1:], keep_blank_values=True)))


def test_there_were_enough_of_them() -> None:
    print(dict(SEEN))
    assert SEEN["all"] >= 1_000
    assert SEEN["opened"] >= 30
    assert SEEN["refused"] >= 200
