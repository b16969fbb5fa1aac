"""The panel of predictions: which classes each method uses, and which it forgets."""

from typing import Any, TypedDict

from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.curves import entropy_now
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Beside, Method, entries_of
from cliptta_demo.page.session.state import Session


class MethodHistogram(Method):
    """One method's.

    Attributes:
        counts: predictions per class so far, strangers left out; entropy: collapse entropy of the batch at hand, in
            nats.
        beside: None without labels.
    """

    counts: list[int]
    entropy: float
    beside: Beside | None


class Histogram(TypedDict):
    """What the panel draws; ``truth``: images per class so far, None without labels; ``reference``: zero-shot's key."""

    classes: list[str]
    truth: list[int] | None
    reference: str
    methods: list[MethodHistogram]


def histogram_data(session: Session, live: LiveStep | None = None) -> Histogram:
    """Predictions per class of a run that has begun."""
    truth, snapshot = session.state.true_histogram, session.snapshot

    def numbers(name: str) -> dict[str, Any]:
        counts = session.state.tallies[name].histogram
        known = snapshot is not None and snapshot.methods[name].accuracy is not None
        return {
            "counts": (counts + live.methods[name].histogram if live else counts).tolist(),
            "entropy": entropy_now(session, live, name),
            "beside": vars(snapshot.methods[name].paired) if known else None,
        }

    return {
        "classes": [display_name(name) for name in session.recipe.class_names],
        "truth": truth.tolist() if truth.any() else None,
        "reference": REFERENCE,
        "methods": entries_of(session, numbers),
    }


PANEL = Panel(
    name="histogram",
    title=Text("Where the predictions go"),
    sentence=Text(
        "Bars are predictions per class, dashes the truth; a collapsing method piles its bars onto a few classes. "
        "Improvement is the share of zero-shot's wrong images that are now right, deterioration the share of its right "
        "images that are now wrong."
    ),
    draw=histogram_data,
    live=True,
)
