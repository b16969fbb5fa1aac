"""What a person reads, in a language: English as it stands in the code, or a catalogue of this folder.

What is declared and what is raised keeps its English :class:`Text` and values; the words are chosen when it is shown,
in the language of the context (:func:`speaking`): a visitor's, or where nothing is set, the process's, which
``CLIPTTA_LANGUAGE`` names (``de`` for ``de.po``, or any other by its path). ``messages.pot`` lists every text of the
code (``make generate`` writes it). docs/translating.md tells how.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from gettext import c2py  # type: ignore[attr-defined]
from pathlib import Path
from string import Formatter
from typing import Any, Self

from babel import Locale, UnknownLocaleError
from babel.core import negotiate_locale
from babel.messages.pofile import PoFileError, read_po
from babel.numbers import get_decimal_symbol, get_group_symbol

FOLDER = Path(__file__).parent
ENGLISH = "en"


@dataclass(frozen=True)
class Language:
    """One catalogue.

    Attributes:
        code: as in HTML's ``lang``, for example ``de`` or ``pt-BR``.
        direction: ``ltr`` or ``rtl``; decimal, group, percent: marks of numbers.
        words: what stands for each English text; of one that counts, its forms. What is missing is said in English.
        form: which form a number takes.
    """

    code: str = ENGLISH
    direction: str = "ltr"
    decimal: str = "."
    group: str = ","
    percent: str = "%"
    words: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    form: Callable[[int], int] = lambda count: int(count != 1)

    @property
    def name(self) -> str:
        """What it calls itself."""
        locale = Locale.parse(self.code, sep="-")
        return locale.get_display_name(locale).capitalize()


@cache
def read_language(name: str) -> Language:
    """The language of a catalogue, by its name in this folder or its path.

    Raises:
        ValueError: there is no such file, or it is not a translation; the message names it.
    """
    path = Path(name) if name.endswith(".po") else FOLDER / f"{name.replace('-', '_')}.po"
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
        locale, words = catalogue.locale, {}
        for message in catalogue:
            keys, said = _all(message.id), _all(message.string)
            if not keys[0] or message.fuzzy or not all(said):
                continue
            known = set().union(*map(_places, keys)) | {"count"}
            for one in said:
                if more := _places(one) - known:
                    raise ValueError(f"{one!r} has a place {{{more.pop()}}} that the English does not fill")
            words[keys[0]] = said if message.pluralizable else said[0]
        spaced = "\u00a0" in str(locale.percent_formats[None]) or " " in str(locale.percent_formats[None])
        return Language(
            code=str(locale).replace("_", "-"),
            direction=locale.text_direction,
            decimal=get_decimal_symbol(locale),
            group=get_group_symbol(locale),
            percent="\u00a0%" if spaced else "%",
            words=words,
            form=c2py(catalogue.plural_expr),
        )
    except FileNotFoundError:
        there = ", ".join(codes())
        raise ValueError(f"CLIPTTA_LANGUAGE is {name}; there are {there}, or the path of a .po file.") from None
    except (OSError, ValueError, AttributeError, PoFileError, UnknownLocaleError) as error:
        raise ValueError(f"CLIPTTA_LANGUAGE is {name}, and {path} is no translation: {error}.") from None


def _all(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _places(text: str) -> set[str]:
    return {name for _, name, *_ in Formatter().parse(text) if name}


def codes() -> list[str]:
    """The languages that there are, as in HTML's ``lang``: English, then the others in the order of the alphabet."""
    return [ENGLISH, *sorted(path.stem.replace("_", "-") for path in FOLDER.glob("*.po"))]


def wished(preferred: str) -> Language | None:
    """The first that there is of a browser's list (the header ``Accept-Language``, ``de-CH,de;q=0.9,en;q=0.8``)."""
    tags = [tag.split(";")[0].strip() for tag in preferred.split(",")]
    found = negotiate_locale([tag for tag in tags if tag], codes(), sep="-")
    if found is None:  # a country's form of a language stands for all of it
        bases = {code.split("-")[0]: code for code in codes()}
        found = next((bases[base] for tag in tags if (base := tag.split("-")[0].lower()) in bases), None)
    return None if found is None else Language() if found == ENGLISH else read_language(found)


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


class _Numbers(Formatter):
    """Fills a text's places, with the marks that numbers have in a language."""

    def format_field(self, value: Any, spec: str) -> str:
        text = format(value, spec)
        if isinstance(value, str) or not spec:
            return text
        return localised(text)


def localised(number: str) -> str:
    """A number as Python writes it, with the marks of the context's language."""
    here = language()
    if here.code == ENGLISH:
        return number
    return number.translate({ord("."): here.decimal, ord(","): here.group, ord("%"): here.percent})


def within(label: str) -> str:
    """A label in the middle of a sentence: it begins small, except for an acronym, and in German."""
    return label if label[:2].isupper() or language().code == "de" else label[:1].lower() + label[1:]


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
        return _Numbers().format(say(self), *values, **named)

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
    return _Numbers().format(words, **values) if values else words


def say_count(one: str, several: str, /, count: int, **values: Any) -> str:
    """The same for a text that counts: ``{count}`` is the number, grouped, and decides between its forms."""
    here = language()
    forms = here.words.get(one)
    words = forms[here.form(count)] if forms else (one, several)[count != 1]
    return _Numbers().format(words, count=localised(f"{count:,}"), **values)
