"""Choosing the methods: those chosen as a row of names, and behind a button all there are, family by family."""

import html
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import gradio as gr

from cliptta_demo.backend.methods.looks import looks
from cliptta_demo.backend.methods.recorded import Measured, measured
from cliptta_demo.backend.methods.registry import FAMILIES, METHODS, REFERENCE
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.run.arithmetic import times_zero_shot
from cliptta_demo.languages import say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.panels.panel import scripts
from cliptta_demo.page.words.defaults import DEFAULTS
from cliptta_demo.page.words.texts import HELP, PICKER


def build_picker(chosen: Sequence[str]) -> gr.HTML:
    """The widget; its value is the list of the chosen methods' names."""
    return gr.HTML(
        list(chosen),
        html_template=_template(),
        js_on_load="window.cliptta.picker(element, props, watch, trigger, server);",
        server_functions=[marks_of],
        head=scripts(),
        apply_default_css=False,
        elem_id="methods",
    )


def marks_of(names: Any) -> dict[str, dict[str, str]]:
    """How methods are drawn side by side, by name: no two of them alike."""
    known = [name for name in names if name in METHODS] if isinstance(names, list) else []
    return {name: look.mark for name, look in looks(dict.fromkeys(known)).items()}


def _template() -> str:
    kinds = sorted(METHODS.values(), key=lambda kind: _place(kind.family))
    families = "".join(
        f"<fieldset><legend>{html.escape(say(FAMILIES.get(family) or family.capitalize()))}</legend>"
        f"{''.join(map(_row, group))}</fieldset>"
        for family, group in groupby(kinds, key=lambda kind: kind.family)
    )
    return (
        f'<div class="picker" data-most="{LIMITS.max_methods}"><p class="head">{PICKER["head"]}</p>'
        f'<ul class="chosen" aria-label="{PICKER["chosen"]}"></ul>'
        f"<details><summary><span>{PICKER['add']}</span> <small></small></summary>"
        f'<p class="hint">{HELP["methods"]}</p>{families}</details></div>'
    )


def _place(family: str) -> int:
    return list(FAMILIES).index(family) if family in FAMILIES else len(FAMILIES)


def _row(kind: Any) -> str:
    settings, classes = tuned_adaptation(DEFAULTS.backbone), len(DEFAULTS.class_names)
    times, about = times_zero_shot(kind.name, settings, classes, DEFAULTS.stream.batch_size), f"about-{kind.name}"
    cost = PICKER["times"].format(f"{times:,.0f}" if times >= 2 else f"{times:.2g}")
    gain = _gain(measured()[kind.name]) if kind.name in measured() else ""
    locked = " disabled checked" if kind.name == REFERENCE else ""
    return (
        f'<div class="method" style="--own: var(--m-{kind.colour})">'
        f'<label><input type="checkbox" value="{html.escape(kind.name)}" aria-describedby="{about}"{locked}>'
        f'<i class="marker {kind.symbol}" aria-hidden="true"></i><b>{html.escape(kind.label)}</b></label>'
        f'{gain}<span class="cost" title="{PICKER["cost"]}">{cost}</span>'
        f'<p id="{about}">{html.escape(kind.sentence)} <span>{html.escape(kind.paper[-4:])}</span></p></div>'
    )


def _gain(found: Measured) -> str:
    kind = {1: "gained", -1: "lost", 0: "level"}[found.told]
    points = f"{found.gain:+.1f}".replace("-", "−")
    about = PICKER["gain"].format(margin=f"{found.margin:.1f}", images=found.images)
    return f'<span class="gain {kind}" title="{about}">{points}</span>'
