"""The panel of the batch matrix: every image of the batch against every pseudo-caption of it."""

import base64
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.insight import caption_matrix
from cliptta_demo.backend.run.snapshot import BatchView, Snapshot
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entries_of
from cliptta_demo.page.session.state import Session

LARGEST_MATRIX = 128  # rows drawn; more would be thinner than a pixel


class MethodMatrix(Method):
    """One method's.

    Attributes:
        cells: N·N bytes in base64, row by row: the square root of how well an image fits a caption, 255 for a row's
            best.
        captions: the class of each column; used: how many classes those are.
        entropy: of a row, the mean in nats; own: what an image gives to its own caption, 0 to 1, the mean.
    """

    cells: str
    captions: list[int]
    used: int
    entropy: float
    own: float


class Matrix(TypedDict):
    """What the panel draws; ``rows``: the class of each image, −1 a stranger, −2 unknown."""

    rows: list[int]
    classes: list[str]
    methods: list[MethodMatrix]


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


def matrix_data(session: Session) -> Matrix:
    """The batch's N×N image × pseudo-caption matrix, one for each method, images sorted by their true class."""
    snapshot = session.snapshot
    order = _order(snapshot)

    def numbers(name: str) -> dict[str, Any] | None:
        view = snapshot.methods[name].batch
        if view.cosines is None or not len(order):
            return None
        captions = captions_of(view, snapshot.logit_scale, order)
        about = {"used": captions.used, "entropy": captions.entropy, "own": captions.own}
        return about | {"cells": _bytes(captions.fit), "captions": view.predicted[order].tolist()}

    return {
        "rows": _labels(snapshot)[order].tolist(),
        "classes": [display_name(name) for name in snapshot.class_names],
        "methods": entries_of(session, numbers),
    }


def _labels(snapshot: Snapshot) -> NDArray[np.int64]:
    """True classes; zero-shot's predictions where nobody gave labels."""
    unknown = (snapshot.labels == -2).all()
    return snapshot.methods[REFERENCE].batch.predicted if unknown else snapshot.labels


def _order(snapshot: Snapshot) -> NDArray[np.int64]:
    """Images by class, strangers last."""
    labels = _labels(snapshot)
    keys = np.where(labels < 0, len(snapshot.class_names) - labels, labels)
    return np.argsort(keys, kind="stable")[:LARGEST_MATRIX]


def _bytes(fit: NDArray[np.float32]) -> str:
    """Square root of the share of a row's best fit: small fits stay visible."""
    scaled = np.sqrt(fit / fit.max(axis=1, keepdims=True))
    return base64.b64encode(np.rint(255 * scaled).astype(np.uint8).tobytes()).decode()


def _entropy(fit: NDArray[np.float32]) -> float:
    return float(-(fit * np.log(np.maximum(fit, 1e-30))).sum(axis=1).mean())


PANEL = Panel(
    name="matrix",
    title=Text("Inside the loss: the batch matrix"),
    sentence=Text(
        "Row: an image. Column: the caption predicted for an image of the batch. Bright: they fit. Sorted by true "
        "class, so right answers are squares on the diagonal. When all captions are one, nothing tells images apart."
    ),
    draw=matrix_data,
)
