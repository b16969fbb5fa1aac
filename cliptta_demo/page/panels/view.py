"""One look at a run → the value of every part of the stage. Pure: no widget, no model."""

from __future__ import annotations

from collections.abc import Sequence

from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.page.defaults import DEFAULTS
from cliptta_demo.page.panels.cards import cards_html, progress_html
from cliptta_demo.page.panels.curves import accuracy_figure, entropy_figure
from cliptta_demo.page.panels.figure import empty_figure
from cliptta_demo.page.panels.gallery import gallery_data
from cliptta_demo.page.panels.histograms import histogram_figure, score_figure
from cliptta_demo.page.panels.inside_loss import drift_figure, matrix_data
from cliptta_demo.page.panels.panel import to_json
from cliptta_demo.page.session.state import Session

PARTS = ("progress", "cards", "accuracy", "entropy", "histogram", "gallery", "scores", "matrix", "drift")

WAITING = {
    "accuracy": "Press Run: one curve per method grows here, batch by batch.",
    "entropy": "Press Run: a healthy method stays near the ceiling, a collapsing one falls.",
    "histogram": "Press Run: see which classes each method predicts, and which it forgets.",
    "drift": "Press Run: see which normalisation layers move, and how far.",
    "scores": "Press Run: see how well each method tells known classes from strangers.",
}


def waiting_stage(methods: Sequence[str] = DEFAULTS.methods) -> dict[str, str]:
    """The stage before the first run: it says what will appear where."""
    figures = {name: to_json(empty_figure(text)) for name, text in WAITING.items()}
    return {
        "progress": progress_html(None),
        "cards": cards_html(None, methods),
        "gallery": to_json(gallery_data(None, None)),
        "matrix": to_json({"matrices": []}),
        **figures,
    }


def stage(session: Session, phase: str) -> dict[str, str]:
    """Everything, after a whole batch. ``phase``: running, paused, done."""
    if session.snapshot is None:
        return waiting_stage(session.recipe.settings.methods)
    return {
        "progress": progress_html(session, None, phase),
        "cards": cards_html(session, session.recipe.settings.methods),
        "accuracy": to_json(accuracy_figure(session)),
        "entropy": to_json(entropy_figure(session)),
        "histogram": to_json(histogram_figure(session)),
        "gallery": to_json(gallery_data(session.snapshot, session.sheets)),
        "scores": to_json(score_figure(session)),
        "matrix": to_json(matrix_data(session)),
        "drift": to_json(drift_figure(session)),
    }


def live_stage(session: Session, live: LiveStep) -> dict[str, str]:
    """What moves inside a batch, after an optimiser step; images and score histograms wait for its end."""
    return {
        "progress": progress_html(session, live, "running"),
        "cards": cards_html(session, session.recipe.settings.methods, live),
        "accuracy": to_json(accuracy_figure(session, live)),
        "entropy": to_json(entropy_figure(session, live)),
        "histogram": to_json(histogram_figure(session, live)),
    }
