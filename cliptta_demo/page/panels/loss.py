"""The panels inside the loss: each image of a batch against its captions, what each loss asks for, an image's way."""

import base64
from typing import Any, TypedDict

import numpy as np

from cliptta_demo.backend.methods.recorded import with_chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.terms import TERMS
from cliptta_demo.backend.models.backbone import DEFAULT_TEMPLATES
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.insight import Captions, captions_of
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import Text, say
from cliptta_demo.page.panels.declare import Method, Panel, entries_of
from cliptta_demo.page.session.state import Session

LARGEST_MATRIX = 128  # rows drawn; more would be thinner than a pixel


class MethodMatrix(Method, Captions):
    """One method's; ``cells``: N·N bytes in base64, the root of each fit's share of its row's best, times 255."""

    cells: str


class Matrix(TypedDict):
    """What the panel draws."""

    methods: list[MethodMatrix]


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
        fit, found = captions_of(view.cosines[order], view.predicted[order], snapshot.logit_scale)
        shares = np.sqrt(fit / fit.max(axis=1, keepdims=True))  # of a row's best; by the root small ones stay visible
        cells = base64.b64encode(np.rint(255 * shares).astype(np.uint8).tobytes()).decode()
        return found | {"cells": cells}

    return {"methods": entries_of(session, numbers)}


MATRIX = Panel(
    "matrix",
    Text("The batch, as the loss sees it"),
    Text("Row: an image. Column: a caption of the batch. Bright: they fit."),
    matrix_data,
)


TOLD = ("cliptta", "cliptta-oce")  # the methods whose three sentences are told
ALONE = "tent"


class Told(Captions):
    """A batch as the method of this name sees it."""

    label: str


class MethodLoss(Method):
    """One method's loss: its sentence, and the values of its terms by their names."""

    sentence: str
    terms: dict[str, float]


class Story(TypedDict):
    """What the panel draws, and the way of an image.

    Attributes:
        told: CLIPTTA's batch, None where it takes no part; alone: TENT's.
        losses: of the methods that have one; called: term → its name, and what it asks for.
        batch: from 1; step: of the batch, None for its last.
        learner: CLIPTTA, or else the first method that moves weights for a whole batch, "" where there is none; steps:
            of it on each batch; caption: the first prompt template, with ``{}`` in the place of the class.
    """

    told: Told | None
    alone: Told | None
    losses: list[MethodLoss]
    called: dict[str, list[str]]
    batch: int
    step: int | None
    learner: str
    steps: int
    caption: str


def story_data(session: Session, live: LiveStep | None = None) -> Story:
    """What is told of CLIPTTA, where it runs, and each method's loss, term by term, at the latest step."""
    snapshot, shown = session.snapshot, session.recipe.settings.methods
    views = live.methods if live else {name: method.batch for name, method in snapshot.methods.items()}
    losses = live.losses if live else {name: method.losses for name, method in snapshot.methods.items()}

    def seen(name: str | None) -> Told | None:
        if snapshot is None or name not in shown:
            return None
        found = captions_of(views[name].cosines, views[name].predicted, snapshot.logit_scale)[1]
        return {"label": METHODS[name].label, **found}

    def loss(name: str) -> dict[str, Any] | None:
        return {"sentence": METHODS[name].sentence, "terms": losses[name]} if losses.get(name) else None

    learners = [name for name in (*TOLD, *shown) if losses.get(name) and METHODS[name].by_window]
    learner = learners[0] if learners else ""
    chosen = with_chosen(session.recipe.settings, learner)
    told = seen(next((name for name in TOLD if name in shown), None))
    return {
        "told": told,
        "alone": seen(ALONE) if told else None,
        "losses": entries_of(session, loss),
        "called": {name: [*map(say, TERMS[name])] for own in losses.values() for name in own if name in TERMS},
        "batch": (live or snapshot).batch + 1,
        "step": live.step if live else None,
        "learner": learner,
        "steps": getattr(chosen.own.get(learner), "steps", chosen.adaptation.steps),
        "caption": (session.recipe.templates or DEFAULT_TEMPLATES)[0].rstrip("."),
    }


PATH = Panel("path", Text("The way of an image"))  # of what the story says


STORY = Panel("story", Text("What each loss asks for"), draw=story_data, live=True)
