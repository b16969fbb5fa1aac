"""The batch at hand → data for the gallery: its images, and what every method says of each. Pure.

The browser builds the tiles with ``textContent`` only (assets/gallery.js), so no name can become markup.
"""

from typing import Any, TypedDict

import numpy as np

from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.results import statuses
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entries_of, rounded
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.defaults import DEFAULTS, UPLOAD


class Tile(TypedDict):
    """One image: ``truth`` is a class number, −1 a stranger, −2 unknown; ``name`` a file's or the data set's."""

    truth: int
    name: str


class MethodGallery(Method):
    """What one method says of the batch, image by image.

    Attributes:
        predicted: class numbers; confidence: 0 to 1; likeliest, likelihoods: at most five classes of each image, and
            percentages; status: keys of :func:`.statuses`; entropy: collapse entropy of the batch, in nats.
    """

    predicted: list[int]
    confidence: list[float]
    likeliest: list[list[int]]
    likelihoods: list[list[int]]
    status: list[str]
    entropy: float


class Gallery(TypedDict):
    """A batch.

    Attributes:
        sheet, clean: JPEGs in base64 of all images in ``columns`` and ``rows``; ``clean`` before corruption, None when
            there was none.
        methods: by their keys; reference: zero-shot's key; shown: the one that is compared at first.
        labelled: whether any image has a class; own: whether the images are the visitor's.
        batch: from 1, of ``batches``; shift, severity: its corruption by name ("" when clean).
    """

    sheet: str
    clean: str | None
    columns: int
    rows: int
    classes: list[str]
    tiles: list[Tile]
    methods: dict[str, MethodGallery]
    reference: str
    shown: str
    labelled: bool
    own: bool
    batch: int
    batches: int
    shift: str
    severity: int


def gallery_data(session: Session) -> Gallery:
    """Everything the gallery draws of a run's last batch."""
    snapshot, sheets = session.snapshot, session.sheets
    shown, opening = session.recipe.settings.methods, DEFAULTS.methods[-1]
    reference = snapshot.methods[REFERENCE].batch.predicted

    def numbers(name: str) -> dict[str, Any]:
        method = snapshot.methods[name]
        view, known = method.batch, method.batch.scores > method.threshold
        return {
            "predicted": view.predicted.tolist(),
            "confidence": rounded(view.confidence, 3),
            "likeliest": view.likeliest.tolist(),
            "likelihoods": np.rint(100 * view.likelihoods).astype(int).tolist(),
            "status": statuses(snapshot.labels, view.predicted, known, reference),
            "entropy": view.collapse_entropy,
        }

    return {
        "sheet": sheets.seen,
        "clean": sheets.clean,
        "columns": sheets.columns,
        "rows": sheets.rows,
        "classes": [display_name(name) for name in snapshot.class_names],
        "tiles": [
            {"truth": int(label), "name": name} for label, name in zip(snapshot.labels, snapshot.names, strict=True)
        ],
        "methods": {own["method"]: own for own in entries_of(session, numbers)},
        "reference": REFERENCE,
        "shown": opening if opening in shown else shown[-1],
        "labelled": bool((snapshot.labels >= 0).any()),
        "own": session.recipe.dataset == UPLOAD,
        "batch": snapshot.batch + 1,
        "batches": snapshot.batches,
        "shift": "" if snapshot.corruption == "none" else corruption_name(snapshot.corruption),
        "severity": snapshot.severity,
    }


PANEL = Panel(
    name="gallery",
    title=Text("The batch, image by image"),
    sentence=Text("Each image as the model saw it, its true class, and what zero-shot and the adapted model call it."),
    draw=gallery_data,
)

GLIMPSE = Panel(
    name="glimpse",
    title=Text("What they see, and what they say"),
    sentence=Text(
        "The first images of the batch as the models saw them, the truth below, then zero-shot's word and the "
        "adapted model's. Click one to see it large."
    ),
)
