"""Which button of a run calls what."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from cliptta_demo.page.form.fields import form_of
from cliptta_demo.page.framework.gradio_parts import mail_waits
from cliptta_demo.page.framework.guard import RAW
from cliptta_demo.page.layout import filling
from cliptta_demo.page.layout.camera_panel import connect_camera
from cliptta_demo.page.layout.past_runs_panel import connect_past
from cliptta_demo.page.layout.results_panel import QUICK, connect_results
from cliptta_demo.page.layout.sidebar import QUIET
from cliptta_demo.page.layout.sweep_panel import connect_sweep
from cliptta_demo.page.layout.wires import Wires
from cliptta_demo.page.panels.stage import PARTS
from cliptta_demo.page.runs import handlers

# Whatever a run may change.
_ABOUT = ("session", "uploads", "choice", "model", "past_runs", "past", "message", "spoken", "changed")
OUTPUTS = (*_ABOUT, "run", "pause", "step", *PARTS)


def connect_runs(wires: Wires) -> tuple[list[Any], list[Any]]:
    """Returns the events that are runs, which others cancel, and those after which none is at work."""
    parts, host = wires.parts, wires.host
    session, outputs = parts["session"], wires.named(*OUTPUTS)

    def work(
        batches: int | None, request: gr.Request, session: Any, uploads: Any, choice: Any, past: Any, *values: Any
    ) -> Iterator:
        key = wires.key_of(request)
        lags = partial(mail_waits, wires.demo, key)
        run = handlers.run(host, session, uploads, form_of(values), batches, key, choice, past, lags)
        with host.runs.answer(run, key) as updates:
            for update in updates:
                yield wires.spread(update)

    def run_all(request: gr.Request, *inputs: Any) -> Iterator[dict]:
        yield from work(None, request, *inputs)

    def run_one(request: gr.Request, *inputs: Any) -> Iterator[dict]:
        yield from work(1, request, *inputs)

    inputs = [*wires.named("session", "uploads", "choice", "past_runs"), *wires.inputs]
    shared = {
        "concurrency_limit": host.limits.runs_at_once,
        "concurrency_id": "experiment",
        "api_visibility": "private",
        "show_progress": "minimal",  # the place in line, while there is one; the style sheet hides the rest
        "show_progress_on": parts["progress"],
        "postprocess": False,  # all that a run draws is text already
        **RAW,
    }
    running = [
        parts["run"].click(run_all, inputs, outputs, **shared),
        parts["step"].click(run_one, inputs, outputs, **shared),
        parts["go"].change(run_all, inputs, outputs, **shared),  # a lesson, once its settings are in the form
    ]
    for button in (parts["pause"], parts["reset"]):
        stop_first(button.click, running)
    # Gradio doesn't wait for a cancelled run to end; we do, and only then read the session.
    paused = parts["pause"].click(wires.wait, **QUICK)
    paused = paused.then(
        lambda *kept: wires.spread(handlers.pause(*kept)), [session, parts["choice"]], outputs, **QUICK
    )
    kept = [wires.widgets["methods"], *wires.named("choice", "session", "past_runs")]
    reset = parts["reset"].click(wires.wait, **QUICK)
    reset = reset.then(lambda *kept: wires.spread(handlers.reset(*kept)), kept, outputs, **QUIET)
    stop_first(parts["files"].clear, running)  # "Remove all" takes the results of these images away too

    removed = parts["files"].clear(wires.wait, **QUICK)
    filled = [*outputs, *wires.named("files", "upload_note", "propose")]
    removed = removed.then(
        lambda *kept: wires.spread(filling.clear_uploads(host.uploads, *kept)),
        wires.named("session", "choice", "uploads", "past_runs"),
        filled,
        **QUICK,
    )
    ended = [*running, paused, removed, reset]
    connect_results(parts, host, ended)
    connect_past(wires, ended)
    connect_sweep(wires, shared)
    connect_camera(wires)
    return running, ended


def stop_first(event: Any, running: list[Any]) -> None:
    """Whoever listens to this event ends the visitor's run: a listener of its own, and the first one."""
    event(None, cancels=running, api_visibility="private")
