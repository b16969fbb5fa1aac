"""The panel of ID scores: how familiar known classes and strangers look."""

from __future__ import annotations

from typing import Any

import numpy as np

from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.backend.run.snapshot import MethodSnapshot
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, looks_of, make_figure, rounded
from cliptta_demo.page.session.state import Session

SCORE_BINS = 32
ABSENT = {"hidden": True}  # without strangers there is nothing to tell apart
SIDES = say("Solid bars are images of known classes (ID), hatched bars strangers (OOD); further apart is better.")


def score_figure(session: Session) -> Figure:
    """Histograms of the ID scores, one small plot per method; strangers hatched, the threshold dashed."""
    snapshot = session.snapshot
    if snapshot is None or not any(len(method.ood_scores) for method in snapshot.methods.values()):
        return ABSENT
    shown = looks_of(session)
    scores = np.concatenate([part for name in shown for part in _scores(snapshot.methods[name])])
    edges = np.linspace(scores.min(), max(scores.max(), scores.min() + 1e-3), SCORE_BINS + 1)
    facets = [_score_facet(name, look, snapshot.methods[name], edges) for name, look in shown.items()]
    highest = max(max(trace["y"]) for facet in facets for trace in facet["data"])
    for facet in facets:  # one scale for all: side by side they are compared
        facet["layout"]["yaxis"]["range"] = [0, 1.2 * highest]  # room for the threshold's label
    return make_figure(facets) | {"note": SIDES}


def _scores(method: MethodSnapshot) -> tuple[np.ndarray, np.ndarray]:
    return method.id_scores, method.ood_scores


def _score_facet(name: str, look: MethodLook, method: MethodSnapshot, edges: np.ndarray) -> dict[str, Any]:
    low, high = float(edges[0]), float(edges[-1])
    hatched = {"color": "@stranger", "pattern": {"shape": "/", "size": 5, "solidity": 0.45}}
    traces = [
        _score_bars(say("known (ID)"), method.id_scores, edges, {"color": f"@{look.colour}"}),
        _score_bars(say("stranger (OOD)"), method.ood_scores, edges, hatched),
    ]
    traces = [trace for trace in traces if trace]
    left = method.threshold > (low + high) / 2
    note = {"x": method.threshold, "y": 1, "yref": "paper", "text": say("threshold"), "showarrow": False}
    line = {"type": "line", "xref": "x", "yref": "paper", "x0": method.threshold, "x1": method.threshold}
    layout = {
        "barmode": "overlay",
        "bargap": 0.04,
        "xaxis": {"title": {"text": say("ID score")}, "nticks": 5, "range": [low, high]},
        "yaxis": {"tickformat": ".0%", "nticks": 4},
        "shapes": [line | {"y0": 0, "y1": 1, "line": {"color": "@ink", "width": 1.5, "dash": "dash"}}],
        "annotations": [note | {"xanchor": "right" if left else "left", "yanchor": "top", "xshift": -4 if left else 4}],
    }
    lines = []
    if method.auroc is not None and method.fpr95 is not None:
        lines = [f"AUROC {method.auroc:.1%}", f"FPR95 {method.fpr95:.1%}"]
    return {
        "id": f"scores-{name}",
        "data": traces,
        "layout": layout,
        "alt": say("{method}: ID scores. {measures}.", method=look.label, measures=", ".join(lines)),
        "head": {"method": name, "mark": look.mark, "title": look.label, "lines": lines},
    }


def _score_bars(label: str, values: np.ndarray, edges: np.ndarray, marker: dict[str, Any]) -> dict[str, Any] | None:
    if not len(values):
        return None
    counts, _ = np.histogram(values, edges)
    words = say("{side}, score {score}: {share}", side=label, score="%{x:.4f}", share="%{y:.1%}")
    return {
        "type": "bar",
        "name": label,
        "x": rounded((edges[:-1] + edges[1:]) / 2, 5),
        "y": rounded(counts / len(values), 4),
        "marker": marker | {"opacity": 0.72, "line": {"width": 0}},
        "hovertemplate": f"{words}<extra></extra>",
    }


PANEL = Panel(
    name="scores",
    title=say("Known or stranger?"),
    sentence=say(
        "An ID score says how familiar an image looks; images left of the threshold are taken for strangers (OOD)."
    ),
    waiting=ABSENT,
    draw=score_figure,
)
