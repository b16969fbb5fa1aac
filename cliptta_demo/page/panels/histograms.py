"""Histograms: where the predictions go, and how familiar the images look."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.snapshot import LiveStep, MethodSnapshot
from cliptta_demo.page.defaults import METHOD_LABELS
from cliptta_demo.page.panels.figure import (
    Figure,
    empty_figure,
    entropy_now,
    make_figure,
    methods_of,
    plot_text,
    rounded,
)
from cliptta_demo.page.session.state import Session

Y_STEPS = (0.2, 0.3, 0.4, 0.6, 0.8, 1.0)  # tops of the histogram's axis: few, so that it seldom jumps
SCORE_BINS = 32
SIDES = "Solid bars are images of known classes (ID), hatched bars strangers (OOD); further apart is better."
NO_STRANGERS = "Only known classes here. Raise the OOD share to mix strangers in, then AUROC and FPR95 appear."
NO_LABELS = (
    "Nobody said which of these images are strangers. AUROC and FPR95 appear when built-in strangers are mixed in."
)


def histogram_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Share of predictions per class, one small plot per method, with the true share as a dash on each bar."""
    if session.snapshot is None and live is None:
        return empty_figure("The classes that each method predicts appear after the first batch.")
    true = session.state.true_histogram
    truth = true / true.sum() if true.sum() else None
    shares = {}
    for name in methods_of(session):
        counts = session.state.tallies[name].histogram
        counts = counts + live.methods[name].histogram if live is not None else counts
        shares[name] = counts / max(counts.sum(), 1)
    highest = max(float(share.max()) for share in (*shares.values(), truth) if share is not None)
    top = next((step for step in Y_STEPS if highest * 1.05 <= step), 1.0)
    return make_figure([_class_facet(session, live, name, share, truth, top) for name, share in shares.items()])


def _class_facet(
    session: Session, live: LiveStep | None, name: str, share: np.ndarray, truth: np.ndarray | None, top: float
) -> dict[str, Any]:
    names = [display_name(name) for name in session.recipe.class_names]
    shown = [plot_text(name) for name in names]
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "x": shown,
            "y": rounded(share, 4),
            "marker": {"color": f"@{name}"},
            "hovertemplate": "%{x}: %{y:.1%} of predictions<extra></extra>",
        }
    ]
    if truth is not None:
        dash = {"symbol": "line-ew", "size": 13 if len(names) <= 20 else 5, "line": {"width": 2, "color": "@ink"}}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": shown,
                "y": rounded(truth, 4),
                "marker": dash,
                "hovertemplate": "%{x}: truly %{y:.1%}<extra></extra>",
            }
        )
    head = _collapse_head(session, live, name, share, names[int(share.argmax())])
    return {
        "id": f"histogram-{name}",
        "data": traces,
        "layout": {
            "yaxis": {"range": [0, top], "tickformat": ".0%", "nticks": 5},
            "xaxis": {"tickangle": -55 if len(names) > 6 else 0, "type": "category", "range": [-0.6, len(names) - 0.4]},
            "bargap": 0.28,
        },
        "alt": f"{METHOD_LABELS[name]}, predictions per class: {'. '.join([head['gauge']['text'], *head['lines']])}.",
        "head": head,
    }


def _collapse_head(session: Session, live: LiveStep | None, name: str, share: np.ndarray, most: str) -> dict[str, Any]:
    """Name, entropy gauge and largest class of one method."""
    ceiling = math.log(len(share))
    entropy = entropy_now(session, live, name)
    return {
        "method": name,
        "title": METHOD_LABELS[name],
        "gauge": {
            "share": round(entropy / ceiling, 4),
            "text": f"entropy {entropy:.2f} of {ceiling:.2f}",
            "low": entropy < 0.75 * ceiling,
        },
        "lines": [f"largest class “{most}”: {share.max():.0%}", *_ratios(session, name)],
    }


def _ratios(session: Session, name: str) -> list[str]:
    """Improvement and deterioration over the stream so far, in words; nothing without labels."""
    method = session.snapshot.methods[name] if session.snapshot is not None else None
    if name == REFERENCE:
        return ["the yardstick of both ratios"] if method is not None and method.accuracy is not None else []
    if method is None or method.accuracy is None:
        return []
    better, worse = (_percent(value) for value in (method.improvement, method.deterioration))
    return [f"improvement: {better} of zero-shot's wrong", f"deterioration: {worse} of zero-shot's right"]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def score_figure(session: Session) -> Figure:
    """Histograms of the ID scores, one small plot per method; strangers hatched, the threshold dashed."""
    snapshot = session.snapshot
    if snapshot is None:
        return empty_figure("ID scores appear after the first batch.")
    figure = make_figure([_score_facet(name, method) for name, method in snapshot.methods.items()])
    if any(len(method.ood_scores) for method in snapshot.methods.values()):
        figure["note"] = SIDES
    else:
        figure["note"] = NO_STRANGERS if (snapshot.labels >= 0).any() else NO_LABELS
    return figure


def _score_facet(name: str, method: MethodSnapshot) -> dict[str, Any]:
    scores = np.concatenate([method.id_scores, method.ood_scores])
    low, high = float(scores.min()), float(scores.max())
    high = high if high > low else low + 1e-3
    edges = np.linspace(low, high, SCORE_BINS + 1)
    hatched = {"color": "@stranger", "pattern": {"shape": "/", "size": 5, "solidity": 0.45}}
    traces = [
        _score_bars("known (ID)", method.id_scores, edges, {"color": f"@{name}"}),
        _score_bars("stranger (OOD)", method.ood_scores, edges, hatched),
    ]
    traces = [trace for trace in traces if trace]
    highest = max(max(trace["y"]) for trace in traces)
    left = method.threshold > (low + high) / 2
    note = {"x": method.threshold, "y": 1, "yref": "paper", "text": "threshold", "showarrow": False}
    line = {"type": "line", "xref": "x", "yref": "paper", "x0": method.threshold, "x1": method.threshold}
    layout = {
        "barmode": "overlay",
        "bargap": 0.04,
        "xaxis": {"title": {"text": "ID score"}, "nticks": 5},
        "yaxis": {"tickformat": ".0%", "nticks": 4, "range": [0, 1.2 * highest]},  # room for the threshold's label
        "shapes": [line | {"y0": 0, "y1": 1, "line": {"color": "@ink", "width": 1.5, "dash": "dash"}}],
        "annotations": [note | {"xanchor": "right" if left else "left", "yanchor": "top", "xshift": -4 if left else 4}],
    }
    lines = ["No known strangers"]
    if method.auroc is not None and method.fpr95 is not None:
        lines = [f"AUROC {method.auroc:.1%}", f"FPR95 {method.fpr95:.1%}"]
    label = METHOD_LABELS[name]
    return {
        "id": f"scores-{name}",
        "data": traces,
        "layout": layout,
        "alt": f"{label}: ID scores. {', '.join(lines)}.",
        "head": {"method": name, "title": label, "lines": lines},
    }


def _score_bars(label: str, values: np.ndarray, edges: np.ndarray, marker: dict[str, Any]) -> dict[str, Any] | None:
    if not len(values):
        return None
    counts, _ = np.histogram(values, edges)
    return {
        "type": "bar",
        "name": label,
        "x": rounded((edges[:-1] + edges[1:]) / 2, 5),
        "y": rounded(counts / len(values), 4),
        "marker": marker | {"opacity": 0.72, "line": {"width": 0}},
        "hovertemplate": f"{label}, score %{{x:.4f}}: %{{y:.1%}}<extra></extra>",
    }
