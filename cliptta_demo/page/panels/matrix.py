"""The panel of the batch matrix: every image of the batch against every pseudo-caption of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.insight import caption_matrix
from cliptta_demo.backend.run.snapshot import BatchView, Snapshot
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import entry, looks_of
from cliptta_demo.page.session.state import Session

LARGEST_MATRIX = 128  # rows drawn; more would be thinner than a pixel
STRANGER, UNKNOWN = say("stranger"), say("image")


@dataclass(frozen=True)
class Captions:
    """What a batch's images make of its captions.

    Attributes:
        fit: ``(N, N)``, each row sums to 1, see :func:`.caption_matrix`.
        size: N; classes: C; used: classes among the predictions.
        entropy: of a row, the mean in nats; own: what an image gives to its own caption, the mean.
    """

    fit: NDArray[np.float32]
    classes: int
    used: int
    entropy: float
    own: float

    @property
    def size(self) -> int:
        return len(self.fit)


def captions_of(view: BatchView, logit_scale: float, order: NDArray[np.int64] | None = None) -> Captions:
    """Of the images in this order (None: all, as they came). The method has cosines."""
    order = np.arange(len(view.predicted)) if order is None else order
    predicted = view.predicted[order]
    fit = caption_matrix(view.cosines[order], predicted, logit_scale)
    return Captions(
        fit, view.cosines.shape[1], len(set(predicted.tolist())), _entropy(fit), float(fit.diagonal().mean())
    )


def matrix_data(session: Session) -> dict[str, Any]:
    """The batch's N×N image × pseudo-caption matrix, one for each method, images sorted by their true class.

    Each matrix is N·N bytes in base64: 255 is a row's best fit. ``groups`` are [name, first row, rows].
    """
    snapshot = session.snapshot
    order, groups = _order(snapshot)
    if snapshot is None or not len(order):
        return {"matrices": []}
    matrices = []
    for name, look in looks_of(session).items():
        view = snapshot.methods[name].batch
        if view.cosines is None:
            continue
        captions = captions_of(view, snapshot.logit_scale, order)
        matrices.append(
            entry(name, look)
            | {
                "cells": _bytes(captions.fit),
                "captions": [display_name(snapshot.class_names[c]) for c in view.predicted[order]],
                "facts": say(
                    "{used} of {classes} captions in use · row entropy {entropy:.2f} of {most:.2f} · "
                    "own caption {own:.0%}",
                    used=captions.used,
                    classes=captions.classes,
                    entropy=captions.entropy,
                    most=np.log(captions.size),
                    own=captions.own,
                ),
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


PANEL = Panel(
    name="matrix",
    title=say("Inside the loss: the batch matrix"),
    sentence=say(
        "Row: an image. Column: the caption predicted for an image of the batch. Bright: they fit. Sorted by true "
        "class, so right answers are squares on the diagonal. When all captions are one, nothing tells images apart."
    ),
    kind="matrix",
    waiting={"matrices": []},
    draw=matrix_data,
)
