"""What follows a change of the form, a lesson, an address or an upload."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import LAPTOPS, PAPERS
from cliptta_demo.backend.models.saved_weights import MOST_BYTES
from cliptta_demo.languages import say
from cliptta_demo.limits import is_loopback
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, STREAM_FIELDS, form_of
from cliptta_demo.page.form.reading import opening, readable, values_of
from cliptta_demo.page.framework.addresses import network_addresses
from cliptta_demo.page.layout import filling
from cliptta_demo.page.layout.backbone_note import (
    backbone_note_html,
    gpu_advice,
    model_line_html,
    words_note_html,
    words_offer,
)
from cliptta_demo.page.layout.wires import OUTPUTS, QUIET, Wires
from cliptta_demo.page.lessons.lessons import by_key, lesson_recipe
from cliptta_demo.page.panels.form_line import form_line
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.lesson import lesson_value
from cliptta_demo.page.panels.preview import preview_of
from cliptta_demo.page.panels.stage import planned_strip, waiting_stage
from cliptta_demo.page.panels.strip import PANEL as PLANNED
from cliptta_demo.page.runs.cost import estimate_html
from cliptta_demo.page.runs.handlers import WORDS, phase_of, take_weights
from cliptta_demo.page.runs.host import words_of
from cliptta_demo.page.session.state import Recipe, changed_names, plan
from cliptta_demo.page.session.uploads import FILLED_BY_FILES, better_batch_size, upload_value
from cliptta_demo.page.words.defaults import UPLOAD

TOLD = ("estimate", "backbone_note", "model_line", "words_note", "words_offer", "gpu_advice", "changed", "form_line")
LESSON_PARTS = ("lesson", "lesson_key", "before", "go")


def connect_form(wires: Wires, ended: list[Any]) -> None:
    """As the form changes, or no run is at work any more: says what comes when, how long it takes, what differs."""
    parts, widgets, host = wires.parts, wires.widgets, wires.host
    first = readable(opening())
    opened = values_of(first) if first is not None else None

    def note_of(session: Any, choice: Any, recipe: Any, busy: bool = False) -> str:
        press = say(WORDS["done" if busy else phase_of(session)])
        shown = choice.tried if busy else None  # which is being got ready
        return changed_html(shown or choice.shown(session is not None), recipe, press)

    def tell(request: gr.Request, model: str, session: Any, choice: Any, uploads: Any, *values: Any) -> dict[Any, Any]:
        form, busy = form_of(values), host.runs.is_busy(request.session_hash or "nobody")
        recipe, backbone = readable(form, uploads), form["backbone"]
        advice, offer = gpu_advice(backbone, host.device), words_offer(host.machine, recipe)
        restore = restoring(recipe, opened)
        told = {
            "estimate": estimate_html(host.machine, recipe, host.device),
            "backbone_note": backbone_note_html(host.machine, backbone, recipe, model),
            "model_line": model_line_html(backbone),
            "words_note": words_note_html(recipe),
            "words_offer": gr.Button(offer, visible=bool(offer)),
            "gpu_advice": gr.Button(advice, visible=bool(advice)),
            "changed": note_of(session, choice, recipe, busy),
            "form_line": form_line(recipe),
            "restore": gr.Button(restore, visible=bool(restore)),
        }
        return wires.spread(told)

    def planned(session: Any, choice: Any, uploads: Any, *values: Any) -> Any:
        recipe = readable(form_of(values), uploads)
        if recipe is None:
            return gr.skip()
        if session is not None and (goes_on := plan(session, recipe).session) is not None:
            return PLANNED.value(goes_on)
        return planned_strip(recipe, later=bool(note_of(session, choice, recipe)))

    def put_back(session: Any, choice: Any, uploads: Any, *values: Any) -> dict[Any, Any]:
        form = form_of(values)
        update = filling.put_form_back(choice, form)
        return wires.spread(update | {"changed": note_of(session, choice, readable(form, uploads))})

    inputs = [*wires.named("session", "choice", "uploads"), *wires.inputs]
    load, newest = host.demo.load, QUIET | {"trigger_mode": "always_last"}
    of_stream = [load, *(widgets[name].change for name in ("class_names", *STREAM_FIELDS))]
    gr.on(of_stream, planned, inputs, parts["strip"], **newest)
    changes = [load, parts["language"].click]
    changes += [part.change for part in (parts["model"], parts["files"], *wires.inputs)]
    gr.on(changes, tell, [parts["model"], *inputs], wires.named(*TOLD, "restore"), **newest)
    for event in ended:
        event.then(put_back, inputs, [*wires.named("message", "changed", "choice"), *wires.inputs], **QUIET)
    ended[-1].then(planned, inputs, parts["strip"], **QUIET)  # after a reset the strip is the form's again

    backbone = widgets["backbone"]
    filled = [parts["message"], backbone, *(widgets[name] for name in ADAPTATION_FIELDS)]

    def take(name: str) -> dict[str, Any]:
        return filling.take_backbone(name) | {"backbone": name}

    def load_weights(text: str) -> dict[str, Any]:
        try:
            return take(take_weights(host, text)) if text else {"message": gr.skip()}
        except UserError as error:
            return {"message": message_html(str(error), "error")}

    read = f"() => window.cliptta.readFile('.safetensors', {MOST_BYTES + 1})"
    backbone.input(wires.spreads(filling.take_backbone), backbone, filled, **QUIET)
    parts["load_weights"].click(wires.spreads(load_weights), parts["file"], filled, js=read, **QUIET)
    for button, name in (("words_offer", LAPTOPS), ("gpu_advice", PAPERS)):
        parts[button].click(wires.spreads(partial(take, name)), None, filled, **QUIET)


def changed_html(shown: Recipe | None, asked: Recipe | None, press: str) -> str:
    """That the form, if it makes sense, says something else than the run shown, if any, and what to ``press``."""
    differs = shown is not None and (asked is None or changed_names(shown, asked))
    words = say("This run has other settings: {press} to apply yours", press=press)
    return f'<p class="changed" role="status">{words}</p>' if differs else ""


def restoring(recipe: Recipe | None, opened: Mapping[str, Any] | None) -> str:
    """The words on the button that restores defaults, with how many settings it does; empty where there is none."""
    changed = sum(opened[name] != value for name, value in values_of(recipe).items()) if recipe and opened else None
    words = say("{count} changed: restore defaults", count=changed) if changed else ""
    return say("Restore defaults") if changed is None else words


def connect_address(wires: Wires) -> None:
    """The page's address fills the form; *Share* makes the address that would fill it so again."""
    parts = wires.parts

    def opened(past: Any, lost: str, request: gr.Request) -> dict[Any, Any]:
        asked = parse_qsl(lost[1:], keep_blank_values=True) if lost else request.query_params
        update = filling.open_address(dict(asked), past, bool(lost)) or {"message": gr.skip()}  # Gradio refuses {}
        return wires.spread(update)

    def share(
        request: gr.Request, session: Any, choice: Any, uploads: Any, past: Any, lesson: str, *values: Any
    ) -> tuple[str, str]:
        shown = choice.shown(session is not None)
        query, message = filling.address_of(form_of(values), uploads, session, shown, past, lesson)
        here = is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")
        others = network_addresses(wires.host.demo.server_name or "") if query and here else ()
        return "\n".join((query, *others)), message

    filled = [*wires.named(*OUTPUTS, *LESSON_PARTS), *wires.inputs]
    asked = "(past) => [past, window.cliptta.lostRun()]"
    filling_form = wires.host.demo.load(opened, wires.named("past_runs", "query"), filled, js=asked, **QUIET)
    filling_form.then(None, None, None, js="() => window.cliptta.opened()")
    inputs = [*wires.named("session", "choice", "uploads", "past_runs", "lesson_key"), *wires.inputs]
    shared = parts["link"].click(share, inputs, wires.named("query", "message"), **QUIET)
    shared.success(None, parts["query"], None, js="(query) => window.cliptta.copyLink(query)")


