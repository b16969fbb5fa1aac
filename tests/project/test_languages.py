"""The list of all texts, and what is made of a translation."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from paths import ROOT
from warm import run_code

from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.arithmetic import duration
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings, settings_of
from cliptta_demo.languages import FOLDER, Text, read_language, say, say_count, speaking, wished
from cliptta_demo.languages.gather import said_in_python, said_in_script, written
from cliptta_demo.page.lessons.lessons import LESSONS
from cliptta_demo.page.lessons.losses import COLLAPSE
from cliptta_demo.page.words.glossary import GLOSSARY
from cliptta_demo.page.words.texts import RESET
from tools.made_up import OPENING, translation

POLISH = """
msgid ""
msgstr "Language: pl\\nContent-Type: text/plain; charset=utf-8\\n"

msgid "{count} image"
msgid_plural "{count} images"
msgstr[0] "{count} obraz"
msgstr[1] "{count} obrazy"
msgstr[2] "{count} obrazów"

msgid "{name} ends at {share:.1%}"
msgstr "{name} kończy na {share:.1%}"
"""

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


def made_up_file(direction: str, folder: Path) -> str:
    """A catalogue of the made-up language, by its path."""
    path = folder / "made_up.po"
    path.write_text(translation(direction), encoding="utf-8")
    return str(path)


def test_words_are_chosen_when_they_are_shown(tmp_path: Path) -> None:
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
    with speaking(read_language(made_up_file("ltr", tmp_path))):
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


def test_numbers_and_plurals_are_the_languages(tmp_path: Path) -> None:
    path = tmp_path / "pl.po"
    path.write_text(POLISH, encoding="utf-8")
    with speaking(read_language(str(path))):
        said = [say_count("{count} image", "{count} images", count) for count in (1, 2, 5, 1234)]
        assert said == ["1 obraz", "2 obrazy", "5 obrazów", "1\xa0234 obrazy"]
        assert say("{name} ends at {share:.1%}", name="A.B", share=0.4567) == "A.B kończy na 45,7\xa0%"
        assert say("What is missing") == "What is missing"


def test_a_browser_gets_the_first_language_of_its_list_that_there_is() -> None:
    assert wished("xx,en-GB;q=0.8,en;q=0.5").code == "en"
    assert wished("xx") is None


def test_a_file_that_is_no_translation_is_refused_in_a_sentence(tmp_path: Path) -> None:
    head = 'msgid ""\nmsgstr "Language: {}\\\\nContent-Type: text/plain; charset=utf-8\\\\n"\n\n'
    wrong = (head.format("zzz"), "nonsense", head.format("de") + 'msgid "Run {name}"\nmsgstr "Los, {nmae}"\n')
    for number, text in enumerate(wrong):
        broken = tmp_path / f"broken{number}.po"
        broken.write_text(text)
        with pytest.raises(ValueError, match=r"broken\d.po is no translation"):
            read_language(str(broken))
    (tmp_path / "folder.po").mkdir()
    with pytest.raises(ValueError, match=r"folder\.po is no translation"):
        read_language(str(tmp_path / "folder.po"))
    with pytest.raises(ValueError, match="CLIPTTA_LANGUAGE is nowhere; there are en"):
        read_language("nowhere")


def test_a_language_that_there_is_not_ends_the_program_with_its_sentence() -> None:
    environment = {**os.environ, "CLIPTTA_LANGUAGE": "xx"}
    for command in (["app.py"], ["-m", "cliptta_demo"], ["-m", "cliptta_demo", "run", "--help"]):
        ended = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
        assert ended.stderr.startswith("error: CLIPTTA_LANGUAGE is xx; there are ")


CATALOGUES = sorted(FOLDER.glob("*.po"))
SHEETS = sorted((ROOT / "docs" / "worksheets").glob("*.po"))
FILLED = re.compile(r"%?\{[^{}]*\}|</?\w[^<>]*>|&#?\w+;")  # places, tags, entities


@pytest.mark.parametrize("path", [*CATALOGUES, *SHEETS], ids=lambda path: f"{path.parent.stem}-{path.stem}")
def test_a_shipped_language_says_all_and_loses_no_place_or_tag(path: Path) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file)
    assert written(catalogue) == path.read_text("utf-8")  # as `make generate` writes it
    assert path in SHEETS or "# Terms, to keep to:" in catalogue.header_comment
    missing, lost = [], []
    for message in catalogue:
        if not message.id:
            continue
        counts = isinstance(message.id, tuple)
        *_, english = message.id if counts else [message.id]
        for said in message.string if counts else [message.string]:
            if not said:
                missing.append(english)
                continue
            wanted, found = (sorted(FILLED.findall(text)) for text in (english, said))
            if set(found) - set(wanted) if counts else found != wanted:  # one, two and none go without their number
                lost.append((english, said))
            if not said.strip() or [said[0] == " ", said[-1] == " "] != [english[0] == " ", english[-1] == " "]:
                lost.append((english, said))
    assert (missing, lost) == ([], [])


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_a_claim_is_a_part_of_what_its_lesson_says(path: Path) -> None:
    """The page marks it there."""
    with speaking(read_language(path.stem)):
        for lesson in LESSONS:
            told = [*(str(step.text) for step in lesson.explains), *(str(ask.why) for ask in lesson.asks)]
            claims = [str(claim.sentence) for claim in lesson.claims]
            assert [claim for claim in claims if not any(claim in text for text in told)] == []


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
def test_a_worksheet_calls_what_is_on_the_page_as_the_page_does(path: Path) -> None:
    page, sheets = (read_language(str(folder / path.name)).words for folder in (FOLDER, SHEETS[0].parent))
    named = {(said, label) for text, said in sheets.items() for label in re.findall(r"\*([^*]+)\*", text)}
    known = {(said, page[label]) for said, label in named if label in page}
    assert len(known) > 20
    assert [(said, label) for said, label in known if f"*{label}*" not in said] == []
