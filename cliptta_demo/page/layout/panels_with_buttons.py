"""The panels with buttons of their own: runs side by side, one turned knob, the table of results and what it saves."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text, say
from cliptta_demo.page.form.fields import FORM, fields, form_of
from cliptta_demo.page.form.reading import unusual_values, values_of
from cliptta_demo.page.layout.wires import QUIET, SAVES, Wires, pill, place
from cliptta_demo.page.panels import past_runs
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.exports import DOWNLOADS, download
from cliptta_demo.page.panels.figures import KNOBS, SWEEP
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.images import RESULTS, results_data
from cliptta_demo.page.panels.panel import build_panel, build_sender, scripted
from cliptta_demo.page.panels.past_runs import past_csv, past_value, shown_run
from cliptta_demo.page.runs.handlers import sweep, weights_download
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Session

LONGEST_ASKED = 1000  # characters of what the script asks for
NOTHING_TO_PIN = Text("There is no run to pin yet: press Run first.")
UNKNOWN_WISH = Text("This can't be done with a run.")
NOTHING_YET = Text("No result yet: press Run first.")
SAVED = {name: label for name, (label, *_) in DOWNLOADS.items()} | {"weights": Text("Adapted weights")}
Update = dict[str, Any]


def build_past(past: PastRuns) -> dict[str, Any]:
    """The panel's parts by name; "past" is the table, "past_runs" the state that it draws."""
    parts: dict[str, Any] = {"past_runs": gr.State(past)}
    with gr.Column(elem_id="past-panel"):
        parts["past"] = build_panel(past_runs.PANEL, past_value(past, None))
        with gr.Row(elem_id="past-buttons"):
            parts["pin"] = pill(say("Pin this run"), "pin")
            parts["save_past"] = pill(say("Save as CSV"), "save-past")
        parts["past_asked"] = build_sender("past-asked")
    return parts


def build_sweep(values: dict[str, str]) -> dict[str, Any]:
    """The panel's parts by name; "sweep" is the figure."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="sweep-panel"):
        parts["sweep"] = build_panel(SWEEP, values.get("sweep") or SWEEP.value(None))
        with gr.Row(elem_id="sweep-buttons"):
            options = "".join(f'<option value="{name}">{escape(FORM[name].label)}</option>' for name in KNOBS)
            template = f'<select aria-label="{escape(say("Knob"))}">{options}</select>'
            parts["knob"] = scripted(
                "knob", template, "window.cliptta.list(element, props, trigger);", next(iter(KNOBS))
            )
            parts["sweep_run"] = pill(say("Sweep"), "sweep-run")
            parts["sweep_stop"] = pill(say("Stop"), "sweep-stop")
        parts["sweep_note"] = place(message_html(), "sweep-note")
    return parts


def build_results() -> dict[str, Any]:
    """The panel's parts by name; "results" is the table, which is made only when somebody asks for it."""
    parts: dict[str, Any] = {"table_open": gr.State(False)}
    with gr.Column(elem_id="results-panel"):
        parts["results"] = build_panel(RESULTS)
        with gr.Row(elem_id="results-buttons"):
            parts["table"] = pill(say("All rows"), "show-table")
            pill(say("Export"), "export")
        with gr.Column(elem_id="exports"):
            parts |= {name: pill(say(label), f"save-{name}") for name, label in SAVED.items()}
    parts["file"] = gr.Textbox(visible=False)  # on its way from the server to the visitor's disk
    return parts


def pin(past: PastRuns, session: Session | None) -> Update:
    """Keeps the run shown."""
    this = shown_run(past, session)
    if this is None:
        raise UserError(NOTHING_TO_PIN)
    changes = [(name, value) for name, value in unusual_values(this.recipe).items() if name != "methods"]
    name = ", ".join(fields()[name].phrase(value) for name, value in changes[:2])
    return _drawn(past.pin(this, name or FORM["severity"].setting.mark_of(this.recipe.settings.stream)), session)


