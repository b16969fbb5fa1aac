"""The page: sidebar left, stage right, and which button calls what."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import LAPTOPS, PAPERS
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.backbone_note import backbone_note_html, gpu_advice, words_offer
from cliptta_demo.page.form.choice import Choice
from cliptta_demo.page.form.cost import estimate_html
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, costly_names, form_of, stream_names
from cliptta_demo.page.form.lessons import LESSONS, by_key, lesson_html
from cliptta_demo.page.form.opening import opening, packaged
from cliptta_demo.page.form.sidebar import QUIET, Sidebar, build_sidebar
from cliptta_demo.page.form.words_note import words_note_html
from cliptta_demo.page.panels.cards import message_html
from cliptta_demo.page.panels.panel import build_panel, build_spoken
from cliptta_demo.page.panels.results_panel import PRIVATE, QUICK, build_results, connect_results
from cliptta_demo.page.panels.results_table import PANEL as RESULTS
from cliptta_demo.page.panels.stage import PARTS, ROWS, opening_stage, planned_strip
from cliptta_demo.page.panels.sweep import PANEL as SWEEP
from cliptta_demo.page.runs import handlers
from cliptta_demo.page.runs.api import add_api
from cliptta_demo.page.runs.camera_panel import build_camera, connect_camera
from cliptta_demo.page.runs.gpu import device
from cliptta_demo.page.runs.registry import RUNS
from cliptta_demo.page.runs.sweep_panel import build_sweep, connect_sweep
from cliptta_demo.page.server.gradio_part import check_gradio
from cliptta_demo.page.server.gradio_parts import asked_at
from cliptta_demo.page.server.guard import RAW, Page
from cliptta_demo.page.session.keeping import KEEPING
from cliptta_demo.page.session.leaving import LEAVING, in_use, put_away
from cliptta_demo.page.session.uploads import FILLED_BY_FILES, forget_files, read_news, upload_value
from cliptta_demo.page.texts import FAILED, FOOTER, HEADER, LINK_NOTE, TITLE

log = logging.getLogger(__name__)


def build_demo(example: dict[str, str] | None = None) -> gr.Blocks:
    """The whole app. ``example`` is the stage after a finished run of the package's experiment, to open with.

    Without it, and where the page opens with another experiment, there are sentences in place of plots. Ends the
    program with a sentence where the installed Gradio does not do.
    """
    form = opening()
    check_gradio()
    shown = example if example and form == packaged() else opening_stage(form)
    with Page(
        title=f"{TITLE}: test-time adaptation, live",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(60 * LIMITS.cache_check_minutes, 60 * LIMITS.session_minutes),  # files live as long as a session
    ) as demo:
        session = gr.State(None, time_to_live=60.0 * LIMITS.session_minutes)
        uploads = gr.State(None, time_to_live=60.0 * LIMITS.session_minutes, delete_callback=forget_files)
        gr.HTML(HEADER, apply_default_css=False, elem_id="masthead")
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="sidebar", scale=0, min_width=320):
                sidebar = build_sidebar(form, device())
            with gr.Column(elem_id="stage", scale=1, min_width=280):
                parts = _build_stage(shown)
                gr.HTML(FOOTER, apply_default_css=False)
        parts |= {"session": session, "uploads": uploads, "go": gr.State(""), "model": gr.State(form.backbone)}
        parts["choice"] = gr.State(Choice(form, idle=shown["progress"]))
        _connect(demo, sidebar, parts)
        _connect_address(demo, sidebar, parts)
        _connect_backbone(demo, sidebar, parts)
        add_api()

        def left(request: gr.Request) -> None:
            LEAVING.gone(request.session_hash or "", demo)

        demo.unload(left)
    demo.queue(max_size=LIMITS.queue_size, api_open=False)
    return demo


def _connect_backbone(demo: gr.Blocks, sidebar: Sidebar, parts: dict[str, Any]) -> None:
    """As the form changes: says what comes when, how long it takes, what the backbone costs, which words it knows."""

    def tell(model: str, *values: Any) -> tuple[Any, ...]:
        form = form_of(values)
        offers = {PAPERS: gpu_advice(form.backbone, device()), LAPTOPS: words_offer(form)}
        shown = [gr.Button(offers[name], visible=bool(offers[name])) for name in sidebar.offers]
        return estimate_html(form, device()), backbone_note_html(form, model), words_note_html(form), *shown

    def planned(*values: Any) -> Any:
        return planned_strip(form_of(values)) or gr.skip()

    gr.on(
        [demo.load, parts["reset"].click, *(sidebar.widgets[name].change for name in ("class_names", *stream_names()))],
        planned,
        sidebar.inputs,
        parts["strip"],
        concurrency_limit=None,
        trigger_mode="always_last",
        **RAW,
        **PRIVATE,
    )
    gr.on(
        [demo.load, parts["model"].change, *(sidebar.widgets[name].change for name in costly_names())],
        tell,
        [parts["model"], *sidebar.inputs],
        [sidebar.estimate, sidebar.backbone_note, sidebar.words_note, *sidebar.offers.values()],
        trigger_mode="always_last",
        **QUIET,
    )

    def chosen(name: str) -> list[Any]:
        values, message = handlers.take_backbone(name)
        return [message, *(values or [gr.skip()] * len(ADAPTATION_FIELDS))]

    backbone = sidebar.widgets["backbone"]
    outputs = [parts["message"], *(sidebar.widgets[name] for name in ADAPTATION_FIELDS)]
    backbone.input(chosen, backbone, outputs, **QUIET)
    for name, button in sidebar.offers.items():
        button.click(lambda name=name: [name, *chosen(name)], None, [backbone, *outputs], **QUIET)


def _connect_address(demo: gr.Blocks, sidebar: Sidebar, parts: dict[str, Any]) -> None:
    """The page's address fills the form; *Share* makes the address that would fill it so again."""
    targets = {**sidebar.widgets, **{name: parts[name] for name in ("choice", "message", *PARTS)}}

    def opened(request: gr.Request) -> dict[Any, Any]:
        update = handlers.open_address(dict(request.query_params)) or {"message": gr.skip()}  # Gradio refuses {}
        return {targets[name]: value for name, value in update.items()}

    demo.load(opened, None, list(targets.values()), **PRIVATE)
    shared = parts["link"].click(
        lambda *values: handlers.address_of(values), sidebar.inputs, [parts["query"], parts["message"]], **QUIET
    )
    shared.success(None, parts["query"], None, js="(query) => window.cliptta.copyLink(query)")


