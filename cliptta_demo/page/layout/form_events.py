"""What follows a change of the form, a lesson, an address or an upload."""

import logging
import time
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import LAPTOPS, PAPERS
from cliptta_demo.backend.models.uploaded_weights import MOST_BYTES
from cliptta_demo.languages import say
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, FORM, STREAM_FIELDS, form_of, in_group
from cliptta_demo.page.form.reading import opening, readable, unusual_values, values_of
from cliptta_demo.page.framework.guard import RAW
from cliptta_demo.page.layout import filling
from cliptta_demo.page.layout.backbone_note import (
    backbone_note_html,
    gpu_advice,
    model_line_html,
    words_note_html,
    words_offer,
)
from cliptta_demo.page.layout.results_panel import PRIVATE, QUICK
from cliptta_demo.page.layout.run_events import OUTPUTS, stop_first
from cliptta_demo.page.layout.sidebar import ADVANCED, QUIET, STREAM
from cliptta_demo.page.layout.wires import Wires
from cliptta_demo.page.lessons.lessons import by_key
from cliptta_demo.page.panels.cards import message_html
from cliptta_demo.page.panels.lesson import lesson_value
from cliptta_demo.page.panels.stage import planned_strip
from cliptta_demo.page.runs.cost import estimate_html
from cliptta_demo.page.runs.handlers import phase_of
from cliptta_demo.page.runs.weights import take_weights
from cliptta_demo.page.session.state import Recipe, changed_names
from cliptta_demo.page.session.uploads import FILLED_BY_FILES, better_batch_size, read_news, upload_value
from cliptta_demo.page.words.texts import FAILED

log = logging.getLogger(__name__)
LESSON_PARTS = ("lesson", "lesson_key", "before", "go")
PRESS = {"idle": say("Run"), "paused": say("Continue"), "done": say("Run again")}  # what the button says


def connect_form(wires: Wires, ended: list[Any]) -> None:
    """As the form changes: says what comes when, how long it takes, and where it is not what the page shows.

    Args:
        ended: the events after which no run is at work.
    """
    parts, sidebar, host = wires.parts, wires.sidebar, wires.host
    kept = [parts["session"], parts["choice"], parts["uploads"]]
    first = readable(opening())
    opened = values_of(first) if first is not None else None

    def note_of(session: Any, choice: Any, recipe: Any, busy: bool = False) -> str:
        press = PRESS["done" if busy else phase_of(session)]
        return changed_html(choice.shown(session is not None), recipe, press)

    def tell(request: gr.Request, model: str, session: Any, choice: Any, uploads: Any, *values: Any) -> tuple[Any, ...]:
        form, busy = form_of(values), host.runs.is_busy(request.session_hash or "nobody")
        recipe, backbone = readable(form, uploads), form["backbone"]
        offers = {PAPERS: gpu_advice(backbone, host.device), LAPTOPS: words_offer(host.machine, recipe)}
        return (
            estimate_html(host.machine, recipe, host.device),
            backbone_note_html(host.machine, backbone, recipe, model),
            model_line_html(backbone),
            words_note_html(recipe),
            *(gr.Button(offers[name], visible=bool(offers[name])) for name in sidebar.offers),
            note_of(session, choice, recipe, busy),
            *(gr.Accordion(label=label) for label in fold_labels(recipe)),
            gr.Button(visible=recipe is None or values_of(recipe) != opened),
        )

    def planned(session: Any, choice: Any, uploads: Any, *values: Any) -> Any:
        recipe = readable(form_of(values), uploads)
        if recipe is None:
            return gr.skip()
        return planned_strip(recipe, later=bool(note_of(session, choice, recipe)))

    def put_back(session: Any, choice: Any, uploads: Any, *values: Any) -> dict[Any, Any]:
        form = form_of(values)
        update = filling.put_form_back(choice, form)
        return wires.spread(update | {"changed": note_of(session, choice, readable(form, uploads))})

    changes = {name: widget.change for name, widget in sidebar.widgets.items()}
    plan_inputs = [*kept, *sidebar.inputs]
    about = {"concurrency_limit": None, "trigger_mode": "always_last", **RAW, **PRIVATE}
    plans = [wires.demo.load, *(changes[name] for name in ("class_names", *STREAM_FIELDS))]
    gr.on(plans, planned, plan_inputs, parts["strip"], **about)
    outputs = [sidebar.estimate, sidebar.backbone_note, parts["model_line"], sidebar.words_note]
    outputs += [*sidebar.offers.values(), parts["changed"], sidebar.stream, sidebar.advanced, sidebar.restore]
    inputs = [parts["model"], *plan_inputs]
    gr.on(
        [wires.demo.load, parts["model"].change, sidebar.files.change, *changes.values()],
        tell,
        inputs,
        outputs,
        trigger_mode="always_last",
        **QUIET,
    )
    for event in ended:
        event.then(put_back, plan_inputs, [parts["message"], parts["changed"], kept[1], *sidebar.inputs], **QUIET)
    ended[-1].then(planned, plan_inputs, parts["strip"], **QUIET)  # after a reset the strip is the form's again

    backbone, read = sidebar.widgets["backbone"], f"() => window.cliptta.readFile('.safetensors', {MOST_BYTES + 1})"
    filled = [parts["message"], backbone, *(sidebar.widgets[name] for name in ADAPTATION_FIELDS)]

    def take(name: str) -> dict[Any, Any]:
        return wires.spread(filling.take_backbone(name) | {"backbone": name})

    def load_weights(text: str) -> dict[Any, Any]:
        try:
            return take(take_weights(host, text)) if text else {parts["message"]: gr.skip()}
        except UserError as error:
            return {parts["message"]: message_html(str(error), "error")}

    backbone.input(lambda name: wires.spread(filling.take_backbone(name)), backbone, filled, **QUIET)
    sidebar.load_weights.click(load_weights, parts["file"], filled, js=read, **QUIET)
    for name, button in sidebar.offers.items():
        button.click(partial(take, name), None, filled, **QUIET)


