"""Settings and class names as people give them: refused in one sentence what is out of range, and read what is not."""

import json
import unicodedata
from itertools import product

import hypothesis
import pytest
from hypothesis import strategies as st

from cliptta_demo.backend.declare import settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name, parse_class_names
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.page.form.fields import FORM


def test_a_refusal_stays_one_sentence_whatever_it_quotes() -> None:
    fields, odd = ("severity", "corruption", "ramp", "ood_share"), (10**400, -(10**5000), "x" * 10**6, [[0] * 999])
    for field, value in product(fields, odd):
        with pytest.raises(UserError, match=f"^{field} is ") as caught:
            StreamSettings(**{field: value})
        assert len(str(caught.value)) < 500
    for methods in ((), ("magic",), ("tent", "tent")):
        with pytest.raises(UserError, match="methods"):
            RunSettings(methods=methods)


def test_plain_settings_say_all() -> None:
    settings = RunSettings(
        methods=("tent", "cliptta-oce"),
        stream=StreamSettings(corruption="cycle", ood_share=0.5, seed=7),
        adaptation=AdaptationSettings(steps=3, symmetric=True),
    )
    plain = json.loads(json.dumps(settings.to_dict()))
    assert plain["methods"] == ["tent", "cliptta-oce"]
    assert StreamSettings(**plain["stream"]) == settings.stream
    assert AdaptationSettings(**plain["adaptation"]) == settings.adaptation


def test_every_declared_setting_has_a_reason_and_a_place() -> None:
    for settings in (StreamSettings, AdaptationSettings):
        for name, setting in settings_of(settings).items():
            assert setting.why, name
            assert bool(setting.label) == (name in FORM), name
            assert bool(setting.mark) + bool(setting.restart) == (name != "batches"), name


def refusal(text: str, **options: int) -> str:
    with pytest.raises(UserError) as caught:
        parse_class_names(text, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat, dog", ("cat", "dog")),
        ("cat\ndog\r\nbird\rfish", ("cat", "dog", "bird", "fish")),
        (" ;, golden \t  retriever ;;\n\n, cat,", ("golden retriever", "cat")),
        ("zebra;apple", ("zebra", "apple")),
        ("snow_owl,Cat", ("snow_owl", "Cat")),
        ("猫、犬，鳥；魚", ("猫", "犬", "鳥", "魚")),
        ("قطة، كلب؛ طائر", ("قطة", "كلب", "طائر")),
        ("cafe\u0301, thé", ("café", "thé")),
        ("👩‍🚀, ❤️, 🏴\U000e0067\U000e0062\U000e007f", ("👩‍🚀", "❤️", "🏴\U000e0067\U000e0062\U000e007f")),
        ("می‌خواهم, क्‍ष", ("می‌خواهم", "क्‍ष")),
        ("c\u202eat, d\x00og\x7f, \u2067bird\u2069, \ufefffish", ("cat", "dog", "bird", "fish")),
        ("a\u00adb\u200bc, \ud800x", ("abc", "x")),
        ("e\u200b\u0301, y", ("é", "y")),
        ("a\u037eb", ("a", "b")),  # the Greek question mark is a semicolon once normalised
        ("\u200d\u200c, ___, \u0301, cat, dog", ("cat", "dog")),
        ("\u200dcat\u200c, dog", ("cat", "dog")),
        ("new emoji \U0001fadf, \U0001fadf", ("new emoji \U0001fadf", "\U0001fadf")),
    ],
)
def test_what_is_read(text: str, expected: tuple[str, ...]) -> None:
    assert parse_class_names(text) == expected
    assert display_name("__a-b__") == "  a-b  "


def test_too_few_too_many_too_long_and_twice_the_same() -> None:
    for nothing in ("", "  \n,;\t", "\u202e", "_"):
        assert refusal(nothing).startswith("Type at least two class names, ")
    assert refusal("cat,\n") == "One class leaves nothing to choose between: add at least one more."
    for text in ("cat, dog, cat", "cat, dog, cAT, bird, DOG", "STRASSE, straße", "snow_owl, Snow owl", "É, e\u0301"):
        assert refusal(text) == f"'{text.partition(',')[0]}' appears twice: keep one of each."
    assert refusal("a,b,c", max_classes=2) == "There are 3 class names: keep at most 2."
    assert parse_class_names("a,b", max_classes=2) == ("a", "b")
    assert refusal(",".join(map(str, range(1001)))) == "There are 1,001 class names: keep at most 1,000."
    assert len(parse_class_names(",".join(map(str, range(1000))))) == 1000
    assert parse_class_names(f"{'x' * 80}, y") == ("x" * 80, "y")
    sentence = refusal(f"{'x' * 81}, y")
    assert sentence == f"'{'x' * 40}…' has 81 characters: shorten this class name to at most 80."
    assert len(refusal("x" * 100_000 + ",y")) < 200


@hypothesis.settings(max_examples=100, deadline=None, derandomize=True)
@hypothesis.given(st.lists(st.text(max_size=12), max_size=12).map(", ".join))
def test_any_text_gives_clean_names_or_one_sentence(text: str) -> None:
    try:
        names = parse_class_names(text)
    except UserError as error:
        sentence = str(error)
        names = ()
    if not names:
        assert sentence.endswith(".")
        assert "\n" not in sentence
        return
    assert len(names) >= 2
    assert parse_class_names("\n".join(names)) == names
    assert parse_class_names("; ".join(names)) == names
    for name in names:
        assert name == " ".join(name.split()) != ""
        assert unicodedata.is_normalized("NFC", name)
        assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name)
        assert not set(name) & set(",;\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
