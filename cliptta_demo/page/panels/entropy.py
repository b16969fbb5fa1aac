"""The panel of collapse entropy over the stream."""

from __future__ import annotations

import math

from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.page.panels.curves import level, level_label, line, ring, shift_texts, stream_layout
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, entropy_now, looks_of, make_figure
from cliptta_demo.page.session.state import Session


def entropy_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Collapse entropy: entropy of each batch's mean prediction, with its ceiling ln C."""
    snapshot = session.snapshot
    if snapshot is None and live is None:
        return empty_figure("The entropy of the predictions appears after the first batch.")
    ceiling = math.log(len(session.recipe.class_names))
    traces = []
    shown = looks_of(session)
    for name, look in shown.items():
        values = snapshot.methods[name].series.collapse_entropy if snapshot else ()
        traces.append(line(look, values, "%{y:.2f} nats", shift_texts(session)))
        if live is not None:
            traces.append(ring(look, live.batch, live.methods[name].collapse_entropy, "%{y:.2f} nats"))
    layout = stream_layout(session, live, "entropy (nats)")
    layout["yaxis"] |= {"range": [0, ceiling * 1.12], "tickformat": ".1f"}
    layout["shapes"] = [*layout["shapes"], level(ceiling)]
    label = level_label(ceiling, f"ceiling ln {len(session.recipe.class_names)} = {ceiling:.2f}")
    layout["annotations"] = [*layout["annotations"], label]
    now = {name: entropy_now(session, live, name) for name in shown}
    alt = f"Collapse entropy, ceiling {ceiling:.2f} nats: " + ", ".join(
        f"{shown[name].label} {value:.2f}" for name, value in now.items()
    )
    return make_figure([{"id": "entropy", "data": traces, "layout": layout, "alt": f"{alt}."}], shown)


PANEL = Panel(
    name="entropy",
    title="Collapse entropy",
    sentence="How evenly a batch's predictions spread over the classes: when a model collapses into a few, the curve "
    "falls.",
    kind="curves",
    waiting=empty_figure("Press Run: a healthy method stays near the ceiling, a collapsing one falls."),
    draw=entropy_figure,
    live=True,
)
