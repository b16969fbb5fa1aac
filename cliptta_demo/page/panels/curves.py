"""The panels over the stream: accuracy, or of images without labels how far the methods agree; collapse entropy."""

from typing import Any, TypedDict

from cliptta_demo.backend.data.schedule import plan_of
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.metrics import entropy_of
from cliptta_demo.backend.run.snapshot import LiveStep, Series
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Beside, Block, Misses, Panel, blocks_of, entries_of, missed_in, rounded
from cliptta_demo.page.session.state import Session


class Stream(TypedDict):
    """What comes when.

    Attributes:
        shifts: of so many batches; names: of the shifts.
        changes: of settings so far: before which batch (from 0), and of what.
    """

    batches: int
    shifts: list[Block]
    names: dict[str, str]
    changes: list[tuple[int, str]]


class Curves(TypedDict):
    """What both panels draw; ``at``: the batch at work, from 0; ``classes``: how many."""

    stream: Stream
    at: int | None
    classes: int


class MethodAccuracy(Misses):
    """One method's, all 0 to 1.

    Attributes:
        series: accuracy so far, after each batch; without labels, the share of its answers that are zero-shot's.
        alone: accuracy of each batch by itself; without labels, mean confidence.
        last: the last of the series, with all its digits; at_work: accuracy of the batch at work.
    """

    series: list[float | None]
    alone: list[float | None]
    last: float | None
    beside: Beside | None
    at_work: float | None


class Accuracy(Curves):
    """What the panel of accuracy draws."""

    labelled: bool
    methods: list[MethodAccuracy]


class MethodEntropy(Misses):
    """One method's, in nats.

    Attributes:
        series: entropy of each batch's mean prediction; at_work: of the batch at work; now: of the batch at hand.
    """

    series: list[float]
    at_work: float | None
    now: float


class Entropy(Curves):
    """What the panel of entropy draws."""

    methods: list[MethodEntropy]


def accuracy_data(session: Session, live: LiveStep | None = None) -> Accuracy:
    """Accuracy over the stream of a run that has begun."""
    series = _series(session)
    work = {name: live.methods[name].accuracy if live else None for name in series}
    known = [value for own in series.values() for value in own.accuracy] if session.snapshot else work.values()
    labelled = any(value is not None for value in known)

    def numbers(name: str) -> dict[str, Any]:
        own = series[name]
        line = own.accuracy if labelled else own.agreement if name != REFERENCE else ()
        return {
            "series": rounded(line, 4),
            "missed": missed_in(own),
            "alone": rounded(own.batch_accuracy if labelled else own.confidence, 4),
            "last": line[-1] if line else None,
            "beside": _beside(session, name),
            "at_work": work[name],
        }

    return _over_the_stream(session, live) | {"labelled": labelled, "methods": entries_of(session, numbers)}


def _beside(session: Session, name: str) -> Beside | None:
    method = session.snapshot.methods[name] if session.snapshot else None
    return vars(method.paired) if method is not None and method.accuracy is not None else None


def entropy_data(session: Session, live: LiveStep | None = None) -> Entropy:
    """Collapse entropy over the stream of a run that has begun."""
    series = _series(session)

    def numbers(name: str) -> dict[str, Any]:
        return {
            "series": rounded(series[name].collapse_entropy, 4),
            "missed": missed_in(series[name]),
            "at_work": live.methods[name].collapse_entropy if live else None,
            "now": entropy_now(session, live, name),
        }

    return _over_the_stream(session, live) | {"methods": entries_of(session, numbers)}


def entropy_now(session: Session, live: LiveStep | None, name: str) -> float:
    """Collapse entropy of the batch at hand; before any batch, of the counts (0)."""
    if live is not None:
        return live.methods[name].collapse_entropy
    if session.snapshot is not None:
        return session.snapshot.methods[name].batch.collapse_entropy
    return entropy_of(session.state.tallies[name].histogram)


def _series(session: Session) -> dict[str, Series]:
    methods = session.snapshot.methods if session.snapshot else {}
    return {name: methods[name].series if methods else Series() for name in session.recipe.settings.methods}


def _over_the_stream(session: Session, live: LiveStep | None) -> Any:
    batches = (session.snapshot or live).batches
    planned = plan_of(session.recipe.settings.stream)[len(session.shifts) : batches]
    shifts = blocks_of([*session.shifts, *((batch.shift, batch.severity) for batch in planned)])
    names = {shift: corruption_name(shift) for shift, *_ in shifts}
    changes = [(mark.batch, mark.label) for mark in session.marks]
    stream = {"batches": batches, "shifts": shifts, "names": names, "changes": changes}
    return {"stream": stream, "at": live.batch if live else None, "classes": len(session.recipe.class_names)}


ACCURACY = Panel(
    "accuracy",
    Text("Right so far"),
    Text("gains over zero-shot ± 2 std. errors"),
    accuracy_data,
    live=True,
)
ENTROPY = Panel(
    "entropy",
    Text("Spread of the answers"),
    Text("collapse entropy; 0: one class"),
    entropy_data,
    live=True,
)
