"""What the page's builders and listeners share, and which button of a run calls what."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from cliptta_demo.page.form.fields import form_of
from cliptta_demo.page.framework.gradio_parts import asked_at, mail_waits
from cliptta_demo.page.framework.guard import RAW
from cliptta_demo.page.layout import filling
from cliptta_demo.page.panels.stage import PARTS
from cliptta_demo.page.runs import handlers
from cliptta_demo.page.runs.host import Host

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None, **RAW}
SAVES = "(text) => window.cliptta.saveFile(text)"
# Whatever a run may change.
_ABOUT = ("session", "uploads", "choice", "model", "past_runs", "past", "message", "spoken", "changed")
OUTPUTS = (*_ABOUT, "run", "pause", "step", *PARTS)


def place(value: str, name: str) -> gr.HTML:
    """A part of the page that holds words."""
    return gr.HTML(value, apply_default_css=False, elem_id=name)


def pill(words: str, name: str, **about: Any) -> gr.Button:
    """A small button."""
    return gr.Button(words, size="sm", min_width=0, elem_id=name, **about)


@dataclass(frozen=True)
class Wires:
    """A page that is being put together: its ``parts`` by the names that updates use, its fields' ``widgets``."""

    host: Host
    parts: dict[str, Any]
    widgets: dict[str, Any]

    @property
    def inputs(self) -> list[Any]:
        """All fields' widgets, in the order of :func:`.fields.fields`."""
        return list(self.widgets.values())

    @property
    def working(self) -> dict[str, Any]:
        """Of the listeners that work on images."""
        return QUIET | {
            "concurrency_limit": self.host.limits.runs_at_once,
            "concurrency_id": "experiment",
            "postprocess": False,  # all that a run draws is text already
        }

    def named(self, *names: str) -> list[Any]:
        """Those parts."""
        return [self.parts[name] for name in names]

    def spread(self, update: dict[str, Any]) -> dict[Any, Any]:
        """An update by names as Gradio takes it."""
        known = self.parts | self.widgets
        return {known[name]: value for name, value in update.items()}

    def spreads(self, work: Callable[..., dict[str, Any]]) -> Callable[..., dict[Any, Any]]:
        """The same of what ``work`` returns."""
        return lambda *given: self.spread(work(*given))

    def key_of(self, request: gr.Request) -> str:
        """Who calls; a sign of life of theirs."""
        key = request.session_hash or "nobody"
        self.host.visitors.here(key, asked_at(self.host.demo))
        return key

    def wait(self, request: gr.Request) -> None:
        """Until no run of the caller's is left."""
        self.host.runs.close_abandoned(self.host.demo)
        self.host.runs.wait(self.key_of(request))

    def after_runs(self, event: Any, running: list[Any]) -> Any:
        """This event ends the visitor's run. What it calls ``then`` finds none at work.

        Gradio doesn't wait for a cancelled run to end; we do, and only then is the session read.
        """
        event(None, cancels=running, api_visibility="private")  # a listener of its own, and the first one
        return event(self.wait, **QUIET)


def connect_runs(wires: Wires) -> tuple[list[Any], list[Any]]:
    """Returns the events that are runs, which others cancel, and those after which none is at work."""
    parts, host, outputs = wires.parts, wires.host, wires.named(*OUTPUTS)

    def work(
        batches: int | None, request: gr.Request, session: Any, uploads: Any, choice: Any, past: Any, *values: Any
    ) -> Iterator:
        key = wires.key_of(request)
        lags = partial(mail_waits, host.demo, key)
        run = handlers.run(host, session, uploads, form_of(values), batches, key, choice, past, lags)
        with host.runs.answer(run, key) as updates:
            for update in updates:
                yield wires.spread(update)

    def run_all(request: gr.Request, *inputs: Any) -> Iterator[dict]:
        yield from work(None, request, *inputs)

    def run_one(request: gr.Request, *inputs: Any) -> Iterator[dict]:
        yield from work(1, request, *inputs)

    inputs = [*wires.named("session", "uploads", "choice", "past_runs"), *wires.inputs]
    # The place in line, while there is one; the style sheet hides the rest.
    told = wires.working | {"show_progress": "minimal", "show_progress_on": parts["progress"]}
    running = [
        parts["run"].click(run_all, inputs, outputs, **told),
        parts["step"].click(run_one, inputs, outputs, **told),
        parts["go"].change(run_all, inputs, outputs, **told),  # a lesson, once its settings are in the form
    ]
    paused, reset, removed = (
        wires.after_runs(event, running)
        for event in (parts["pause"].click, parts["reset"].click, parts["files"].clear)  # "Remove all"
    )
    paused = paused.then(wires.spreads(handlers.settled), wires.named("session", "choice"), outputs, **QUIET)
    reset = reset.then(wires.spreads(handlers.reset), wires.named("choice", "session", "past_runs"), outputs, **QUIET)
    filled = [*outputs, *wires.named("files", "upload_note", "propose")]
    clear = wires.spreads(partial(filling.clear_uploads, host.uploads))
    removed = removed.then(clear, wires.named("session", "choice", "uploads", "past_runs"), filled, **QUIET)
    return running, [*running, paused, removed, reset]
