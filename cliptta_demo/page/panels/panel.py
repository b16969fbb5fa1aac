"""Panels that the browser draws itself: their DOM stays in place while their data changes.

The template of a ``gr.HTML`` never mentions its value (JSON text), so Gradio leaves the DOM alone; a script watches it.
"""

import hashlib
import html
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from cliptta_demo.languages import ENGLISH, language
from cliptta_demo.one_file import in_script, scoped
from cliptta_demo.page.framework.gradio_parts import API_PREFIX
from cliptta_demo.page.framework.visitor_language import scripts_words
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.places import ASSETS, RANKING

PLOTLY = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"  # the version that the wheel's figures fit
# Of the scripts, those that draw what a run shows, wherever it is kept; and all.
DRAWING = (
    *("page", "paper", "sketch", "ends", "plots", "explore", "curves", "figures", "batches", "gallery", "rows"),
    *("watch", "enlarged", "descent", "ablated", "triangles", "path", "loss", "story", "terms", "strip", "past"),
)
SCRIPTS = (
    *(*DRAWING, "link", "embed", "keys", "top", "knobs", "upload", "picker"),
    *("results", "answers", "guesses", "lesson", "camera", "ranking", "language"),
)
STYLES = ("look", "frame", "watch", "panels", "why", "explore", "tables", "images", "lesson", "print")
JOINED = ("page.css", "page.js")
CORRUPTIONS = ASSETS / "corruptions.jpg"  # a column for each, "none" first; a row for each severity
EXAMPLE_PICTURES = {name: ASSETS / f"example-{name}.jpg" for name in ("sheet", "clean")}  # of its last batch


def example_file(name: str) -> Path:
    """Of the opening example: ``example``, or ``example-batches``, all batches but the last."""
    return ASSETS / f"{name}.json"


def static_files() -> list[Path]:
    """The files that are public as they lie there."""
    return [PLOTLY, CORRUPTIONS, RANKING, example_file("example-batches"), *EXAMPLE_PICTURES.values()]


def address(path: Path) -> str:
    """Where the browser finds a static file, relative to the page."""
    version = int(path.stat().st_mtime)  # a new version of a file is never hidden by the browser's cache
    return f"{API_PREFIX[1:]}/file={html.escape(path.as_posix())}?v={version}"


@cache
def joined(name: str) -> str:
    """``page.css``, all style sheets, or ``page.js``, all scripts: one by one, each would wait for its answer.

    The scripts run once, however often the page asks for them.
    """
    if name == "page.css":
        return "\n".join((ASSETS / f"{style}.css").read_text(encoding="utf-8") for style in STYLES)
    return f"if (!window.cliptta) {{\n{scoped(f'{name}.js' for name in SCRIPTS)}}}\n"


@cache
def joined_address(name: str) -> str:
    """Where the browser finds one of them, relative to the page."""
    return f"{name}?v={hashlib.sha256(joined(name).encode()).hexdigest()[:12]}"


def stylesheet() -> str:
    """The tag that loads the style sheets from this server."""
    return f'<link rel="stylesheet" href="{joined_address("page.css")}">'


def scripts() -> str:
    """The tag of the scripts, for the head of whatever needs them."""
    return f'<script src="{joined_address("page.js")}"></script>'


def spoken_language() -> str:
    """The tag that tells the scripts the page's language; none in English, which stands in them."""
    spoken = language()
    told = "" if spoken.code == ENGLISH else f"window.clipttaLanguage = {in_script(scripts_words(spoken))};"
    return f"<script>{told}</script>" if told else ""


def scripted(name: str, template: str, work: str, value: Any = "", **about: Any) -> gr.HTML:
    """A part that a script looks after: ``work`` is run once, its ``element`` stays as the template has it."""
    return gr.HTML(
        value,
        html_template=template,
        js_on_load=work,
        head=scripts(),
        apply_default_css=False,
        elem_id=name,
        **about,
    )


def build_spoken() -> gr.HTML:
    """Where a screen reader is told how a run ended. Of the panels it is the first, which asks for Plotly."""
    work = f"window.cliptta.speak(element, props, watch); window.cliptta.loadPlotly({address(PLOTLY)!r});"
    return scripted("spoken", '<p class="sr" role="status"></p>', work)


def panel_html(panel: Panel) -> str:
    """A panel's place: its titles, and an empty body."""
    head = f'<h2>{html.escape(panel.title)}</h2><p class="sentence">{html.escape(panel.sentence)}</p>'
    return f'<section class="panel"><header>{head}</header><div class="body"></div></section>'


def build_sender(name: str) -> gr.HTML:
    """What a script tells the server of, as JSON text: ``cliptta.tell[name](data)``. Nothing of it is seen."""
    work = f"window.cliptta.sender({name!r}, props, trigger);"
    return scripted(name, "<i hidden></i>", work, elem_classes="unseen")


def mounted(name: str) -> str:
    """The work of a script that draws a value anew whenever it changes."""
    return f"window.cliptta.mount({name!r}, element, props, watch);"


def build_panel(panel: Panel, value: str = "") -> gr.HTML:
    """A titled panel whose body a script draws from its value, JSON text."""
    return scripted(panel.name, panel_html(panel), mounted(panel.name), value, min_width=280)
