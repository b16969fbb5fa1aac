"""A run as one HTML file: its cards, curves, images and matrices, to open without a server, to hand out or to keep."""

from __future__ import annotations

from cliptta_demo.languages import say
from cliptta_demo.one_file import one_file
from cliptta_demo.page.panels import gallery
from cliptta_demo.page.panels.cards import cards_data, cards_place
from cliptta_demo.page.panels.declare import Panel, to_json
from cliptta_demo.page.panels.panel import DRAWING, STYLES, panel_html, spoken_language
from cliptta_demo.page.panels.run_line import run_line_html
from cliptta_demo.page.panels.stage import DRAWN, ROWS
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.glossary import glossary_html
from cliptta_demo.page.words.texts import HEADER, KEPT_RUN

WORK = """
for (const [name, value] of DATA.panels) cliptta.mount(name, document.getElementById(name), { value }, () => {});
addEventListener("resize", () => cliptta.drawAnew());
"""


def page_download(session: Session | None) -> str:
    """The file for the browser to save; empty before any run."""
    if session is None or session.snapshot is None:
        return ""
    return to_json({"name": "cliptta-run.html", "type": "text/html;charset=utf-8", "text": run_as_page(session)})


def run_as_page(session: Session) -> str:
    """All that the stage shows of a run, drawn by the page's own scripts."""
    rows = [[panel for panel in row if panel in DRAWN or panel is gallery.GLIMPSE] for row in ROWS]
    drawn = [panel for row in rows for panel in row]
    body = [spoken_language(), HEADER, f'<p class="sentence">{KEPT_RUN}</p>']
    body += [run_line_html(session), f'<div id="cards">{cards_place()}</div>']
    body += [_row(row) for row in rows if row] + [glossary_html()]
    cards = ["cards", to_json(cards_data(session, session.recipe.settings.methods))]
    data = {"panels": [cards, *([panel.name, panel.value(session)] for panel in drawn)]}
    scripts = [f"{name}.js" for name in DRAWING]
    styles = [f"{name}.css" for name in (*STYLES, "report")]
    return one_file(
        say("A run of CLIPTTA"), "".join(body), kind="run", styles=styles, scripts=scripts, data=data, work=WORK
    )


def _row(panels: list[Panel]) -> str:
    places = "".join(f'<div id="{panel.name}">{panel_html(panel)}</div>' for panel in panels)
    return f'<div class="pair">{places}</div>' if len(panels) > 1 else places
