"""The list of all texts, and what is made of a translation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cliptta_demo.languages import FOLDER, read_language, say, say_count
from cliptta_demo.languages.gather import english, said_in_python, said_in_script


def test_the_file_of_english_holds_every_text_of_package_and_scripts() -> None:
    assert (FOLDER / "en.json").read_text("utf-8") == english(), "Run python -m cliptta_demo.languages.gather."


def test_texts_are_found_in_python_and_in_scripts() -> None:
    assert list(said_in_python('say("a " "b", c=1)\nother.say(x)\nsay_count("{count} x", "{count} xs", 3)')) == [
        ["a b"],
        ["{count} x", "{count} xs"],
    ]
    assert list(said_in_script('cliptta.say("a \\"b\\"");\nessay("no");\nsayCount("x", "xs", 3)')) == [
        ['a "b"'],
        ["x", "xs"],
    ]
    with pytest.raises(ValueError, match="Line 2"):
        list(said_in_python('\nsay(f"a {b}")'))


def test_english_is_what_the_code_says() -> None:
    assert say("Run {name}", name="it") == "Run it"
    assert say("{} stays") == "{} stays"
    assert [say_count("{count} image", "{count} images", n) for n in (1, 0, 4000)] == [
        "1 image",
        "0 images",
        "4,000 images",
    ]


def test_a_file_that_is_no_translation_is_refused_in_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"code": "xx"}))
    with pytest.raises(ValueError, match=r"broken.json is no translation"):
        read_language(str(broken))
    with pytest.raises(ValueError, match="CLIPTTA_LANGUAGE is nowhere; there are en"):
        read_language("nowhere")
