"""Which panels there are, in their order, and what each shows of a run, or of the finished one that the page opens
with: made by the engine, shipped as data, drawn before any model work.
"""

import html
import json
from functools import cache
from pathlib import Path

import numpy as np

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import label_of
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import say
from cliptta_demo.page.form.fields import FORM
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels import ablated, curves, figures, images, loss, past_runs, ranking, strip
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.heads import example_progress_html, progress_bar, progress_html, run_line_html
from cliptta_demo.page.panels.panel import EXAMPLE_PICTURES, address, example_file
from cliptta_demo.page.session.past import PastMethod, PastRun
from cliptta_demo.page.session.state import Recipe, Session

# To add a panel: write its file, add it here, `make generate`. Watch is the first screen; the others are behind tabs.
WATCH = (images.WORDS, curves.ACCURACY, strip.PANEL, curves.ENTROPY, figures.SCORES, images.ANSWERS)
WHY = (ablated.FINDING, loss.PATH, ablated.TERMS, ablated.TOY, loss.MATRIX, loss.STORY)
EXPLORE = (
    *(figures.SWEEP, figures.GAIN, figures.RELIABILITY, ranking.PANEL, past_runs.PANEL, strip.BY_SHIFT),
    *(figures.DRIFT, images.GALLERY, images.RESULTS),
)
DRAWN = tuple(panel for panel in (*WATCH, *WHY, *EXPLORE) if panel.draw)
HEADS = ("progress", "run_line")
PARTS = (*HEADS, *(panel.name for panel in DRAWN))
SHIPPED = (*PARTS, figures.SWEEP.name)  # what the example has


def waiting_stage() -> dict[str, str]:
    """The stage before the first run: it says what will appear where. The strip goes on showing the form's plan."""
    heads = {"progress": progress_html(None), "run_line": run_line_html()}
    return heads | {panel.name: panel.value(None) for panel in DRAWN if panel is not strip.PANEL}


def opening_stage(recipe: Recipe | None) -> dict[str, str]:
    """The stage of a page that opens without a finished run: it names the form's experiment, if the limits take it."""
    if recipe is None:
        return waiting_stage() | {"strip": strip.PANEL.value(None)}
    images = FORM["dataset"].words(recipe.dataset)
    words = say("Ready: {model} on {images}. Press Run.", model=label_of(recipe.backbone), images=images)
    heads = {"progress": progress_bar(0.0, html.escape(words)), "strip": planned_strip(recipe)}
    return waiting_stage() | heads


def planned_strip(recipe: Recipe, later: bool = False) -> str:
    """The strip of what a run asks for, ``later`` than the run shown."""
    return to_json(strip.strip_of(recipe.settings.stream, len(recipe.class_names), later=later))


def stage(session: Session, phase: str) -> dict[str, str]:
    """Everything, after a whole batch. ``phase``: running, paused, done."""
    if session.snapshot is None:
        return waiting_stage()
    heads = {"progress": progress_html(session, None, phase), "run_line": run_line_html(session)}
    return heads | {panel.name: panel.value(session) for panel in DRAWN}


def live_stage(session: Session, step: LiveStep, every: float = 0.0) -> dict[str, str]:
    """What moves inside a batch; images and score histograms wait for its end. ``every``: seconds between two looks."""
    heads = {"progress": progress_html(session, step, "running", every=every)}
    return heads | {panel.name: panel.value(session, step) for panel in DRAWN if panel.live}


def load_example(path: Path | None = None) -> dict[str, str] | None:
    """The shipped parts; a panel of which they tell nothing waits. None where the file is missing or no example."""
    try:
        kept = json.loads((path or example_file("example")).read_text(encoding="utf-8"))
        gallery = json.loads(kept["gallery"])
    except (OSError, ValueError, TypeError, LookupError):
        return None
    # Its pictures lie beside the file, and its other batches, for who points at an earlier one.
    apart = EXAMPLE_PICTURES | {"history": example_file("example-batches")}
    gallery |= {name: address(path) for name, path in apart.items() if path.exists()}
    parts = {panel.name: panel.value(None) for panel in DRAWN} | {name: kept[name] for name in SHIPPED if name in kept}
    parts["progress"] = example_progress_html()
    return parts | {"gallery": to_json(gallery)}


@cache
def shipped_run() -> PastRun | None:
    """:func:`example_run` of what is shipped."""
    return example_run(load_example())


def example_run(parts: dict[str, str] | None) -> PastRun | None:
    """The shipped run as one to compare with: its curves. None where there is none."""
    try:
        accuracy, entropy = (json.loads(parts[name])["methods"] for name in ("accuracy", "entropy"))
        recipe = read_form({})  # which this server's limits may refuse
    except (TypeError, ValueError, LookupError, UserError):
        return None
    methods = {
        own["method"]: PastMethod(np.array(own["series"], np.float64), np.array(other["series"], np.float64))
        for own, other in zip(accuracy, entropy, strict=True)
    }
    return PastRun(recipe, recipe.settings.stream.batches, methods)
