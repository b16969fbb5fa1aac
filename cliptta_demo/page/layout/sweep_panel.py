"""The panel of one turned knob with its widgets: which knob, Sweep, Stop."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from cliptta_demo.languages import say
from cliptta_demo.page.form.fields import FORM, form_of
from cliptta_demo.page.layout.results_panel import PRIVATE
from cliptta_demo.page.layout.wires import Wires
from cliptta_demo.page.panels.figures import KNOBS, SWEEP
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.panel import build_panel
from cliptta_demo.page.runs.handlers import sweep


def build_sweep() -> dict[str, Any]:
    """The panel's parts by name; "sweep" is the figure."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="sweep-panel"):
        parts["sweep"] = build_panel(SWEEP, SWEEP.value(None))
        with gr.Row(elem_id="sweep-buttons"):
            choices = [(FORM[name].setting.label, name) for name in KNOBS]
            parts["knob"] = gr.Radio(choices, value=choices[0][1], show_label=False, label=say("Knob"), elem_id="knob")
            parts["sweep_run"] = gr.Button(say("Sweep"), size="sm", elem_id="sweep-run", min_width=0)
            parts["sweep_stop"] = gr.Button(say("Stop"), size="sm", elem_id="sweep-stop", min_width=0)
        parts["sweep_note"] = gr.HTML(message_html(), apply_default_css=False, elem_id="sweep-note")
    return parts


def connect_sweep(wires: Wires, shared: dict[str, Any]) -> None:
    """``shared``: what the listeners of runs have in common."""
    parts, host = wires.parts, wires.host

    def work(request: gr.Request, name: Any, uploads: Any, *values: Any) -> Iterator[tuple[Any, Any]]:
        key = wires.key_of(request)
        with host.runs.answer(sweep(host, name, uploads, form_of(values), key), f"{key} sweep") as updates:
            for update in updates:
                yield update.get("sweep", gr.skip()), update["sweep_note"]

    own = {**shared, "show_progress": "hidden", "show_progress_on": None}
    inputs, outputs = [*wires.named("knob", "uploads"), *wires.inputs], wires.named("sweep", "sweep_note")
    running = parts["sweep_run"].click(work, inputs, outputs, trigger_mode="once", **own)
    stopped, note = message_html(say("Stopped.")), parts["sweep_note"]
    parts["sweep_stop"].click(lambda: stopped, None, note, cancels=[running], **PRIVATE)
