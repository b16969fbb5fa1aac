"""What a person reads, in the page's language: English as it stands in the code, or another file of this folder.

The language is the process's: ``CLIPTTA_LANGUAGE`` names a file beside this one (``de`` for ``de.json``), or any other
by its path. ``en.json`` lists every text that the code says (``make generate`` writes it); a
translation is a copy of it with other words on the right. docs/translating.md tells how.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

FOLDER = Path(__file__).parent
ENGLISH = "en"


@dataclass(frozen=True)
class Language:
    """One file of words.

    Attributes:
        code: as in HTML's ``lang``, for example ``de`` or ``pt-BR``.
        direction: ``ltr`` or ``rtl``.
        words: what stands for each English text; of one that counts a pair, for one and for several. What is missing
            is said in English.
    """

    code: str = ENGLISH
    direction: str = "ltr"
    words: dict[str, str | list[str]] = field(default_factory=dict)


def read_language(name: str) -> Language:
    """The language of a file, by its name in this folder or its path.

    Raises:
        ValueError: there is no such file, or it is not a translation; the message names it.
    """
    path = Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        for text, words in known["words"].items():
            for one in words if isinstance(words, list) else [words]:
                if more := _places(one) - _places(text) - {"count"}:
                    raise ValueError(f"{one!r} has a place {{{more.pop()}}} that the English does not fill")
        return Language(str(known["code"]), str(known["direction"]), known["words"])
    except FileNotFoundError:
        there = ", ".join(sorted(found.stem for found in FOLDER.glob("*.json")))
        raise ValueError(f"CLIPTTA_LANGUAGE is {name}; there are {there}, or the path of a .json file.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"CLIPTTA_LANGUAGE is {name}, and {path} is no translation: {error}.") from None


def _places(text: str) -> set[str]:
    return {name for _, name, *_ in Formatter().parse(text) if name}


def _chosen() -> Language:
    """The process's language; it ends with a sentence where there is none: nothing could be said in it."""
    name = os.environ.get("CLIPTTA_LANGUAGE") or ENGLISH
    try:
        return Language() if name == ENGLISH else read_language(name)
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None


LANGUAGE = _chosen()


def say(text: str, /, **values: Any) -> str:
    """A text in the page's language, with ``{name}`` filled from ``values``.

    The text is a literal, so that :mod:`cliptta_demo.languages.gather` finds it. Without values it is not formatted:
    a text whose places are filled later is told by itself.
    """
    words = LANGUAGE.words.get(text, text)
    return words.format(**values) if values else words


def say_count(one: str, several: str, /, count: int, **values: Any) -> str:
    """The same for a text that counts: ``{count}`` is the number, with commas, and decides between the two."""
    words = LANGUAGE.words.get(one, [one, several])
    return words[count != 1].format(count=f"{count:,}", **values)
