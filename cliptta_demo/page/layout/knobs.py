"""The knobs above the stage: corruption, severity and learning rate, each a component whose value is the form's."""

import html
import math
from collections.abc import Mapping
from typing import Any

import gradio as gr

from cliptta_demo.backend.corruptions import CORRUPTIONS
from cliptta_demo.languages import Text, say
from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.panels.panel import CORRUPTIONS as PICTURES
from cliptta_demo.page.panels.panel import address, scripted

COLUMNS = ("none", *tuple(CORRUPTIONS)[:19])
LOWEST, HIGHEST = 1e-5, 1e-2  # learning rates of the slider; links and programs may say others
RATE = Text("Learning rate")


def turning_knobs(values: Mapping[str, Any]) -> dict[str, gr.HTML]:
    """Their widgets by the names of the form's fields, in the order in which they stand."""
    return {
        "corruption": _knob("corruption", values["corruption"], _corruptions()),
        "severity": _knob("severity", values["severity"], _severities()),
        "learning_rate": _knob("rate", values["learning_rate"], _rates(), "learning-rate"),
    }


def _knob(name: str, value: Any, template: str, place: str = "") -> gr.HTML:
    work = f"window.cliptta.{name}(element, props, watch, trigger);"
    return scripted(place or name, template, work, value, elem_classes="knob")


def _name(label: str, value: str = "") -> str:
    return f'<p class="knob-name">{html.escape(label)} <b>{value}</b></p>'


def _corruptions() -> str:
    setting = fields()["corruption"].setting
    options = "".join(map(_option, *zip(*setting.options.items(), strict=True)))
    some = len([name for name in setting.options if name in COLUMNS]) - 5
    sheet = f'style="--sheet: url({address(PICTURES)})"'
    return (
        f"<div {sheet}>{_name(setting.label)}"
        f'<div class="thumbs" role="group" aria-label="{html.escape(setting.label)}">'
        f'<button type="button" class="more" aria-label="{html.escape(say("All corruptions"))}">+{some}</button></div>'
        f'<div class="floating corruptions">{options}</div></div>'
    )


def _option(name: str, label: str) -> str:
    column = COLUMNS.index(name) if name in COLUMNS else None
    thumb = f'<i class="thumb" style="--column: {column}"></i>' if column is not None else ""
    return f'<button type="button" value="{html.escape(name)}">{thumb}<span>{html.escape(label)}</span></button>'


def _severities() -> str:
    setting = fields()["severity"].setting
    buttons = "".join(
        f'<label><input type="radio" name="severity" value="{level}"><span>{level}</span></label>'
        for level in range(setting.low, setting.high + 1)
    )
    legend = f'<legend class="knob-name">{html.escape(setting.label)}</legend>'
    return f'<fieldset>{legend}<div class="segments">{buttons}</div></fieldset>'


def _rates() -> str:
    low, high = math.log10(LOWEST), math.log10(HIGHEST)
    label = html.escape(say(RATE))
    return f'{_name(say(RATE))}<input type="range" min="{low:g}" max="{high:g}" step="0.05" aria-label="{label}">'
