"""The panel of accuracy over the stream; of images without labels it shows how far the methods agree instead."""

from __future__ import annotations

from typing import TypedDict

from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.snapshot import LiveStep, Series
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, Stream, entry, looks_of, rounded, stream_of
from cliptta_demo.page.session.state import Session


class MethodAccuracy(Method):
    """One method's, all 0 to 1.

    Attributes:
        series: accuracy so far, after each batch; without labels, the share of its answers that are zero-shot's.
        alone: accuracy of each batch by itself; without labels, mean confidence.
        last: the last of the series, with all its digits; at_work: accuracy of the batch at work.
    """

    series: list[float | None]
    alone: list[float | None]
    last: float | None
    at_work: float | None


class Accuracy(TypedDict):
    """What the panel draws; ``at``: the batch at work, from 0; ``classes``: how many."""

    labelled: bool
    stream: Stream
    at: int | None
    classes: int
    methods: list[MethodAccuracy]


def accuracy_data(session: Session, live: LiveStep | None = None) -> Accuracy:
    """Accuracy over the stream of a run that has begun."""
    snapshot, shown = session.snapshot, looks_of(session)
    series = {name: snapshot.methods[name].series if snapshot else Series() for name in shown}
    work = {name: live.methods[name].accuracy if live else None for name in shown}
    known = (value for own in series.values() for value in own.accuracy) if snapshot else work.values()
    labelled = any(value is not None for value in known)
    methods = []
    for name, look in shown.items():
        own = series[name]
        line = own.accuracy if labelled else own.agreement if name != REFERENCE else ()
        numbers = {
            "series": rounded(line, 4),
            "alone": rounded(own.batch_accuracy if labelled else own.confidence, 4),
            "last": line[-1] if line else None,
            "at_work": work[name],
        }
        methods.append(entry(name, look) | numbers)
    return {
        "labelled": labelled,
        "stream": stream_of(session, live),
        "at": live.batch if live else None,
        "classes": len(session.recipe.class_names),
        "methods": methods,
    }


PANEL = Panel(
    name="accuracy",
    title=say("Accuracy over the stream"),
    sentence=say(
        "Share of images named rightly so far; faint dots are single batches, hollow marks the batch at work."
    ),
    draw=accuracy_data,
    live=True,
)
