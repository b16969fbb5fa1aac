"""Columns of a table: a method, with some of its settings changed.

A column is written ``METHOD`` or ``METHOD@WORD=VALUE@WORD=VALUE``, where WORD is an option of the command line without
its dashes: ``tent@lr=0.0001``, ``cliptta@steps=3@memory-shots=0``. ``tent-regularised`` is short for TENT with
CLIPTTA's regulariser, the fair opponent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.settings import AdaptationSettings, check_choice, method_names

# command-line word → field of AdaptationSettings
ADAPTATION_WORDS = {
    "lr": "learning_rate",
    "steps": "steps",
    "lambda_reg": "regulariser_weight",
    "tent_lambda_reg": "tent_regulariser_weight",
    "memory_shots": "memory_shots",
    "memory_sample": "memory_sample",
    "lambda_oce": "oce_weight",
    "gamma": "oce_gamma",
    "score": "score",
    "symmetric": "symmetric",
}
ALIASES = {"tent-regularised": "tent@tent-lambda-reg=1"}
ALIAS_LABELS = {"tent-regularised": "TENT + regulariser"}


@dataclass(frozen=True)
class Variant:
    """A column of a table.

    Attributes:
        name: as it was written; title: for people; method: the engine's name of the method.
        changes: fields of :class:`AdaptationSettings` that differ from the backbone's own.
    """

    name: str
    title: str
    method: str
    changes: dict[str, Any] = field(default_factory=dict)

    def settings(self, own: AdaptationSettings) -> AdaptationSettings:
        """The backbone's ``own`` settings with this column's changes; out-of-range values raise ``UserError``."""
        return replace(own, **self.changes)


def label_of(method: str) -> str:
    """A method's name for people, as it stands within a sentence."""
    return method if method == REFERENCE else METHODS[method].label


def parse_variant(text: str) -> Variant:
    """Reads one column; raises :class:`UserError` that names what is wrong."""
    method, *changes = ALIASES.get(text, text).split("@")
    check_choice("methods", method, method_names())
    values: dict[str, Any] = {}
    for change in changes:
        word, equals, value = change.partition("=")
        name = ADAPTATION_WORDS.get(word.strip().lstrip("-").replace("-", "_"))
        if name is None or not equals:
            allowed = ", ".join(known.replace("_", "-") for known in ADAPTATION_WORDS)
            raise UserError(f"methods has {text!r}; after an @ write WORD=VALUE with a word out of: {allowed}.")
        values[name] = _read(name, value.strip(), text)
    if text in ALIASES:
        return Variant(text, ALIAS_LABELS[text], method, values)
    title = ", ".join([label_of(method), *(_spoken(change) for change in changes)])
    variant = Variant(text, title, method, values)
    variant.settings(AdaptationSettings())  # out-of-range values are refused here, before any work
    return variant


def parse_variants(text: str) -> tuple[Variant, ...]:
    """Reads columns separated by commas; each may stand once."""
    variants = tuple(parse_variant(part.strip()) for part in text.split(",") if part.strip())
    if not variants:
        raise UserError("methods is empty; choose at least one of: " + ", ".join([*method_names(), *ALIASES]) + ".")
    titles = [variant.title for variant in variants]
    if len(set(titles)) < len(titles):
        raise UserError(f"methods names one column twice: {text}.")
    return variants


def _spoken(change: str) -> str:
    word, _, value = change.partition("=")
    return f"{word.strip().replace('-', ' ').replace('_', ' ')} {value.strip()}"


def _read(name: str, value: str, text: str) -> Any:
    kind = {item.name: type(item.default) for item in fields(AdaptationSettings)}[name]
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        return kind(value)
    except (KeyError, ValueError):
        words = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise UserError(f"methods has {text!r}; {name} is {value!r}, it must be {words}.") from None
