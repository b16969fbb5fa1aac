"""Every text that the package and its scripts say, in English; ``make generate`` writes them into ``en.json``."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache

from cliptta_demo.languages import ENGLISH, FOLDER
from cliptta_demo.places import ASSETS

PACKAGE = FOLDER.parent
SAYS = ("say", "say_count", "Text", "Told")
ERRORS = ("UserError", "DoesNotFit", "CameraGone")  # whose first argument is said as the error is shown
SAYING = re.compile(r'\bsay\(\s*("(?:[^"\\]|\\.)*")')  # in scripts: one literal in double quotes
COUNTING = re.compile(r'\bsayCount\(\s*("(?:[^"\\]|\\.)*"),\s*("(?:[^"\\]|\\.)*")')


def said_in_python(source: str) -> Iterator[list[str]]:
    """The texts of a file: ``[text]``, or ``[one, several]`` where they count.

    Raises:
        ValueError: a text is put together, which no list of texts could hold; the message has its line.
    """
    for node in ast.walk(ast.parse(source)):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if name not in (*SAYS, *ERRORS):
            continue
        given = node.args[: 2 if name == "say_count" else 1]
        literal = [text.value for text in given if isinstance(text, ast.Constant) and isinstance(text.value, str)]
        if len(literal) == len(given):
            yield literal
        elif name == "say_count" or (name not in ERRORS and isinstance(given[0], ast.JoinedStr | ast.BinOp)):
            raise ValueError(f"Line {node.lineno}: {name} takes literal texts.")


def said_in_script(source: str) -> Iterator[list[str]]:
    """The texts of a script, likewise."""
    for found in SAYING.findall(source):
        yield [json.loads(found)]
    for pair in COUNTING.findall(source):
        yield [json.loads(text) for text in pair]


@cache
def script_words() -> dict[str, str | list[str]]:
    """What the page's scripts say, in English."""
    return _words(texts for path in sorted(ASSETS.glob("*.js")) for texts in said_in_script(path.read_text("utf-8")))


def all_words() -> dict[str, str | list[str]]:
    """What package and scripts say, in English and in order of the alphabet."""
    sources = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != FOLDER]
    in_python = _words(texts for path in sources for texts in said_in_python(path.read_text("utf-8")))
    return dict(sorted((in_python | script_words()).items()))


def _words(found: Iterator[list[str]]) -> dict[str, str | list[str]]:
    return {texts[0]: texts[0] if len(texts) == 1 else texts for texts in found}


def english() -> str:
    """The contents of ``en.json``."""
    return json.dumps({"code": ENGLISH, "direction": "ltr", "words": all_words()}, indent=1, ensure_ascii=False) + "\n"
