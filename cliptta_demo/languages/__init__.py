"""What a person reads, in a language: English as it stands in the code, or another file of this folder.

What is declared and what is raised keeps its English :class:`Text` and values; the words are chosen when it is shown,
in the language of the context (:func:`speaking`). Where nothing is set, that is the process's: ``CLIPTTA_LANGUAGE``
names a file beside this one (``de`` for ``de.json``), or any other by its path. ``en.json`` lists every text of the
code (``make generate`` writes it); a translation is a copy of it with other words on the right. docs/translating.md
tells how.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any, Self

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


_LANGUAGE = ContextVar("language", default=_chosen())  # noqa: B039 (frozen)


def language() -> Language:
    """The language in which texts are shown here: the context's, or the process's."""
    return _LANGUAGE.get()


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """Texts that are shown inside are in this language."""
    before = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(before)


class Text(str):
    """An English text, and what fills it, said when it is shown: by :func:`say`, ``str``, ``format``, an f-string.

    As an attribute of a class, and of an object that :class:`Says`, it is said as it is read. Whatever else takes it
    for a string (``join``, JSON, Gradio) finds its English there. Its argument is a literal, so that
    :mod:`cliptta_demo.languages.gather` finds it.
    """

    key: str
    values: dict[str, Any]

    def __new__(cls, text: str, /, **values: Any) -> Self:
        key, values = getattr(text, "key", text), getattr(text, "values", {}) | values
        made = super().__new__(cls, key.format(**values) if values else key)
        made.key, made.values = key, values
        return made

    def __str__(self) -> str:
        return say(self)

    def __format__(self, spec: str) -> str:
        return format(say(self), spec)

    def format(self, *values: Any, **named: Any) -> str:
        """Its words, filled."""
        return say(self).format(*values, **named)

    def __get__(self, owner: Any, kind: type | None = None) -> str:
        return say(self)


class Says:
    """Base of what is declared once and shown to many: each :class:`Text` among its attributes is said as it is read.

    ``dataclasses.replace`` reads too, and its copy would keep the words of the moment: :meth:`changed` keeps the texts.
    """

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        return say(value) if isinstance(value, Text) else value

    def changed(self, **values: Any) -> Self:
        """A copy with other values."""
        return type(self)(**{**vars(self), **values})


def say(text: str, /, **values: Any) -> str:
    """A text in the language of the context, with ``{name}`` filled from ``values``.

    The text is a literal, or was one: a :class:`Text`. Without values it is not formatted: a text whose places are
    filled later is told by itself.
    """
    key, values = getattr(text, "key", text), getattr(text, "values", {}) | values
    words = language().words.get(key, key)
    return words.format(**values) if values else words


def say_count(one: str, several: str, /, count: int, **values: Any) -> str:
    """The same for a text that counts: ``{count}`` is the number, with commas, and decides between the two."""
    words = language().words.get(one, [one, several])
    return words[count != 1].format(count=f"{count:,}", **values)
