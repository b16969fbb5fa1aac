"""The panel of ID scores: how familiar known classes and strangers look."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entry, looks_of
from cliptta_demo.page.session.state import Session

SCORE_BINS = 32


class MethodScores(Method):
    """One method's.

    Attributes:
        known, strangers: how many scores lie in each bin; threshold: what splits the two.
        auroc, fpr95: 0 to 1, None where one of the two kinds is missing.
    """

    known: list[int]
    strangers: list[int]
    threshold: float
    auroc: float | None
    fpr95: float | None


class Scores(TypedDict):
    """What the panel draws; the bins are as wide as one another, from ``low`` to ``high``. No methods: no strangers."""

    low: float
    high: float
    methods: list[MethodScores]


def scores_data(session: Session) -> Scores:
    """Histograms of the ID scores of known images and of strangers, all over the same bins."""
    methods = session.snapshot.methods
    if not any(len(method.ood_scores) for method in methods.values()):
        return {"low": 0.0, "high": 0.0, "methods": []}
    scores = np.concatenate([part for method in methods.values() for part in (method.id_scores, method.ood_scores)])
    edges = np.linspace(scores.min(), max(scores.max(), scores.min() + 1e-3), SCORE_BINS + 1)
    found = []
    for name, look in looks_of(session).items():
        method = methods[name]
        numbers = {
            "known": np.histogram(method.id_scores, edges)[0].tolist(),
            "strangers": np.histogram(method.ood_scores, edges)[0].tolist(),
            "threshold": float(method.threshold),
            "auroc": method.auroc,
            "fpr95": method.fpr95,
        }
        found.append(entry(name, look) | numbers)
    return {"low": float(edges[0]), "high": float(edges[-1]), "methods": found}


PANEL = Panel(
    name="scores",
    title=say("Known or stranger?"),
    sentence=say(
        "An ID score says how familiar an image looks; images left of the threshold are taken for strangers (OOD)."
    ),
    draw=scores_data,
)