def _build_stage(values: dict[str, str]) -> dict[str, Any]:
    """Controls and panels, by the names that :mod:`.runs.handlers` uses."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="controls"):
        with gr.Row(elem_id="buttons"):
            parts["run"] = gr.Button("Run", variant="primary", elem_id="run", min_width=0)
            parts["pause"] = gr.Button("Pause", interactive=False, elem_id="pause", min_width=0)
            parts["step"] = gr.Button("Step", elem_id="step", min_width=0)
            parts["reset"] = gr.Button("Reset", elem_id="reset", min_width=0)
            parts["link"] = gr.Button("Share", elem_id="share", min_width=0)
            parts["settings"] = gr.Button("Settings", elem_id="settings", min_width=0)
        parts["progress"] = gr.HTML(values["progress"], apply_default_css=False, elem_id="progress")
    with gr.Row(elem_id="lessons"):
        gr.HTML("<h2>Lessons</h2>", apply_default_css=False, elem_id="lessons-title")
        parts["lessons"] = {
            lesson.key: gr.Button(lesson.title, size="sm", elem_id=f"lesson-{lesson.key}", min_width=0)
            for lesson in LESSONS
        }
        parts["your_camera"] = gr.Button("Your camera", size="sm", elem_id="your-camera", min_width=0)
    parts |= build_camera()
    parts["lesson"] = gr.HTML(lesson_html(None), apply_default_css=False, elem_id="lesson")
    parts["query"] = gr.Textbox(visible=False)  # on its way from the server to the clipboard
    parts["link_note"] = gr.HTML(LINK_NOTE, apply_default_css=False, elem_id="link-note")
    parts["message"] = gr.HTML(message_html(), apply_default_css=False, elem_id="message")
    parts["spoken"] = build_spoken()
    parts["cards"] = gr.HTML(values["cards"], apply_default_css=False, elem_id="cards")
    for row in ROWS:
        with gr.Row(elem_classes="pair") if len(row) > 1 else nullcontext():
            for panel in row:
                if panel is RESULTS:
                    parts |= build_results()
                elif panel is SWEEP:
                    parts |= build_sweep()
                else:
                    parts[panel.name] = build_panel(panel, values.get(panel.name) or panel.value(None))
    return parts


def _connect(demo: gr.Blocks, sidebar: Sidebar, parts: dict[str, Any]) -> None:
    session, uploads, widgets = parts["session"], parts["uploads"], sidebar.widgets
    targets = {**parts, **widgets, "upload_note": sidebar.upload_note}
    names = ("session", "uploads", "choice", "model", "message", "spoken", "run", "pause", "step", *PARTS)
    outputs = [parts[name] for name in names]

    def spread(update: dict[str, Any]) -> dict[Any, Any]:
        return {targets[name]: value for name, value in update.items()}

    def key_of(request: gr.Request) -> str:
        key = request.session_hash or "nobody"
        LEAVING.here(key, asked_at(demo))
        KEEPING.touch(key)
        return key

    KEEPING.busy, KEEPING.let_go = partial(in_use, demo=demo), partial(put_away, demo=demo)

    def work(
        batches: int | None, request: gr.Request, session: Any, uploads: Any, choice: Any, *values: Any
    ) -> Iterator:
        key = key_of(request)
        with RUNS.answer(handlers.run(session, uploads, values, batches, key, choice), key) as updates:
            for update in updates:
                yield spread(update)

    def run_all(request: gr.Request, *inputs: Any) -> Iterator[dict]:
        yield from work(None, request, *inputs)

    def run_one(request: gr.Request, *inputs: Any) -> Iterator[dict]:
        yield from work(1, request, *inputs)

    def wait(request: gr.Request) -> None:
        RUNS.close_abandoned(demo)
        RUNS.wait(key_of(request))

    inputs = [session, uploads, parts["choice"], *sidebar.inputs]
    shared = {
        "concurrency_limit": LIMITS.runs_at_once,
        "concurrency_id": "experiment",
        "api_visibility": "private",
        "show_progress": "minimal",  # the place in line, while there is one; the style sheet hides the rest
        "show_progress_on": parts["progress"],
        **RAW,
    }
    running = [
        parts["run"].click(run_all, inputs, outputs, **shared),
        parts["step"].click(run_one, inputs, outputs, **shared),
        parts["go"].change(run_all, inputs, outputs, **shared),  # a lesson, once its settings are in the form
    ]
    for button in (parts["pause"], parts["reset"], *parts["lessons"].values()):
        button.click(None, cancels=running, api_visibility="private")  # a listener of its own, and the first one
    # Gradio doesn't wait for a cancelled run to end; we do, and only then read the session.
    paused = parts["pause"].click(wait, **QUICK)
    paused = paused.then(lambda *kept: spread(handlers.pause(*kept)), [session, parts["choice"]], outputs, **QUICK)
    reset, kept = parts["reset"].click(wait, **QUICK), [widgets["methods"], parts["choice"]]
    reset = reset.then(lambda *kept: spread(handlers.reset(*kept)), kept, outputs, **QUIET)
    ended = [*running, paused, reset]
    connect_results(parts, ended)
    connect_sweep(parts, sidebar.inputs, key_of, shared)
    connect_camera(parts["your_camera"], parts, sidebar.inputs, key_of)
    parts["settings"].click(None, js="() => window.cliptta.showSettings()")

    def put_back(choice: Any, *values: Any) -> dict[Any, Any]:
        return spread(handlers.put_form_back(choice, values))

    form = [parts["choice"], *sidebar.inputs]
    for event in ended:
        event.then(put_back, form, [parts["message"], *form], **QUIET)

    def open_lesson(key: str) -> dict[Any, Any]:
        update = handlers.open_lesson(key)
        if by_key(key).runs:
            update["go"] = f"{key} {time.monotonic()}"
        return spread(update)

    lesson_outputs = [*outputs, parts["lesson"], parts["go"], *sidebar.inputs]
    for key, button in parts["lessons"].items():
        button.click(wait, **QUICK).then(partial(open_lesson, key), None, lesson_outputs, **QUICK)

    def files_came(value: Any, backbone: Any, typed: Any, uploads: Any, request: gr.Request) -> dict[Any, Any]:
        key = key_of(request)
        try:
            update = handlers.take_uploads(read_news(value), backbone, typed, uploads)
            KEEPING.keep_uploads(key, update["uploads"])
        except UserError as error:
            update = {"files": upload_value(uploads), "upload_note": message_html(str(error), "error")}
        except Exception:
            log.exception("uploads could not be taken")
            update = {"files": upload_value(uploads), "upload_note": message_html(FAILED, "error")}
        return spread(update)

    widgets["files"].upload(
        files_came,
        [widgets["files"], widgets["backbone"], widgets["class_names"], uploads],
        [sidebar.upload_note, uploads, *(widgets[name] for name in FILLED_BY_FILES)],
        concurrency_limit=2,
        **RAW,
        **PRIVATE,
    )
