"""The panel of collapse entropy over the stream."""

from __future__ import annotations

from typing import TypedDict

from cliptta_demo.backend.run.metrics import entropy_of
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, Stream, entry, looks_of, rounded, stream_of
from cliptta_demo.page.session.state import Session


class MethodEntropy(Method):
    """One method's, in nats.

    Attributes:
        series: entropy of each batch's mean prediction; at_work: of the batch at work; now: of the batch at hand.
    """

    series: list[float]
    at_work: float | None
    now: float


class Entropy(TypedDict):
    """What the panel draws; ``at``: the batch at work, from 0; ``classes``: how many."""

    stream: Stream
    at: int | None
    classes: int
    methods: list[MethodEntropy]


def entropy_data(session: Session, live: LiveStep | None = None) -> Entropy:
    """Collapse entropy over the stream of a run that has begun."""
    snapshot = session.snapshot
    methods = []
    for name, look in looks_of(session).items():
        numbers = {
            "series": rounded(snapshot.methods[name].series.collapse_entropy if snapshot else (), 4),
            "at_work": live.methods[name].collapse_entropy if live else None,
            "now": entropy_now(session, live, name),
        }
        methods.append(entry(name, look) | numbers)
    return {
        "stream": stream_of(session, live),
        "at": live.batch if live else None,
        "classes": len(session.recipe.class_names),
        "methods": methods,
    }


def entropy_now(session: Session, live: LiveStep | None, name: str) -> float:
    """Collapse entropy of the batch at hand; before any batch, of the counts (0)."""
    if live is not None:
        return live.methods[name].collapse_entropy
    if session.snapshot is not None:
        return session.snapshot.methods[name].batch.collapse_entropy
    return entropy_of(session.state.tallies[name].histogram)


PANEL = Panel(
    name="entropy",
    title=say("Collapse entropy"),
    sentence=say(
        "How evenly a batch's predictions spread over the classes: when a model collapses into a few, the curve falls."
    ),
    draw=entropy_data,
    live=True,
)
