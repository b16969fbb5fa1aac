"""The cards, and messages as HTML, in which every text that a person could have written is escaped. Pure."""

import html
from collections.abc import Sequence
from typing import Any, TypedDict

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.snapshot import LiveStep, Series
from cliptta_demo.languages import say
from cliptta_demo.page.panels.numbers import Beside, Method, entries, rounded
from cliptta_demo.page.session.state import Session


class Card(Method):
    """One method's; shares are 0 to 1.

    Attributes:
        sentence: that describes it; accuracy: so far; at_work: of the batch at work; beside: None without labels.
        confidence: mean, of the last batch; changed: how many of its predictions are not zero-shot's.
        spark: accuracy of each batch, without labels mean confidence.
    """

    sentence: str
    accuracy: float | None
    at_work: float | None
    beside: Beside | None
    confidence: float | None
    changed: int | None
    spark: list[float]


class Cards(TypedDict):
    """What the cards show.

    Attributes:
        reference: zero-shot's key; begun: whether a batch is done; working: whether one is at work; images: of the last
            batch.
    """

    reference: str
    begun: bool
    working: bool
    images: int
    methods: list[Card]


def cards_data(session: Session | None, methods: Sequence[str], live: LiveStep | None = None) -> Cards:
    """Accuracy, gain over zero-shot, and what each method fixed and broke."""
    snapshot = session.snapshot if session else None

    def numbers(name: str) -> dict[str, Any]:
        method = snapshot.methods[name] if snapshot else None
        series = method.series if method else Series()
        known = [value for value in series.batch_accuracy if value is not None]
        changed = method.batch.predicted != snapshot.methods[REFERENCE].batch.predicted if method else None
        return {
            "sentence": METHODS[name].sentence,
            "accuracy": method.accuracy if method else None,
            "at_work": live.methods[name].accuracy if live and name in live.methods else None,
            "beside": vars(method.paired) if method and method.accuracy is not None else None,
            "confidence": float(method.batch.confidence.mean()) if method else None,
            "changed": int(changed.sum()) if method else None,
            "spark": rounded(known or series.confidence, 4),
        }

    return {
        "reference": REFERENCE,
        "begun": snapshot is not None,
        "working": live is not None,
        "images": len(snapshot.labels) if snapshot else 0,
        "methods": entries(methods, numbers),
    }


def cards_place() -> str:
    """Where a script draws them."""
    return f'<div class="cards body" role="group" aria-label="{html.escape(say("Results so far"))}"></div>'


def message_html(text: str = "", kind: str = "info", more: Sequence[str] = ()) -> str:
    """A note to the person; ``kind``: info, warning, error. ``more`` are further sentences, one a line."""
    if not text and not more:
        return '<div class="messages" role="status"></div>'
    role = "status" if kind == "info" else "alert"
    lines = "".join(f"<p>{html.escape(say(line))}</p>" for line in (text, *more) if line)
    return f'<div class="messages" role="{role}"><div class="note {kind}" data-testid="message">{lines}</div></div>'
