"""The panel of predictions: which classes each method uses, and which it forgets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.metrics import Tally
from cliptta_demo.backend.run.snapshot import LiveStep, MethodSnapshot, Snapshot
from cliptta_demo.languages import say
from cliptta_demo.page.panels.cards import FEW, counts_of
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, entropy_now, looks_of, make_figure, plot_text, rounded
from cliptta_demo.page.session.state import Session

Y_STEPS = (0.2, 0.3, 0.4, 0.6, 0.8, 1.0)  # tops of the histogram's axis: few, so that it seldom jumps
LONGEST = 16  # letters of a name along the axis; pointing at its bar shows all of it


def histogram_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Share of predictions per class, one small plot per method, with the true share as a dash on each bar."""
    if session.snapshot is None and live is None:
        return empty_figure(say("The classes that each method predicts appear after the first batch."))
    true = session.state.true_histogram
    truth = true / true.sum() if true.sum() else None
    shares = {}
    for name in session.recipe.settings.methods:
        counts = session.state.tallies[name].histogram
        counts = counts + live.methods[name].histogram if live is not None else counts
        shares[name] = counts / max(counts.sum(), 1)
    highest = max(float(share.max()) for share in (*shares.values(), truth) if share is not None)
    top = next((step for step in Y_STEPS if highest * 1.05 <= step), 1.0)
    return make_figure(
        [_class_facet(session, live, name, look, shares[name], truth, top) for name, look in looks_of(session).items()]
    )


def _class_facet(
    session: Session,
    live: LiveStep | None,
    name: str,
    look: MethodLook,
    share: np.ndarray,
    truth: np.ndarray | None,
    top: float,
) -> dict[str, Any]:
    names = [display_name(name) for name in session.recipe.class_names]
    shown = [plot_text(name) for name in names]
    predicted = say("{name}: {share} of predictions", name="%{x}", share="%{y:.1%}")
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "x": shown,
            "y": rounded(share, 4),
            "marker": {"color": f"@{look.colour}"},
            "hovertemplate": f"{predicted}<extra></extra>",
        }
    ]
    if truth is not None:
        truly = say("{name}: truly {share}", name="%{x}", share="%{y:.1%}")
        dash = {"symbol": "line-ew", "size": 13 if len(names) <= 20 else 5, "line": {"width": 2, "color": "@ink"}}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": shown,
                "y": rounded(truth, 4),
                "marker": dash,
                "hovertemplate": f"{truly}<extra></extra>",
            }
        )
    method = session.snapshot.methods[name] if session.snapshot is not None else None
    ratios = _ratios(name, method) if method is not None and method.accuracy is not None else []
    head = _head(name, look, share, names, entropy_now(session, live, name), ratios)
    facts = ". ".join([head["gauge"]["text"], *head["lines"]])
    return {
        "id": f"histogram-{name}",
        "data": traces,
        "layout": {
            "yaxis": {"range": [0, top], "tickformat": ".0%", "nticks": 5},
            "xaxis": {
                "tickangle": -55 if len(names) > 6 else 0,
                "type": "category",
                "range": [-0.6, len(names) - 0.4],
                "labelalias": {plot_text(name): plot_text(cut(name)) for name in names if cut(name) != name},
            },
            "bargap": 0.28,
        },
        "alt": say("{method}, predictions per class: {facts}.", method=look.label, facts=facts),
        "head": head,
    }


def cut(name: str) -> str:
    """A class name short enough to stand along an axis; names that begin alike often differ at their end."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 7].rstrip()}…{name[-6:].lstrip()}"


def batch_histogram(snapshot: Snapshot, name: str, look: MethodLook) -> dict[str, Any]:
    """What takes the place of a method's bars and facts where a batch is looked at alone: ``{"share", "head"}``."""
    method, classes = snapshot.methods[name], [display_name(name) for name in snapshot.class_names]
    view, before = method.batch, snapshot.methods[REFERENCE].batch.predicted
    alone = Tally.start(len(classes)).add(snapshot.labels, view.predicted, before, view.scores, view.confidence)
    share = alone.histogram / max(alone.histogram.sum(), 1)
    ratios = _ratios(name, alone) if method.accuracy is not None else []
    return {"share": rounded(share, 4), "head": _head(name, look, share, classes, view.collapse_entropy, ratios)}


def _head(
    name: str, look: MethodLook, share: np.ndarray, classes: list[str], entropy: float, ratios: list[str]
) -> dict[str, Any]:
    """Name, entropy gauge and largest class of one method, and what else is to be said."""
    ceiling, largest = math.log(len(share)), classes[int(share.argmax())]
    return {
        "method": name,
        "mark": look.mark,
        "title": look.label,
        "gauge": {
            "share": round(entropy / ceiling, 4),
            "text": say("entropy {entropy:.2f} of {most:.2f}", entropy=entropy, most=ceiling),
            "low": entropy < 0.75 * ceiling,
        },
        "lines": [say("largest class “{name}”: {share:.0%}", name=largest, share=share.max()), *ratios],
    }


def _ratios(name: str, counted: Tally | MethodSnapshot) -> list[str]:
    """Improvement and deterioration in words."""
    if name == REFERENCE:
        return [say("the yardstick of both ratios")]
    (fixed, wrong), (broken, right) = counts_of(counted.paired)
    return [
        say("improvement: {part} of zero-shot's {whole} wrong", part=fixed, whole=wrong)
        if wrong < FEW
        else say("improvement: {share:.0%} of zero-shot's wrong", share=fixed / wrong),
        say("deterioration: {part} of zero-shot's {whole} right", part=broken, whole=right)
        if right < FEW
        else say("deterioration: {share:.0%} of zero-shot's right", share=broken / right),
    ]


PANEL = Panel(
    name="histogram",
    title=say("Where the predictions go"),
    sentence=say(
        "Bars are predictions per class, dashes the truth; a collapsing method piles its bars onto a few classes. "
        "Improvement is the share of zero-shot's wrong images that are now right, deterioration the share of its right "
        "images that are now wrong."
    ),
    kind="histogram",
    waiting=empty_figure(say("Press Run: see which classes each method predicts, and which it forgets.")),
    draw=histogram_figure,
    live=True,
)
