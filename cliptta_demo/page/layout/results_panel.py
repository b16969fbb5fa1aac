"""The panel of results: a table that is built only when somebody asks for it, and buttons that save files."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from cliptta_demo.languages import Text, say
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.exports import DOWNLOADS, download
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.images import RESULTS, results_data
from cliptta_demo.page.panels.panel import build_panel
from cliptta_demo.page.runs.handlers import weights_download
from cliptta_demo.page.runs.host import Host

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
QUICK: dict[str, Any] = {"concurrency_limit": None, **PRIVATE}
NOTHING_YET = Text("No result yet: press Run first.")
SHOW, HIDE = Text("Show the table"), Text("Hide the table")
SAVED = {name: label for name, (label, *_) in DOWNLOADS.items()} | {"weights": Text("Adapted weights")}


def build_results() -> dict[str, Any]:
    """The panel's parts by name; "results" is the table."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="results-panel"):
        parts["results"] = build_panel(RESULTS)
        with gr.Row(elem_id="results-buttons"):
            parts["table"] = gr.Button(say(SHOW), size="sm", elem_id="show-table", min_width=0)
            for name, label in SAVED.items():
                parts[name] = gr.Button(say(label), size="sm", elem_id=f"save-{name}", min_width=0)
    parts["table_open"] = gr.State(False)
    parts["file"] = gr.Textbox(visible=False)  # on its way from the server to the visitor's disk
    return parts


def downloads(host: Host) -> dict[str, Callable[[Any], str]]:
    """Button → what it saves of a session."""
    return {name: partial(download, name) for name in DOWNLOADS} | {"weights": partial(weights_download, host)}


def connect_results(parts: dict[str, Any], host: Host, finished: list[Any]) -> None:
    """``finished``: the events that end a run; the open table follows each of them, and no batch waits for it."""
    session, table, is_open = parts["session"], parts["results"], parts["table_open"]

    def toggle(session: Any, is_open: bool, request: gr.Request) -> tuple[Any, bool, Any]:
        lost = host.visitors.advice(request.session_hash or "") if session is None else ""
        value = "" if is_open else _table(session, lost)
        return value, not is_open, gr.Button(say(SHOW if is_open else HIDE))

    def follow(session: Any, is_open: bool) -> Any:
        return _table(session) if is_open else gr.skip()

    parts["table"].click(toggle, [session, is_open], [table, is_open, parts["table"]], **QUICK)
    for event in finished:
        event.then(follow, [session, is_open], table, **QUICK)
    for name, saved in downloads(host).items():
        parts[name].click(_saver(host, saved), session, [parts["file"], parts["message"]], **QUICK).then(
            None, parts["file"], None, js="(text) => window.cliptta.saveFile(text)"
        )


def _table(session: Any, lost: str = "") -> str:
    """What the table's script reads: the images, or a sentence before there are any."""
    return to_json(results_data(session) if session and session.results else {"words": lost or say(NOTHING_YET)})


def _saver(host: Host, saved: Callable[[Any], str]) -> Callable[..., tuple[str, str]]:
    """What a button calls: what the browser saves, and the message."""

    def save(session: Any, request: gr.Request) -> tuple[str, str]:
        text = saved(session)
        return text, message_html("" if text else host.visitors.advice(request.session_hash or "") or NOTHING_YET)

    return save
