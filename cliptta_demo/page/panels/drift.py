"""The panel of drift: how far each normalisation layer has moved."""

from __future__ import annotations

from typing import TypedDict

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entry, looks_of, rounded
from cliptta_demo.page.session.state import Session


class MethodDrift(Method):
    """How far a method has moved each layer's weight and bias, root mean square."""

    drift: list[float]


class Drift(TypedDict):
    """What the panel draws: the methods that adapt; names of the layers, from the input on."""

    layers: list[str]
    methods: list[MethodDrift]


def drift_data(session: Session) -> Drift:
    """How far the normalisation layers have moved from the source model."""
    snapshot = session.snapshot
    shown = {name: look for name, look in looks_of(session).items() if METHODS[name].adapts}
    methods = [entry(name, look) | {"drift": rounded(snapshot.methods[name].drift, 6)} for name, look in shown.items()]
    return {"layers": list(snapshot.layers), "methods": methods}


PANEL = Panel(
    name="drift",
    title=say("Which layers move"),
    sentence=say(
        "Only weight and bias of the normalisation layers adapt: this is how far each has moved from the source model."
    ),
    folded=True,
    draw=drift_data,
)
