"""The page: sidebar left, stage right. What its widgets call is in wires and form_events."""

from contextlib import nullcontext
from functools import partial
from typing import Any

import gradio as gr

from cliptta_demo.languages import say
from cliptta_demo.limits import LIMITS, Limits
from cliptta_demo.page.form.reading import opening, readable, usual_values
from cliptta_demo.page.framework.gradio_parts import Page, check_gradio
from cliptta_demo.page.layout.backbone_note import model_line_html
from cliptta_demo.page.layout.form_events import connect_address, connect_form, connect_lessons, connect_uploads
from cliptta_demo.page.layout.own_widgets import build_camera, connect_camera
from cliptta_demo.page.layout.panels_with_buttons import (
    build_past,
    build_results,
    build_sweep,
    connect_past,
    connect_results,
    connect_sweep,
)
from cliptta_demo.page.layout.sidebar import build_sidebar
from cliptta_demo.page.layout.wires import Wires, connect_runs, pill, place
from cliptta_demo.page.lessons.lessons import LESSONS
from cliptta_demo.page.panels.heads import cards_place, message_html
from cliptta_demo.page.panels.lesson import build_stepper
from cliptta_demo.page.panels.panel import build_panel, build_spoken, mounted, scripted
from cliptta_demo.page.panels.stage import ROWS, example_run, opening_stage
from cliptta_demo.page.runs.api import add_api
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Choice, Uploads
from cliptta_demo.page.session.uploads import forget_files
from cliptta_demo.page.words.glossary import glossary_html
from cliptta_demo.page.words.texts import TITLE, footer, header, link_note


def build_demo(example: dict[str, str] | None = None, limits: Limits = LIMITS) -> Page:
    """The whole app. ``example`` is the stage after a finished run of the package's experiment, to open with.

    Without it, and where the page opens with another experiment, there are sentences in place of plots. Ends the
    program with a sentence where the installed Gradio does not do.
    """
    form, recipe = opening(), readable(opening())
    check_gradio()
    shown = example if example and form == usual_values() else opening_stage(recipe)
    about_model = model_line_html(form["backbone"])
    with Page(
        title=say("{name}: test-time adaptation, live", name=TITLE),
        analytics_enabled=False,
        fill_width=True,
    ) as demo:
        demo.host = host = Host.of(demo, limits)
        lives = 60.0 * limits.session_minutes

        def forget(uploads: Uploads | None) -> None:
            forget_files(host.uploads, uploads.files if uploads is not None else ())

        session = gr.State(None, time_to_live=lives)
        uploads = gr.State(None, time_to_live=lives, delete_callback=forget)
        place(header(), "masthead")
        model_line = place(about_model, "model-line")
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="sidebar", scale=0, min_width=320):
                widgets, fields = build_sidebar(form, host.device, host.machine)
            with gr.Column(elem_id="stage", scale=1, min_width=280):
                parts = _build_stage(shown, PastRuns(shown=example_run(shown) if shown is example else None))
                gr.HTML(glossary_html() + footer(), apply_default_css=False)
        parts |= fields | {"session": session, "uploads": uploads, "model_line": model_line}
        states = {"go": "", "model": form["backbone"], "before": None, "lesson_key": ""}
        states |= {"choice": Choice(recipe, idle=shown["progress"])}
        parts |= {name: gr.State(value) for name, value in states.items()}
        wires = Wires(host, parts, widgets)
        running, ended = connect_runs(wires)
        connect_results(wires, ended)
        connect_past(wires, ended)
        connect_sweep(wires)
        connect_camera(wires)
        connect_form(wires, ended)
        connect_lessons(wires, running, ended)
        connect_uploads(wires)
        connect_address(wires)
        parts["settings"].click(None, js="() => window.cliptta.showSettings()")
        add_api(host)

        def left(request: gr.Request) -> None:
            host.visitors.gone(request.session_hash or "")

        demo.unload(left)
    demo.queue(max_size=limits.queue_size, api_open=False)
    demo.opening = shown | {"model_line": about_model}
    return demo


def _build_stage(values: dict[str, str], past: PastRuns) -> dict[str, Any]:
    """Controls and panels, by the names that :mod:`.runs.handlers` uses."""
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="controls"):
        with gr.Row(elem_id="buttons"):
            parts["run"] = gr.Button(say("Run"), variant="primary", elem_id="run", min_width=0)
            parts["pause"] = gr.Button(say("Pause"), interactive=False, elem_id="pause", min_width=0)
            parts["step"] = gr.Button(say("Step"), elem_id="step", min_width=0)
            parts["reset"] = gr.Button(say("Reset"), elem_id="start-over", min_width=0)
            parts["link"] = gr.Button(say("Share"), elem_id="share", min_width=0)
            parts["settings"] = gr.Button(say("Settings"), elem_id="settings", min_width=0)
        parts["progress"] = place(values["progress"], "progress")
        with gr.Row(elem_id="of-run"):
            parts["run_line"] = place(values["run_line"], "run-line")
            parts["changed"] = place("", "changed")
        parts["lesson"] = build_stepper()
        with gr.Row(elem_classes="unseen"):  # pressed by the stepper's script
            parts["leave"] = gr.Button(elem_id="leave")
            parts["what_if"] = gr.Button(elem_id="what-if")
    with gr.Row(elem_id="lessons"):
        place(f"<h2>{say('Lessons')}</h2>", "lessons-title")
        parts["lessons"] = {lesson.key: pill(lesson.title, f"lesson-{lesson.key}") for lesson in LESSONS}
        parts["your_camera"] = pill(say("Open the camera"), "your-camera")
    parts |= build_camera()
    parts["query"] = gr.Textbox(visible=False)  # on its way from the server to the clipboard
    parts["link_note"] = place(link_note(), "link-note")
    parts["message"] = place(message_html(), "message")
    parts["spoken"] = build_spoken()
    parts["cards"] = scripted("cards", cards_place(), mounted("cards"), values["cards"])
    own = {"past": partial(build_past, past), "results": build_results, "sweep": build_sweep}
    for row in ROWS:
        with gr.Row(elem_classes="pair") if len(row) > 1 else nullcontext():
            for panel in row:
                if panel.name in own:
                    parts |= own[panel.name]()
                else:
                    parts[panel.name] = build_panel(panel, values.get(panel.name) or panel.value(None))
    return parts
