"""Every text that the package and its scripts say, in English, as gettext's tools know it.

``make generate`` writes it into ``messages.pot``, and brings the translations beside it up to date.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from cliptta_demo.languages import FOLDER
from cliptta_demo.places import ASSETS

CLASSES = "pictures/classes.json"
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


def _sources() -> Iterator[tuple[str, Iterator[list[str]]]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent != FOLDER:
            yield path.relative_to(PACKAGE).as_posix(), said_in_python(path.read_text("utf-8"))
    for path in sorted(ASSETS.glob("*.js")):
        yield f"assets/{path.name}", said_in_script(path.read_text("utf-8"))


@cache
def template() -> Catalog:
    """The list of texts, each with the files that say it."""
    found = Catalog(project="CLIPTTA demo", fuzzy=False)
    for where, said in _sources():
        for texts in said:
            found.add(texts[0] if len(texts) == 1 else tuple(texts), locations=[(where, None)])
    for name in json.loads((ASSETS / CLASSES).read_text("utf-8"))["classes"]:  # scripts show them translated
        found.add(name, locations=[(f"assets/{CLASSES}", None)])
    return found


@cache
def script_words() -> frozenset[str]:
    """What the page's scripts say, in English; of what counts, the text for one."""
    said = [each for each in template() if any(place.startswith("assets/") for place, _ in each.locations)]
    return frozenset(each.id if isinstance(each.id, str) else each.id[0] for each in said)


def written(catalogue: Catalog) -> str:
    """A catalogue as it stands in its file."""
    file = BytesIO()
    write_po(file, catalogue, width=110, sort_output=True, omit_header=False, ignore_obsolete=True)
    lines = file.getvalue().decode().splitlines()
    return "\n".join(line for line in lines if not line.startswith('"POT-Creation-Date')) + "\n"


def updated(path: Path, texts: Catalog | None = None) -> str:
    """A translation with the texts of today: those that are new are empty, and show in English until filled.

    Args:
        path: its file; texts: the list of texts, the page's where it is not given.
    """
    with path.open("rb") as file:
        catalogue = read_po(file)
    catalogue.update(texts or template(), no_fuzzy_matching=True, update_header_comment=False, keep_user_comments=True)
    return written(catalogue)
