"""The list of all texts, and what is made of a translation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from cliptta_demo.languages import read_language, say, say_count
from cliptta_demo.languages.gather import said_in_python, said_in_script


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
    wrong = ({"code": "xx"}, [], {"code": "xx", "direction": "ltr", "words": {"Run {name}": "Los, {nmae}"}})
    for known in wrong:
        broken.write_text(json.dumps(known))
        with pytest.raises(ValueError, match=r"broken.json is no translation"):
            read_language(str(broken))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ValueError, match=r"folder\.json is no translation"):
        read_language(str(tmp_path / "folder.json"))
    with pytest.raises(ValueError, match="CLIPTTA_LANGUAGE is nowhere; there are en"):
        read_language("nowhere")


@pytest.mark.parametrize("command", [["app.py"], ["-m", "cliptta_demo"], ["-m", "cliptta_demo", "run", "--help"]])
def test_a_language_that_there_is_not_ends_the_program_with_its_sentence(command: list[str]) -> None:
    environment = {**os.environ, "CLIPTTA_LANGUAGE": "xx"}
    ended = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("error: CLIPTTA_LANGUAGE is xx; there are ")
