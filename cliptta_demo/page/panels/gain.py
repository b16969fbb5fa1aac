"""The panel of cost beside gain: what a method's accuracy takes in time, and what it keeps in memory."""

from __future__ import annotations

import statistics
from typing import TypedDict

from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entry, looks_of
from cliptta_demo.page.session.state import Session


class MethodGain(Method):
    """One method's.

    Attributes:
        accuracy: 0 to 1, None without labels.
        milliseconds: of an image: the median over the batches, so that a first one that warms up does not count.
        kept: bytes that it keeps for the next batch.
    """

    accuracy: float | None
    milliseconds: float
    kept: int


class Gain(TypedDict):
    """What the panel draws."""

    methods: list[MethodGain]


def gain_data(session: Session) -> Gain:
    """Accuracy and cost of each method so far."""
    snapshot, methods = session.snapshot, []
    for name, look in looks_of(session).items():
        method = snapshot.methods[name]
        seconds = method.series.seconds
        images = max(snapshot.images_done / len(seconds), 1)
        cost = {"milliseconds": 1000 * statistics.median(seconds) / images, "kept": method.kept_bytes}
        methods.append(entry(name, look) | {"accuracy": method.accuracy} | cost)
    return {"methods": methods}


PANEL = Panel(
    name="gain",
    title=say("Gain and cost"),
    sentence=say(
        "Accuracy against the time that an image takes on this machine, measured in this run; up and to the left "
        "is better."
    ),
    draw=gain_data,
)
