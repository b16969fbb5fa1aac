"""The page: the top, the knobs, the sentence, three depths, and the drawer of all settings."""

from collections.abc import Callable
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
from cliptta_demo.page.layout.sidebar import build_knobs, build_sidebar
from cliptta_demo.page.layout.wires import Wires, connect_runs, pill, place
from cliptta_demo.page.lessons.lesson import GROUPS
from cliptta_demo.page.lessons.lessons import LESSONS
from cliptta_demo.page.panels import stage
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.form_line import build_form_line
from cliptta_demo.page.panels.heads import message_html
from cliptta_demo.page.panels.lesson import build_stepper
from cliptta_demo.page.panels.panel import build_panel, build_spoken, mounted, scripted
from cliptta_demo.page.runs.api import add_api
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Choice, Uploads
from cliptta_demo.page.session.uploads import forget_files
from cliptta_demo.page.words.glossary import glossary_html
from cliptta_demo.page.words.texts import (
    TITLE,
    credits_html,
    footer,
    header,
    headline_html,
    languages_html,
    link_note,
    sentence_html,
)


def build_demo(load: Callable[[], dict[str, str] | None] | None = None, limits: Limits = LIMITS) -> Page:
    """The whole app. ``load`` gives the stage after a finished run of the package's experiment, to open with.

    Ends the program with a sentence where the installed Gradio does not do.
    """
    form, recipe, example = opening(), readable(opening()), load() if load else None
    check_gradio()
    shown = example if example and form == usual_values() else stage.opening_stage(recipe)
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
        parts = _build_top(form["backbone"])
        with gr.Row(elem_id="knobs"):
            parts |= _build_buttons()
            knobs = build_knobs(form)
            parts |= build_form_line(recipe)
        parts |= _build_lead(shown)
        with gr.Row(elem_id="scene"):
            parts |= {"lesson": build_stepper()} | build_camera()
            with gr.Column(elem_id="stage"):
                past = PastRuns(shown=stage.example_run(shown) if shown is example else None)
                parts |= _build_stage(shown, past)
        place(footer(), "colophon")
        with gr.Column(elem_id="sidebar"):
            widgets, fields = build_sidebar(form, host.device, host.machine, knobs)
            place(glossary_html(), "glossary")
            place(credits_html(), "credits")
        parts |= fields | {"session": session, "uploads": uploads}
        states = {"go": "", "model": form["backbone"], "before": None, "lesson_key": ""}
        states |= {"choice": Choice(recipe, idle=shown)}
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
        add_api(host)

        def left(request: gr.Request) -> None:
            host.visitors.gone(request.session_hash or "")

        demo.unload(left)
    demo.queue(max_size=limits.queue_size, api_open=False)
    demo.opening = shown
    demo.build = partial(build_demo, load, limits)
    return demo


def _build_top(backbone: str) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Row(elem_id="top"):
        scripted("masthead", header(len(LESSONS)), "window.cliptta.depths(element);")
        parts["your_camera"] = gr.Button(say("Camera"), elem_id="your-camera", min_width=0)
        parts["your_images"] = gr.Button(say("Your images"), elem_id="your-images", min_width=0)
        parts["model_line"] = place(model_line_html(backbone), "model-line")
        parts["settings"] = gr.Button(say("All settings"), elem_id="settings", min_width=0)
        parts["link"] = gr.Button(say("Share"), elem_id="share", min_width=0)
        parts["language"] = scripted("language", languages_html(), "window.cliptta.languages(element, trigger);")
    with gr.Column(elem_id="lessons"):
        scripted("lessons-menu", "<i hidden></i>", "window.cliptta.lessons();")
        parts["lessons"] = {}
        for group, words in GROUPS.items():
            place(f"<h2>{say(words)}</h2>", f"lessons-{group}")
            for lesson in (one for one in LESSONS if one.group == group):
                words = say("{title} · {minutes} min", title=lesson.title, minutes=lesson.minutes)
                parts["lessons"][lesson.key] = pill(words, f"lesson-{lesson.key}")
    parts["settings"].click(None, js="() => window.cliptta.showSettings()")
    parts["your_images"].click(None, js="() => window.cliptta.lead('#files button')")
    return parts


def _build_buttons() -> dict[str, Any]:
    parts = {
        "run": gr.Button(say("Run"), variant="primary", elem_id="run", min_width=0),
        "pause": gr.Button(say("Pause"), interactive=False, elem_id="pause", min_width=0),
        "step": gr.Button(say("Step"), elem_id="step", min_width=0),
        "reset": gr.Button(say("Reset"), elem_id="start-over", min_width=0),
    }
    # On a phone, where the knobs are a sheet.
    scripted("knobs-more", '<button type="button" aria-expanded="false"></button>', "window.cliptta.sheet(element);")
    return parts


def _build_lead(values: dict[str, str]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Column(elem_id="lead"):
        scripted("sentence", sentence_html(), mounted("sentence"))
        with gr.Row(elem_id="small-line"):
            parts |= {name: place(values[name], name.replace("_", "-")) for name in ("progress", "run_line")}
            parts |= {name: place("", name) for name in ("changed", "estimate")}
        parts["message"] = place(message_html(), "message")
        parts["link_note"] = place(link_note(), "link-note")
        with gr.Row(elem_classes="unseen"):  # pressed by the lesson's script
            parts["leave"] = gr.Button(elem_id="leave")
            parts["what_if"] = gr.Button(elem_id="what-if")
    parts["query"] = gr.Textbox(visible=False)  # on its way from the server to the clipboard
    parts["spoken"] = build_spoken()
    return parts


def _build_stage(values: dict[str, str], past: PastRuns) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    own = {"past": partial(build_past, past), "results": build_results, "sweep": partial(build_sweep, values)}

    def add(*panels: Panel) -> None:
        for panel in panels:
            if panel.name in own:
                parts.update(own[panel.name]())
            else:
                parts[panel.name] = build_panel(panel, values.get(panel.name) or panel.value(None))

    words, *middle, answers = stage.WATCH
    with gr.Row(elem_id="watch", elem_classes="depth"):
        add(words)
        with gr.Column(elem_id="middle"):
            add(*middle)
        add(answers)
    for name, panels in (("why", stage.WHY), ("explore", stage.EXPLORE)):
        with gr.Column(elem_id=name, elem_classes="depth"):
            if name == "explore":
                scripted("headline", headline_html(), mounted("headline"))
            add(*panels)
    return parts
