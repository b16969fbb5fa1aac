"""The panels inside the loss: every image of the batch against every pseudo-caption of it, what each method asks of the
batch, and an image's way to a loss and back.
"""

import base64
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.methods.recorded import with_chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import DEFAULT_TEMPLATES
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.insight import caption_matrix
from cliptta_demo.backend.run.snapshot import BatchView, LiveStep
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Method, Panel, entries_of
from cliptta_demo.page.session.state import Session

LARGEST_MATRIX = 128  # rows drawn; more would be thinner than a pixel


class MethodMatrix(Method):
    """One method's.

    Attributes:
        cells: N·N bytes in base64, row by row: the square root of how well an image fits a caption, 255 for a row's
            best.
        captions: the class of each column; used, entropy, own: see :class:`.Told`.
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


def captions_of(
    view: BatchView, logit_scale: float, order: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """What images make of their batch's captions: ``(N, N)``, each row sums to 1, and its numbers, see :class:`.Told`.

    ``order``: of the images; None: all, as they came. The method has cosines, see :func:`.caption_matrix`.
    """
    order = np.arange(len(view.predicted)) if order is None else order
    predicted = view.predicted[order]
    fit = caption_matrix(view.cosines[order], predicted, logit_scale)
    entropy = float(-(fit * np.log(np.maximum(fit, 1e-30))).sum(axis=1).mean())
    batch = {"size": len(fit), "classes": view.cosines.shape[1], "used": len(np.unique(predicted))}
    return fit, batch | {"own": float(fit.diagonal().mean()), "entropy": entropy}


def matrix_data(session: Session) -> Matrix:
    """The batch's N×N image × pseudo-caption matrix, one for each method, images sorted by their true class."""
    snapshot = session.snapshot
    labels = snapshot.labels
    if (labels == -2).all():  # where nobody gave labels, zero-shot's predictions
        labels = snapshot.methods[REFERENCE].batch.predicted
    strangers_last = np.where(labels < 0, len(snapshot.class_names) - labels, labels)
    order = np.argsort(strangers_last, kind="stable")[:LARGEST_MATRIX]

    def numbers(name: str) -> dict[str, Any] | None:
        view = snapshot.methods[name].batch
        if view.cosines is None or not len(order):
            return None
        fit, found = captions_of(view, snapshot.logit_scale, order)
        shares = np.sqrt(fit / fit.max(axis=1, keepdims=True))  # of a row's best; by the root small ones stay visible
        cells = base64.b64encode(np.rint(255 * shares).astype(np.uint8).tobytes()).decode()
        about = {name: found[name] for name in ("used", "entropy", "own")}
        return about | {"cells": cells, "captions": view.predicted[order].tolist()}

    return {
        "rows": labels[order].tolist(),
        "classes": [display_name(name) for name in snapshot.class_names],
        "methods": entries_of(session, numbers),
    }


MATRIX = Panel(
    "matrix",
    Text("The batch, as the loss sees it"),
    Text("Row: an image. Column: a caption of the batch. Bright: they fit."),
    matrix_data,
)


TOLD = ("cliptta", "cliptta-oce")  # the methods whose three sentences are told
ALONE = "tent"


class Told(TypedDict):
    """A batch as CLIPTTA, or TENT, sees it.

    Attributes:
        size: N images; classes: how many there are; used: among the predictions, so among the captions.
        own: what an image gives to its own caption, 0 to 1; entropy: of a row, in nats; both the means.
    """

    label: str
    size: int
    classes: int
    used: int
    own: float
    entropy: float


class MethodLoss(Method):
    """One method's loss: its sentence, and the values of its terms by their names."""

    sentence: str
    terms: dict[str, float]


class Story(TypedDict):
    """What the panel draws.

    Attributes:
        told: CLIPTTA's batch, None where it takes no part; alone: TENT's.
        losses: of the methods that have one; batch: from 1; step: of the batch, None for its last.
    """

    told: Told | None
    alone: Told | None
    losses: list[MethodLoss]
    batch: int
    step: int | None


def story_data(session: Session, live: LiveStep | None = None) -> Story:
    """What is told of CLIPTTA, where it runs, and each method's loss, term by term, at the latest step."""
    snapshot, shown = session.snapshot, session.recipe.settings.methods
    views = live.methods if live else {name: method.batch for name, method in snapshot.methods.items()}
    losses = live.losses if live else {name: method.losses for name, method in snapshot.methods.items()}

    def seen(name: str | None) -> Told | None:
        if snapshot is None or name not in shown:
            return None
        return {"label": METHODS[name].label, **captions_of(views[name], snapshot.logit_scale)[1]}

    def loss(name: str) -> dict[str, Any] | None:
        return {"sentence": METHODS[name].sentence, "terms": losses[name]} if losses.get(name) else None

    told = seen(next((name for name in TOLD if name in shown), None))
    return {
        "told": told,
        "alone": seen(ALONE) if told else None,
        "losses": entries_of(session, loss),
        "batch": (live or snapshot).batch + 1,
        "step": live.step if live else None,
    }


STORY = Panel(
    "story",
    Text("What each loss asks for"),
    "",
    story_data,
    live=True,
)


class Way(TypedDict):
    """What is said of an image's way to a loss and back.

    Attributes:
        method: whose way it is, "" where no method of the run learns from a batch; steps: of it on each batch.
        caption: the first prompt template, with ``{}`` in the place of the class.
    """

    method: str
    steps: int
    caption: str


def way_data(session: Session) -> Way:
    """Of CLIPTTA, or else of the first method that moves weights for a whole batch."""
    settings, templates = session.recipe.settings, session.recipe.templates
    losses = {name: bool(own.losses) for name, own in session.snapshot.methods.items()}
    learners = [name for name in (*TOLD, *settings.methods) if losses.get(name) and METHODS[name].by_window]
    method = learners[0] if learners else ""
    chosen = with_chosen(settings, method)
    return {
        "method": method,
        "steps": getattr(chosen.own.get(method), "steps", chosen.adaptation.steps),
        "caption": (templates or DEFAULT_TEMPLATES)[0].rstrip("."),
    }


PATH = Panel("path", Text("The way of an image"), draw=way_data)