def changed_html(shown: Recipe | None, asked: Recipe | None, press: str) -> str:
    """That the form says something else than the run shown, and what to ``press``; empty where both say the same.

    Args:
        shown: None where no run is shown; asked: None where the form makes no sense yet, which is no other's run.
    """
    differs = shown is not None and (asked is None or changed_names(shown, asked))
    words = say("Settings changed: {press} to apply", press=press)
    return f'<p class="changed" role="status">{words}</p>' if differs else ""


def fold_labels(recipe: Recipe | None) -> tuple[str, str]:
    """The titles of the folds, Stream and Advanced, with how many of their settings are not the backbone's usual."""
    names = unusual_values(recipe) if recipe is not None else ()
    advanced = [name for name in names if name not in FORM or name in ("templates", *in_group("advanced"))]
    stream = [name for name in names if name in STREAM_FIELDS]
    return tuple(
        say("{title} · {count} changed", title=title, count=len(changed)) if changed else title
        for title, changed in ((STREAM, stream), (ADVANCED, advanced))
    )


def connect_address(wires: Wires) -> None:
    """The page's address fills the form; *Share* makes the address that would fill it so again."""
    parts, sidebar = wires.parts, wires.sidebar

    def opened(past: Any, lost: str, request: gr.Request) -> dict[Any, Any]:
        asked = parse_qsl(lost[1:], keep_blank_values=True) if lost else request.query_params
        update = filling.open_address(dict(asked), past, bool(lost)) or {"message": gr.skip()}  # Gradio refuses {}
        return wires.spread(update)

    def share(session: Any, choice: Any, uploads: Any, past: Any, lesson: str, *values: Any) -> tuple[str, str]:
        shown = choice.shown(session is not None)
        return filling.address_of(form_of(values), uploads, session, shown, past, lesson)

    filled = [*(parts[name] for name in (*OUTPUTS, *LESSON_PARTS)), *sidebar.inputs]
    asked = "(past) => [past, window.cliptta.lostRun()]"
    filling_form = wires.demo.load(opened, [parts["past_runs"], parts["query"]], filled, js=asked, **PRIVATE)
    filling_form.then(None, None, None, js="() => window.cliptta.opened()")
    inputs = [*(parts[name] for name in ("session", "choice", "uploads", "past_runs", "lesson_key")), *sidebar.inputs]
    shared = parts["link"].click(share, inputs, [parts["query"], parts["message"]], **QUIET)
    shared.success(None, parts["query"], None, js="(query) => window.cliptta.copyLink(query)")


