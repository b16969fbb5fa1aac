"""The panel of collapse entropy over the stream."""

from __future__ import annotations

import math

from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import say
from cliptta_demo.page.panels.curves import level, level_label, line, ring, shift_texts, stream_layout
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, entropy_now, looks_of, make_figure
from cliptta_demo.page.session.state import Session


def entropy_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Collapse entropy: entropy of each batch's mean prediction, with its ceiling ln C."""
    snapshot = session.snapshot
    if snapshot is None and live is None:
        return empty_figure(say("The entropy of the predictions appears after the first batch."))
    classes = len(session.recipe.class_names)
    ceiling = math.log(classes)
    traces, nats = [], say("{entropy} nats", entropy="%{y:.2f}")
    shown = looks_of(session)
    for name, look in shown.items():
        values = snapshot.methods[name].series.collapse_entropy if snapshot else ()
        traces.append(line(look, values, nats, shift_texts(session)))
        if live is not None:
            traces.append(ring(look, live.batch, live.methods[name].collapse_entropy, nats))
    layout = stream_layout(session, live, say("entropy (nats)"))
    layout["yaxis"] |= {"range": [0, ceiling * 1.12], "tickformat": ".1f"}
    layout["shapes"] = [*layout["shapes"], level(ceiling)]
    label = say("ceiling ln {classes} = {ceiling:.2f}", classes=classes, ceiling=ceiling)
    layout["annotations"] = [*layout["annotations"], level_label(ceiling, label)]
    now = ", ".join(f"{look.label} {entropy_now(session, live, name):.2f}" for name, look in shown.items())
    alt = say("Collapse entropy, ceiling {ceiling:.2f} nats: {entropies}.", ceiling=ceiling, entropies=now)
    return make_figure([{"id": "entropy", "data": traces, "layout": layout, "alt": alt}], shown)


PANEL = Panel(
    name="entropy",
    title=say("Collapse entropy"),
    sentence=say(
        "How evenly a batch's predictions spread over the classes: when a model collapses into a few, the curve falls."
    ),
    kind="curves",
    waiting=empty_figure(say("Press Run: a healthy method stays near the ceiling, a collapsing one falls.")),
    draw=entropy_figure,
    live=True,
)
