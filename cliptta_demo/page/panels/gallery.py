"""The batch at hand → data for the gallery: its images, and what every method says of each. Pure.

The browser builds the tiles with ``textContent`` only (assets/gallery.js), so no name can become markup.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.results import statuses
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import looks_of, rounded
from cliptta_demo.page.panels.histogram import batch_histogram
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.defaults import DEFAULTS, UPLOAD


def gallery_data(session: Session) -> dict[str, Any]:
    """Everything the gallery draws.

    Returns:
        ``{"sheet", "clean", "columns", "rows", "classes", "tiles": [{"truth", "name"}], "methods": {name: {"label",
        "mark", "predicted", "confidence", "likeliest", "likelihoods", "status", "histogram"}}, "truth", "reference",
        "shown", "labelled", "own", "batch", "batches", "title"}``; ``shown`` is the method that is compared at first,
        ``own`` says whether the images are the visitor's;
        ``clean`` is the sheet before corruption, None when there was none; a tile's ``truth`` is a class number, −1 a
        stranger, −2 unknown; ``likelihoods`` are percentages, at most five of an image; ``truth`` is the share of each
        class; ``histogram``: see :func:`.batch_histogram`.
    """
    snapshot, sheets = session.snapshot, session.sheets
    shown, opening = looks_of(session), DEFAULTS.methods[-1]
    reference = snapshot.methods[REFERENCE].batch.predicted
    truth = np.bincount(snapshot.labels[snapshot.labels >= 0], minlength=len(snapshot.class_names))
    clean = snapshot.corruption == "none"
    title = [say("Batch {number} of {batches}", number=snapshot.batch + 1, batches=snapshot.batches)]
    if not clean:
        shift = corruption_name(snapshot.corruption)
        title.append(say("{corruption}, severity {severity}", corruption=shift, severity=snapshot.severity))
    return {
        "sheet": sheets.seen,
        "clean": sheets.clean,
        "columns": sheets.columns,
        "rows": sheets.rows,
        "classes": [display_name(name) for name in snapshot.class_names],
        "tiles": [
            {"truth": int(label), "name": name} for label, name in zip(snapshot.labels, snapshot.names, strict=True)
        ],
        "methods": {
            name: {
                "label": shown[name].label,
                "mark": shown[name].mark,
                "predicted": method.batch.predicted.tolist(),
                "confidence": [round(float(value), 3) for value in method.batch.confidence],
                "likeliest": method.batch.likeliest.tolist(),
                "likelihoods": np.rint(100 * method.batch.likelihoods).astype(int).tolist(),
                "status": statuses(
                    snapshot.labels, method.batch.predicted, method.batch.scores > method.threshold, reference
                ),
                "histogram": batch_histogram(snapshot, name, shown[name]),
            }
            for name, method in snapshot.methods.items()
        },
        "truth": rounded(truth / max(truth.sum(), 1), 4),
        "reference": REFERENCE,
        "shown": opening if opening in shown else list(shown)[-1],
        "labelled": bool(truth.any()),
        "own": session.recipe.dataset == UPLOAD,
        "batch": snapshot.batch + 1,
        "batches": snapshot.batches,
        "title": " · ".join(title),
    }


PANEL = Panel(
    name="gallery",
    title=say("The batch, image by image"),
    sentence=say("Each image as the model saw it, its true class, and what zero-shot and the adapted model call it."),
    kind="gallery",
    waiting={
        "empty": say("The images of each batch appear here, with what zero-shot and the adapted models say of them.")
    },
    draw=gallery_data,
)

GLIMPSE = Panel(
    name="glimpse",
    title=say("What they see, and what they say"),
    sentence=say(
        "The first images of the batch as the models saw them, the truth below, then zero-shot's word and the "
        "adapted model's. Click one to see it large."
    ),
    kind="glimpse",
    waiting={"empty": say("Press Run: the first images of each batch appear here.")},
)
