"""The panel of reliability: whether a method is right as often as it is sure."""

from __future__ import annotations

from typing import TypedDict

from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entry, looks_of, rounded
from cliptta_demo.page.session.state import Session


class MethodReliability(Method):
    """One method's, by bins of confidence: labelled images, those named rightly, and the sum of their confidences.

    ``error``: expected calibration error, 0 to 1; None without labels.
    """

    count: list[int]
    right: list[int]
    confidence: list[float]
    error: float | None


class Reliability(TypedDict):
    """What the panel draws."""

    methods: list[MethodReliability]


def reliability_data(session: Session) -> Reliability:
    """How often a method is right, and how sure it is; no image is counted where there are no labels."""
    methods = []
    for name, look in looks_of(session).items():
        found = session.snapshot.methods[name].reliability
        numbers = {
            "count": found.count.tolist(),
            "right": found.right.tolist(),
            "confidence": rounded(found.confidence, 4),
            "error": found.error,
        }
        methods.append(entry(name, look) | numbers)
    return {"methods": methods}


PANEL = Panel(
    name="reliability",
    title=say("Sure and right?"),
    sentence=say(
        "Below the diagonal a method is surer than it is right: adapting often buys accuracy with too much confidence."
    ),
    draw=reliability_data,
)