def asked(text: Any, past: PastRuns, session: Session | None) -> Update:
    """What a row's button or its name's field asks for; ``text`` is JSON: ``{"do", "name", "to"}``.

    Raises :class:`UserError` for another wish, or a run that is not there.
    """
    try:
        wish = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST_ASKED else None
        do, name, to = (str(wish.get(key, "")) for key in ("do", "name", "to"))
    except (ValueError, AttributeError, RecursionError):
        raise UserError(UNKNOWN_WISH) from None
    if do == "load":
        words = say("The settings of “{name}” are in the form: press Run.", name=name)
        return values_of(past.pinned(name).recipe) | {"message": message_html(words)}
    changes = {
        "behind": partial(past.draw, name),
        "unpin": partial(past.unpin, name),
        "rename": partial(past.rename, name, to),
    }
    if do not in changes:
        raise UserError(UNKNOWN_WISH)
    return _drawn(changes[do](), session)


def _drawn(past: PastRuns, session: Session | None) -> Update:
    return {"past_runs": past, "past": past_value(past, session), "message": message_html()}


def connect_past(wires: Wires, ended: list[Any]) -> None:
    """``ended``: the events after which no run is at work."""
    parts, kept = wires.parts, wires.named("past_runs", "session")
    outputs = [*wires.named("past_runs", "past", "message"), *wires.inputs]

    def answers(work: Callable[..., Update]) -> Callable[..., dict[Any, Any]]:
        def answer(request: gr.Request, *given: Any) -> dict[Any, Any]:
            wires.key_of(request)
            try:
                return wires.spread(work(*given))
            except UserError as error:
                return wires.spread({"message": message_html(str(error), "error")})

        return answer

    def save(past: Any, session: Any) -> tuple[str, str]:
        text = past_csv(past, session)
        return text, message_html("" if text else NOTHING_TO_PIN)

    parts["pin"].click(answers(pin), kept, outputs, **QUIET)
    parts["past_asked"].input(answers(asked), [parts["past_asked"], *kept], outputs, **QUIET)
    saved = parts["save_past"].click(save, kept, wires.named("file", "message"), **QUIET)
    saved.then(None, parts["file"], None, js=SAVES)
    for event in ended:
        event.then(past_value, kept, parts["past"], **QUIET)


def connect_sweep(wires: Wires) -> None:
    """A sweep is a run beside the run, which is left alone."""
    parts, host = wires.parts, wires.host

    def work(request: gr.Request, name: Any, uploads: Any, *values: Any) -> Iterator[tuple[Any, Any]]:
        key = wires.key_of(request)
        with host.runs.answer(sweep(host, name, uploads, form_of(values), key), f"{key} sweep") as updates:
            for update in updates:
                yield update.get("sweep", gr.skip()), update["sweep_note"]

    inputs, outputs = [*wires.named("knob", "uploads"), *wires.inputs], wires.named("sweep", "sweep_note")
    running = parts["sweep_run"].click(work, inputs, outputs, trigger_mode="once", **wires.working)
    parts["sweep_stop"].click(message_html, None, parts["sweep_note"], cancels=[running], **QUIET)


def downloads(host: Host) -> dict[str, Callable[[Any], str]]:
    """Button → what it saves of a session."""
    return {name: partial(download, name) for name in DOWNLOADS} | {"weights": partial(weights_download, host)}


def connect_results(wires: Wires, ended: list[Any]) -> None:
    """``ended``: the events that end a run; the open table follows each of them, and no batch waits for it."""
    parts, host, kept = wires.parts, wires.host, wires.named("session", "table_open")

    def lost(request: gr.Request) -> str:
        return host.visitors.advice(request.session_hash or "")

    def table(session: Any, nothing: str) -> str:
        return to_json(results_data(session) if session and session.results else {"words": nothing or say(NOTHING_YET)})

    def show(session: Any, request: gr.Request) -> tuple[str, bool]:
        return table(session, lost(request) if session is None else ""), True

    def follow(session: Any, is_open: bool) -> Any:
        return table(session, "") if is_open else gr.skip()

    def saver(made: Callable[[Any], str]) -> Callable[..., tuple[str, str]]:
        def save(session: Any, request: gr.Request) -> tuple[str, str]:
            text = made(session)
            return text, message_html("" if text else lost(request) or NOTHING_YET)

        return save

    parts["table"].click(show, parts["session"], wires.named("results", "table_open"), **QUIET)
    for event in ended:
        event.then(follow, kept, parts["results"], **QUIET)
    for name, made in downloads(host).items():
        saved = parts[name].click(saver(made), parts["session"], wires.named("file", "message"), **QUIET)
        saved.then(None, parts["file"], None, js=SAVES)
