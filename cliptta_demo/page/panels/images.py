"""The panels that go image by image: words and answers of the batch at hand, its gallery, and the table of results."""

from typing import Any, TypedDict

import numpy as np

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.summary import rows, statuses
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Method, Misses, Panel, entries_of, missed_in, rounded
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.defaults import DEFAULTS, TABLE_ROWS, UPLOAD


class Tile(TypedDict):
    """One image: ``truth`` is a class number, −1 a stranger, −2 unknown; ``name`` a file's or the data set's."""

    truth: int
    name: str


class MethodGallery(Misses):
    """What one method says of the batch, image by image, and the batches that it has missed so far.

    Attributes:
        predicted: class numbers; confidence: 0 to 1; likeliest, likelihoods: at most five classes of each image, and
            percentages; status: keys of :func:`.statuses`.
    """

    predicted: list[int]
    confidence: list[float]
    likeliest: list[list[int]]
    likelihoods: list[list[int]]
    status: list[str]


class Gallery(TypedDict):
    """A batch.

    Attributes:
        sheet, clean: JPEGs in base64 of all images in ``columns`` and ``rows``; ``clean`` before corruption, None when
            there was none.
        methods: by their keys; reference: zero-shot's key; shown: the one that is compared at first.
        labelled: whether any image has a class; own: whether the images are the visitor's.
        images: so far; batch: from 1, of ``batches``; shift, severity: its corruption by name ("" when clean).
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
    images: int
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
            "missed": missed_in(method.series),
            "status": statuses(snapshot.labels, view.predicted, known, reference),
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
        "images": snapshot.images_done,
        "batch": snapshot.batch + 1,
        "batches": snapshot.batches,
        "shift": "" if snapshot.corruption == "none" else corruption_name(snapshot.corruption),
        "severity": snapshot.severity,
    }


GALLERY = Panel(
    "gallery",
    Text("All images of the batch"),
    Text("Each image as the model saw it, its true class, and what zero-shot and the adapted model call it."),
    gallery_data,
)

WORDS = Panel("words", Text("What each says"))

ANSWERS = Panel("answers", Text("Where the answers go"), Text("classes in use"))


RESULTS = Panel(
    "results",
    Text("Image by image"),
    Text("What each method says of every image so far, and how sure it is, before adapting (zero-shot) and after."),
)


class Column(TypedDict):
    """One column: its key among :func:`.rows`'s, without the method's name; ``method``: "" for what is the image's."""

    key: str
    method: str


class Results(TypedDict):
    """What the table draws: the newest images in the stream's order, of so many in all; ``methods`` have columns."""

    total: int
    columns: list[Column]
    methods: list[Method]
    rows: list[list[str | float]]


def results_data(session: Session) -> Results:
    """At most ``TABLE_ROWS`` images of a run of which one batch is done, at least."""
    kept, count, total = [], 0, session.state.images_done
    for batch in reversed(session.results):  # whole batches, until there are enough rows
        kept.insert(0, batch)
        count += len(batch.labels)
        if count >= TABLE_ROWS:
            break
    found = list(rows(kept, session.recipe.class_names, with_scores(session), first=total - count + 1))[-TABLE_ROWS:]
    left_out = {"corruption", "severity", *(name for name in ("file", "truth") if not any(row[name] for row in found))}
    shown = [key for key in found[0] if key not in left_out]
    split = [key.partition(" ") if " " in key else ("", "", key) for key in shown]
    return {
        "total": total,
        "columns": [{"key": key, "method": method} for method, _, key in split],
        "methods": entries_of(session),
        "rows": [[row[key] for key in shown] for row in found],
    }


def with_scores(session: Session) -> bool:
    """Whether ID scores tell anything: strangers are mixed in, or a method looks for them."""
    settings = session.recipe.settings
    strangers = settings.stream.ood_share > 0 or session.recipe.strangers_by_label
    return strangers or any(METHODS[name].uses_threshold for name in settings.methods)
