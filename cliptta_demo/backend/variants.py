"""Columns of a table: a method, with some of its settings changed.

A column is written ``METHOD`` or ``METHOD@WORD=VALUE@WORD=VALUE``, where WORD is an option of the command line without
its dashes: ``tent@lr=0.0001``, ``cliptta@steps=3@memory-shots=0``. ``tent-regularised`` is short for TENT with
CLIPTTA's regulariser, the fair opponent.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from cliptta_demo.backend.declare import Declared, check_choice, settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.own_settings import build_own, own_declared
from cliptta_demo.backend.registry import REFERENCE, all_methods
from cliptta_demo.backend.settings import AdaptationSettings, method_names

ALIASES = {"tent-regularised": ("tent@tent-lambda-reg=1", "TENT + regulariser")}  # column, title


@dataclass(frozen=True)
class Variant:
    """A column of a table.

    Attributes:
        name: as it was written; title: for people; method: the engine's name of the method.
        changes: fields of :class:`AdaptationSettings` that differ from the backbone's own, and the method's own
            settings that differ from its defaults, as METHOD.SETTING.
    """

    name: str
    title: str
    method: str
    changes: dict[str, Any] = field(default_factory=dict)

    def settings(self, own: AdaptationSettings) -> AdaptationSettings:
        """The backbone's ``own`` settings with this column's changes; out-of-range values raise ``UserError``."""
        return replace(own, **{name: value for name, value in self.changes.items() if "." not in name})

    @property
    def own(self) -> dict[str, Declared]:
        """Method → its own settings, where this column changes some; out-of-range values raise ``UserError``."""
        return build_own({name: value for name, value in self.changes.items() if "." in name})


def label_of(column: str) -> str:
    """A method's name for people, as it stands within a sentence, or an alias's."""
    return column if column == REFERENCE else ALIASES[column][1] if column in ALIASES else all_methods()[column].label


def parse_variant(text: str) -> Variant:
    """Reads one column; raises :class:`UserError` that names what is wrong."""
    method, *changes = ALIASES.get(text, (text,))[0].split("@")
    check_choice("methods", method, method_names())
    own = {name: setting for name, setting in own_declared().items() if name.startswith(f"{method}.")}
    known = {setting.word: (name, setting) for name, setting in (settings_of(AdaptationSettings) | own).items()}
    values, spoken = dict[str, Any](), [label_of(method)]
    for change in changes:
        word, equals, value = (part.strip() for part in change.partition("="))
        spoken.append(f"{re.sub('[-_]', ' ', word)} {value}")
        name, setting = known.get(word.lstrip("-").replace("_", "-"), ("", None))
        if setting is None or not equals:
            allowed = ", ".join(known)
            raise UserError(f"methods has {text!r}; after an @ write WORD=VALUE with a word out of: {allowed}.")
        try:
            values[name] = setting.parse(value.lower() if setting.kind is bool else value)
        except ValueError as error:
            raise UserError(f"methods has {text!r}; {name} is {value!r}, it must be {error}.") from None
    if text in ALIASES:
        return Variant(text, label_of(text), method, values)
    variant = Variant(text, ", ".join(spoken), method, values)
    _ = variant.settings(AdaptationSettings()), variant.own  # out-of-range values are refused here, before any work
    return variant


def parse_variants(text: str) -> tuple[Variant, ...]:
    """Reads columns separated by commas; each may stand once."""
    columns = [part.strip() for part in text.split(",") if part.strip()]
    variants = tuple(map(parse_variant, columns))
    if not variants:
        raise UserError("methods is empty; choose at least one of: " + ", ".join([*method_names(), *ALIASES]) + ".")
    titles = [variant.title for variant in variants]
    if len(set(titles)) < len(titles):
        raise UserError(f"methods names one column twice: {text}.")
    return variants