def connect_lessons(wires: Wires, running: list[Any], ended: list[Any]) -> None:
    """Lessons fill the form; leaving one, and *Restore defaults*, fill it with what was there."""
    parts, lesson = wires.parts, wires.named("lesson_key", "session", "past_runs")

    def open_lesson(key: str, before: Any, session: Any, past: Any, *values: Any) -> dict[str, Any]:
        return filling.open_lesson(key, before or form_of(values), session, past)

    def change_one(key: str, session: Any, past: Any, index: str) -> dict[str, Any]:
        if not key or index not in map(str, range(len(by_key(key).tries))):
            return {"go": gr.skip()}
        return filling.change_one(key, session, past, int(index)) | {"go": f"{key} {time.monotonic()}"}

    def tell(key: str, session: Any, past: Any) -> Any:
        return lesson_value(by_key(key), session, past.last) if key else gr.skip()

    def draw(key: str) -> str:
        return preview_of(lesson_recipe(by_key(key))) if key and by_key(key).runs else ""

    parts["lesson_key"].change(draw, parts["lesson_key"], parts["words"], **QUIET)  # the text doesn't wait for it
    outputs = [*wires.named(*OUTPUTS, *LESSON_PARTS), *wires.inputs]
    inputs = [*wires.named("before", "session", "past_runs"), *wires.inputs]
    for key, button in parts["lessons"].items():
        waited = wires.after_runs(button.click, running)
        waited.then(wires.spreads(partial(open_lesson, key)), inputs, outputs, **QUIET)
    waited = wires.after_runs(parts["what_if"].click, running)
    which = "(...given) => [...given.slice(0, 3), window.cliptta.tried]"
    waited.then(wires.spreads(change_one), [*lesson, parts["query"]], outputs, js=which, **QUIET)
    for event in ended:
        event.then(tell, lesson, parts["lesson"], **QUIET)
    filled = [*wires.named("message", *LESSON_PARTS), *wires.inputs]
    parts["leave"].click(wires.spreads(filling.leave_lesson), parts["before"], filled, **QUIET)
    parts["restore"].click(wires.spreads(filling.restore_defaults), None, filled, **QUIET)


