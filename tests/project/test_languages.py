"""The list of all texts, and what is made of a translation."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT
from warm import run_code

from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.arithmetic import duration
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings, settings_of
from cliptta_demo.languages import Language, Text, read_language, say, say_count, speaking
from cliptta_demo.languages.gather import said_in_python, said_in_script
from cliptta_demo.page.lessons.losses import COLLAPSE
from cliptta_demo.page.words.glossary import GLOSSARY
from cliptta_demo.page.words.texts import RESET
from tools.made_up import OPENING, translation

# Imports all of the package where nothing can be said; the server's workers and processes of their own begin elsewhere.
IMPORTS = """
import importlib, pkgutil
import cliptta_demo, cliptta_demo.languages as languages
def refuse(): raise AssertionError("said at import")
languages.language = refuse
for module in pkgutil.walk_packages(cliptta_demo.__path__, "cliptta_demo."):
    if not module.name.endswith(("__main__", "ray_workers")):
        importlib.import_module(module.name)
"""


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


def test_nothing_is_said_while_the_package_is_imported() -> None:
    status, text = run_code(IMPORTS)
    assert status == 0, text[-3000:]


def test_words_are_chosen_when_they_are_shown() -> None:
    """What was declared and raised in one language is shown in another, also from another process."""
    inner = UserError("{name} is {value}; it must be true or false.", name=Text("a number"), value=duration(600))
    outer = DoesNotFit("This link can't be opened as it is: {reason}", reason=inner)

    def shown() -> list[str]:
        rate, severity = (settings_of(AdaptationSettings)["learning_rate"], settings_of(StreamSettings)["severity"])
        return [
            *(rate.label, severity.changed(high=3).label, severity.mark_of(StreamSettings())),
            *(METHODS["zero-shot"].label, METHODS["tent"].sentence, COLLAPSE.title, COLLAPSE.asks[0].text),
            *(COLLAPSE.explains[0].text, GLOSSARY[0].forms[0], RESET.format(), f"{RESET}", str(RESET)),
            *(str(inner), str(outer), str(pickle.loads(pickle.dumps(outer)))),
        ]

    english = shown()
    with speaking(Language("cs", "ltr", translation("ltr")["words"])):
        other = shown()
    assert [OPENING in text for text in other] == [True] * len(other), other
    assert english[-2:] == ["This link can't be opened as it is: a number is 10 min; it must be true or false."] * 2
    assert other[-1].count(OPENING) == 4  # two texts in a text in a text
    assert shown() == english


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


def test_a_language_that_there_is_not_ends_the_program_with_its_sentence() -> None:
    environment = {**os.environ, "CLIPTTA_LANGUAGE": "xx"}
    for command in (["app.py"], ["-m", "cliptta_demo"], ["-m", "cliptta_demo", "run", "--help"]):
        ended = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
        assert ended.stderr.startswith("error: CLIPTTA_LANGUAGE is xx; there are ")
