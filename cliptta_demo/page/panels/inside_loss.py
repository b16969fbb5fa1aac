"""Inside the loss: the batch matrix, how far each normalisation layer has moved, and the toy that a person drags."""

from __future__ import annotations

import base64
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.insight import caption_matrix, toy_paths
from cliptta_demo.backend.run.snapshot import Snapshot
from cliptta_demo.page.defaults import METHOD_DASHES, METHOD_LABELS, METHOD_SYMBOLS
from cliptta_demo.page.panels.figure import Figure, empty_figure, make_figure, methods_of, rounded
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.texts import FAILED

log = logging.getLogger(__name__)
LARGEST_MATRIX = 128  # rows drawn; more would be thinner than a pixel
STRANGER, UNKNOWN = "stranger", "image"


def matrix_data(session: Session) -> dict[str, Any]:
    """The batch's N×N image × pseudo-caption matrix, one for each method, images sorted by their true class.

    Each matrix is N·N bytes in base64: 255 is a row's best fit. ``groups`` are [name, first row, rows].
    """
    snapshot = session.snapshot
    order, groups = _order(snapshot)
    if snapshot is None or not len(order):
        return {"matrices": []}
    matrices = []
    for name in methods_of(session):
        view = snapshot.methods[name].batch
        predicted = view.predicted[order]
        fit = caption_matrix(view.cosines[order], predicted, snapshot.logit_scale)
        own = float((fit[np.arange(len(order)), np.arange(len(order))]).mean())
        matrices.append(
            {
                "method": name,
                "label": METHOD_LABELS[name],
                "cells": _bytes(fit),
                "captions": [display_name(snapshot.class_names[c]) for c in predicted],
                "facts": f"{len(set(predicted.tolist()))} of {len(snapshot.class_names)} captions in use · "
                f"row entropy {_entropy(fit):.2f} of {np.log(len(order)):.2f} · own caption {own:.0%}",
            }
        )
    return {"size": len(order), "groups": groups, "matrices": matrices, "batch": snapshot.batch + 1}


def _order(snapshot: Snapshot) -> tuple[NDArray[np.int64], list[list[Any]]]:
    """Rows of the matrix, by true class, strangers last; by zero-shot's prediction where nobody gave labels."""
    if snapshot is None:
        return np.zeros(0, np.int64), []
    labels = snapshot.labels.copy()
    if (labels == -2).all():
        reference = snapshot.methods.get(REFERENCE)
        labels = reference.batch.predicted if reference else labels
    keys = np.where(labels < 0, len(snapshot.class_names) - labels, labels)
    order = np.argsort(keys, kind="stable")[:LARGEST_MATRIX]
    groups: list[list[Any]] = []
    for row, label in enumerate(labels[order]):
        name = display_name(snapshot.class_names[label]) if label >= 0 else STRANGER if label == -1 else UNKNOWN
        if groups and groups[-1][0] == name:
            groups[-1][2] += 1
        else:
            groups.append([name, row, 1])
    return order, groups


def _bytes(fit: NDArray[np.float32]) -> str:
    """Square root of the share of a row's best fit: small fits stay visible."""
    scaled = np.sqrt(fit / fit.max(axis=1, keepdims=True))
    return base64.b64encode(np.rint(255 * scaled).astype(np.uint8).tobytes()).decode()


def _entropy(fit: NDArray[np.float32]) -> float:
    return float(-(fit * np.log(np.maximum(fit, 1e-30))).sum(axis=1).mean())


def drift_figure(session: Session) -> Figure:
    """How far weight and bias of each normalisation layer have moved from the source model, input to output."""
    snapshot = session.snapshot
    if snapshot is None:
        return empty_figure("How far each normalisation layer moves appears after the first batch.")
    names = [name for name in methods_of(session) if name != REFERENCE]
    if not names:
        return empty_figure("Zero-shot moves nothing. Choose a method that adapts to see which layers move.")
    positions = list(range(1, len(snapshot.layers) + 1))
    few = len(positions) <= 30
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if few else "lines",
            "x": positions,
            "y": rounded(snapshot.methods[name].drift, 5),
            "text": list(snapshot.layers),
            "line": {"color": f"@{name}", "width": 2, "dash": METHOD_DASHES[name]},
            "marker": {"color": f"@{name}", "symbol": METHOD_SYMBOLS[name], "size": 7},
            "hovertemplate": f"{METHOD_LABELS[name]}: %{{y:.4f}}<br>%{{text}}<extra></extra>",
        }
        for name in names
    ]
    highest = max(max(snapshot.methods[name].drift) for name in names)
    layout = {
        "xaxis": {"title": {"text": "normalisation layer, from the input on"}, "dtick": 1 if few else None},
        "yaxis": {"title": {"text": "movement (RMS)"}, "range": [0, max(highest, 1e-6) * 1.1]},
    }
    alt = "Movement of each normalisation layer. Largest: " + ", ".join(
        f"{METHOD_LABELS[name]} {max(snapshot.methods[name].drift):.4f}" for name in names
    )
    return make_figure([{"id": "drift", "data": traces, "layout": layout, "alt": f"{alt}."}], names)


def toy(question: Any) -> dict[str, Any]:
    """The toy's server side: paths of the dragged points under both losses, or a sentence that says what is wrong.

    ``question`` is ``{"points": [[p, p, p], …], "steps": n}``, unchecked, as a browser sent it.
    """
    asked = question if isinstance(question, dict) else {}
    try:
        paths = toy_paths(asked.get("points"), asked.get("steps", 40), rate=0.25)
        return {
            name: [[[round(p, 4) for p in row] for row in position] for position in path]
            for name, path in paths.items()
        }
    except UserError as error:
        return {"error": str(error)}
    except Exception:
        log.exception("the toy failed")
        return {"error": FAILED}