def connect_uploads(wires: Wires) -> None:
    """A visitor's own files on their way in."""
    parts, widgets, size = wires.parts, wires.widgets, wires.widgets["batch_size"]

    def use(uploads: Any, size: Any) -> tuple[Any, Any]:
        images = len(uploads.names) if uploads is not None else 0
        return better_batch_size(images, size) or gr.skip(), gr.Button(visible=False)

    def files_came(
        request: gr.Request, value: Any, uploads: Any, session: Any, choice: Any, backbone: Any, data: Any, *rest: Any
    ) -> dict[Any, Any]:
        key, (typed, size) = wires.key_of(request), rest
        try:
            fresh = {} if data == UPLOAD else filling.take_dataset(UPLOAD)
            typed = fresh.get("class_names", typed)
            update = filling.take_uploads(wires.host.uploads, value, backbone, typed, uploads, size)
            if update["uploads"].names:
                update = fresh | update
                if session is None and not wires.host.runs.is_busy(key):  # the example is of other images
                    update |= waiting_stage() | {"choice": replace(choice, idle={})}
        except Exception as error:
            update = {"files": upload_value(uploads), "upload_note": message_html(words_of(error), "error")}
        return wires.spread(update)

    parts["propose"].click(use, [parts["uploads"], size], [size, parts["propose"]], **QUIET)
    parts["files"].upload(
        files_came,
        [
            *wires.named("files", "uploads", "session", "choice"),
            *(widgets[name] for name in ("backbone", "dataset", "class_names", "batch_size")),
        ],
        [*wires.named(*OUTPUTS, "upload_note", "files", "propose"), *(widgets[name] for name in FILLED_BY_FILES)],
        **QUIET | {"concurrency_limit": 2},
    )