def connect_lessons(wires: Wires, running: list[Any], ended: list[Any]) -> None:
    """Lessons fill the form; leaving one, and *Restore defaults*, fill it with what was there.

    Args:
        running: the events that are runs; ended: those after which none is at work.
    """
    parts, sidebar = wires.parts, wires.sidebar
    kept = [parts[name] for name in ("session", "past_runs")]

    def open_lesson(key: str, before: Any, session: Any, past: Any, *values: Any) -> dict[Any, Any]:
        return wires.spread(filling.open_lesson(key, before or form_of(values), session, past))

    def change_one(key: str, session: Any, past: Any) -> dict[Any, Any]:
        update = filling.change_one(key, session, past) if key else {}
        return wires.spread(update | {"go": f"{key} {time.monotonic()}"} if update else {"go": gr.skip()})

    def tell(key: str, session: Any, past: Any) -> Any:
        return lesson_value(by_key(key), session, past.last) if key else gr.skip()

    outputs = [*(parts[name] for name in (*OUTPUTS, *LESSON_PARTS)), *sidebar.inputs]
    for key, button in parts["lessons"].items():
        stop_first(button.click, running)
        inputs = [parts["before"], *kept, *sidebar.inputs]
        button.click(wires.wait, **QUICK).then(partial(open_lesson, key), inputs, outputs, **QUIET)
    stop_first(parts["what_if"].click, running)
    waited = parts["what_if"].click(wires.wait, **QUICK)
    waited.then(change_one, [parts["lesson_key"], *kept], outputs, **QUIET)
    for event in ended:
        event.then(tell, [parts["lesson_key"], *kept], parts["lesson"], **QUIET)
    filled = [parts["message"], *(parts[name] for name in LESSON_PARTS), *sidebar.inputs]
    left = parts["leave"].click
    left(lambda before: wires.spread(filling.leave_lesson(before)), parts["before"], filled, **QUIET)
    sidebar.restore.click(lambda: wires.spread(filling.restore_defaults()), None, filled, **QUIET)


def connect_uploads(wires: Wires) -> None:
    """A visitor's own files on their way in."""
    parts, sidebar, widgets = wires.parts, wires.sidebar, wires.sidebar.widgets

    def use(uploads: Any, size: Any) -> tuple[Any, Any]:
        images = len(uploads.names) if uploads is not None else 0
        return better_batch_size(images, size) or gr.skip(), gr.Button(visible=False)

    sidebar.propose.click(
        use, [parts["uploads"], widgets["batch_size"]], [widgets["batch_size"], sidebar.propose], **QUIET
    )

    def files_came(
        value: Any, backbone: Any, typed: Any, size: Any, uploads: Any, request: gr.Request
    ) -> dict[Any, Any]:
        key = wires.key_of(request)
        try:
            update = filling.take_uploads(wires.host.uploads, read_news(value), backbone, typed, uploads, size)
            wires.host.memory.keep_also(key, update["uploads"])
        except UserError as error:
            update = {"files": upload_value(uploads), "upload_note": message_html(str(error), "error")}
        except Exception:
            log.exception("uploads could not be taken")
            update = {"files": upload_value(uploads), "upload_note": message_html(FAILED, "error")}
        return wires.spread(update)

    sidebar.files.upload(
        files_came,
        [sidebar.files, *(widgets[name] for name in ("backbone", "class_names", "batch_size")), parts["uploads"]],
        [wires.targets[name] for name in ("upload_note", "uploads", "files", *FILLED_BY_FILES, "propose")],
        concurrency_limit=2,
        **RAW,
        **PRIVATE,
    )
