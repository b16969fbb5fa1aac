"""The panel of runs side by side with its buttons: pin, rename, unpin, draw behind, load into the form, save."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text, say
from cliptta_demo.page.form.fields import FORM, fields
from cliptta_demo.page.form.reading import unusual_values, values_of
from cliptta_demo.page.layout.results_panel import PRIVATE, QUICK
from cliptta_demo.page.layout.wires import Wires
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.panel import build_panel, build_sender
from cliptta_demo.page.panels.past_runs import PANEL, past_csv, past_value, shown_run
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Recipe, Session
from cliptta_demo.page.words.texts import PAST_LOADED, PAST_NOTHING

LONGEST_ASKED = 1000  # characters of what the script asks for
UNKNOWN_WISH = Text("This can't be done with a run.")
Update = dict[str, Any]


def build_past(past: PastRuns) -> dict[str, Any]:
    """The panel's parts by name; "past" is the table, "past_runs" the state that it draws."""
    parts: dict[str, Any] = {"past_runs": gr.State(past)}
    with gr.Column(elem_id="past-panel"):
        parts["past"] = build_panel(PANEL, past_value(past, None))
        with gr.Row(elem_id="past-buttons"):
            parts["pin"] = gr.Button(say("Pin this run"), size="sm", elem_id="pin", min_width=0)
            parts["save_past"] = gr.Button(say("Save as CSV"), size="sm", elem_id="save-past", min_width=0)
        parts["past_asked"] = build_sender("past-asked")
    return parts


def pin(past: PastRuns, session: Session | None) -> Update:
    """Keeps the run shown."""
    this = shown_run(past, session)
    if this is None:
        raise UserError(PAST_NOTHING)
    return _drawn(past.pin(this, _short_name(this.recipe)), session)


def _short_name(recipe: Recipe) -> str:
    """A name for a run: what of it is not as the page comes."""
    changes = [(name, value) for name, value in unusual_values(recipe).items() if name != "methods"]
    phrases = [fields()[name].phrase(value) for name, value in changes[:2]]
    return ", ".join(phrases) or FORM["severity"].setting.mark_of(recipe.settings.stream)


def asked(text: Any, past: PastRuns, session: Session | None) -> Update:
    """What a row's button or its name's field asks for; ``text`` is JSON: ``{"do", "name", "to"}``.

    Raises:
        UserError: no such wish, or a run that is not there.
    """
    try:
        wish = json.loads(text) if isinstance(text, str) and len(text) <= LONGEST_ASKED else None
        do, name, to = (str(wish.get(key, "")) for key in ("do", "name", "to"))
    except (ValueError, AttributeError, RecursionError):
        raise UserError(UNKNOWN_WISH) from None
    if do == "load":
        return values_of(past.pinned(name).recipe) | {"message": message_html(PAST_LOADED.format(name=name))}
    if do == "behind":
        return _drawn(past.draw(name), session)
    changes = {"unpin": partial(past.unpin, name), "rename": partial(past.rename, name, to)}
    if do not in changes:
        raise UserError(UNKNOWN_WISH)
    return _drawn(changes[do](), session)


def _drawn(past: PastRuns, session: Session | None) -> Update:
    return {"past_runs": past, "past": past_value(past, session), "message": message_html()}


def connect_past(wires: Wires, ended: list[Any]) -> None:
    """``ended``: the events after which no run is at work."""
    parts = wires.parts
    kept = [parts["past_runs"], parts["session"]]
    outputs = [*wires.named("past_runs", "past", "message"), *wires.inputs]

    def answer(work: Callable[[], Update], request: gr.Request) -> dict[Any, Any]:
        wires.key_of(request)
        try:
            return wires.spread(work())
        except UserError as error:
            return wires.spread({"message": message_html(str(error), "error")})

    def pinned(past: Any, session: Any, request: gr.Request) -> dict[Any, Any]:
        return answer(lambda: pin(past, session), request)

    def told(text: Any, past: Any, session: Any, request: gr.Request) -> dict[Any, Any]:
        return answer(lambda: asked(text, past, session), request)

    def save(past: Any, session: Any) -> tuple[str, str]:
        text = past_csv(past, session)
        return text, message_html("" if text else PAST_NOTHING)

    parts["pin"].click(pinned, kept, outputs, **QUICK)
    parts["past_asked"].input(told, [parts["past_asked"], *kept], outputs, **QUICK)
    saved = parts["save_past"].click(save, kept, [parts["file"], parts["message"]], **QUICK)
    saved.then(None, parts["file"], None, js="(text) => window.cliptta.saveFile(text)")
    for event in ended:
        event.then(past_value, kept, parts["past"], **PRIVATE)
