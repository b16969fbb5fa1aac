"""The panels beside the stream's curves: ID scores, reliability, cost beside gain, moved layers, one turned knob."""

import statistics
from typing import Any, TypedDict

import numpy as np

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Beside, Method, Panel, entries_of, rounded
from cliptta_demo.page.session.state import Session

SCORE_BINS = 32
DOTS = 40  # batches


class MethodScores(Method):
    """One method's.

    Attributes:
        low, high: of the bins, which are as wide as one another; the same for all methods but those with scores of
            their own. known, strangers: how many scores lie in each; threshold: what splits the two.
        auroc, fpr95: 0 to 1, None where one of the two kinds is missing.
    """

    low: float
    high: float
    known: list[int]
    strangers: list[int]
    threshold: float
    auroc: float | None
    fpr95: float | None


class Scores(TypedDict):
    """What the panel draws. No methods: no strangers."""

    methods: list[MethodScores]


def scores_data(session: Session) -> Scores:
    """Histograms of the ID scores of known images and of strangers."""
    methods = session.snapshot.methods
    if not any(len(method.ood_scores) for method in methods.values()):
        return {"methods": []}
    alike = [name for name in methods if not METHODS[name].own_scores]

    def numbers(name: str) -> dict[str, Any]:
        method, beside = methods[name], alike if name in alike else [name]
        scores = np.concatenate([part for one in beside for part in (methods[one].id_scores, methods[one].ood_scores)])
        edges = np.linspace(scores.min(), max(scores.max(), scores.min() + 1e-3), SCORE_BINS + 1)
        return {
            "low": float(edges[0]),
            "high": float(edges[-1]),
            "known": np.histogram(method.id_scores, edges)[0].tolist(),
            "strangers": np.histogram(method.ood_scores, edges)[0].tolist(),
            "threshold": float(method.threshold),
            "auroc": method.auroc,
            "fpr95": method.fpr95,
        }

    return {"methods": entries_of(session, numbers)}


SCORES = Panel(
    "scores",
    Text("Known or stranger?"),
    Text("ID score: how familiar; left of the line: stranger"),
    scores_data,
)


class MethodReliability(Method):
    """One method's, by bins of confidence: labelled images, those named rightly, and the sum of their confidences.

    ``error``: expected calibration error, 0 to 1; None without labels.
    """

    count: list[int]
    right: list[int]
    confidence: list[float]
    error: float | None


def reliability_data(session: Session) -> dict[str, list[MethodReliability]]:
    """How often a method is right, and how sure it is, of labelled images."""

    def numbers(name: str) -> dict[str, Any]:
        found = session.snapshot.methods[name].reliability
        sums = {"count": found.count.tolist(), "right": found.right.tolist()}
        return sums | {"confidence": rounded(found.confidence, 4), "error": found.error}

    return {"methods": entries_of(session, numbers)}


RELIABILITY = Panel(
    "reliability",
    Text("Sure and right?"),
    Text(
        "Below the diagonal a method is surer than it is right: adapting often buys accuracy with too much confidence."
    ),
    reliability_data,
)


class MethodGain(Method):
    """One method's.

    Attributes:
        accuracy: 0 to 1, None without labels.
        milliseconds: of an image: the median over the batches, so that a first one that warms up does not count, and
            over none that it missed.
        took, alone: of each of the newest batches, ``DOTS`` at most: milliseconds an image, and accuracy.
        kept: bytes that it keeps for the next batch; beside: what it fixed and broke, None without labels.
    """

    accuracy: float | None
    milliseconds: float
    took: list[float | None]
    alone: list[float | None]
    kept: int
    beside: Beside | None


class Gain(TypedDict):
    """What the panel draws; ``batch``: the newest one, from 1."""

    batch: int
    methods: list[MethodGain]


def gain_data(session: Session) -> Gain:
    """Accuracy and cost of each method so far."""

    def numbers(name: str) -> dict[str, Any]:
        method = session.snapshot.methods[name]
        missed = method.series.missed
        took = [1000 * seconds / images for seconds in method.series.seconds]
        return {
            "accuracy": method.accuracy,
            "milliseconds": statistics.median(one for one, late in zip(took, missed, strict=True) if not late),
            "took": rounded(took[-DOTS:], 2),
            "alone": rounded(method.series.batch_accuracy[-DOTS:], 3),
            "kept": method.kept_bytes,
            "beside": None if method.accuracy is None else vars(method.paired),
        }

    images = max(session.snapshot.images_done / (session.snapshot.batch + 1), 1)
    return {"batch": session.snapshot.batch + 1, "methods": entries_of(session, numbers)}


GAIN = Panel(
    "gain",
    Text("Gain and cost"),
    Text(
        "Accuracy against the time that an image takes on this machine, measured in this run; up and to the left "
        "is better."
    ),
    gain_data,
)


class MethodDrift(Method):
    """How far a method has moved each layer's weight and bias, root mean square."""

    drift: list[float]


class Drift(TypedDict):
    """What the panel draws: the methods that adapt; names of the layers, from the input on."""

    layers: list[str]
    methods: list[MethodDrift]


def drift_data(session: Session) -> Drift:
    """How far the normalisation layers have moved from the source model."""

    def numbers(name: str) -> dict[str, Any] | None:
        return {"drift": rounded(session.snapshot.methods[name].drift, 6)} if METHODS[name].adapts else None

    return {"layers": list(session.snapshot.layers), "methods": entries_of(session, numbers)}


DRIFT = Panel(
    "drift",
    Text("Which layers move"),
    Text(
        "Only weight and bias of the normalisation layers adapt: this is how far each has moved from the source model."
    ),
    drift_data,
)


# Settings that can be turned, fields of the form, and the values to try, of a learning rate as shares of the form's.
KNOBS: dict[str, tuple[float, ...]] = {
    "learning_rate": (0.03, 0.1, 0.3, 1, 3, 10),
    "steps": (1, 2, 3, 5, 10, 20),
    "batch_size": (1, 2, 4, 8, 16, 32, 64, 128),
}


class Point(TypedDict):
    """What came out at one value of the knob.

    Attributes:
        value: of the setting; accuracy: method → 0 to 1, None without labels; spread: method → entropy of all
            predictions as a share of what all classes would give.
    """

    value: float
    accuracy: dict[str, float | None]
    spread: dict[str, float]


class Sweep(TypedDict):
    """What the panel draws.

    Attributes:
        setting: that is turned, as in the middle of a sentence; values: that it takes; usual: where the form has it.
        images: of each run; points: of the runs so far; unmoved: methods that the knob changes nothing for.
        run: the query of the link to the form's settings, for what is shown may be a run with others.
    """

    setting: str
    values: list[float]
    usual: float
    images: int
    methods: list[Method]
    unmoved: list[str]
    points: list[Point]
    run: str


SWEEP = Panel(
    "sweep",
    Text("Turn one knob"),
    Text(
        "A method is only as good as its luck with the settings: run all of them at several values of one, and "
        "see who survives where."
    ),
)
