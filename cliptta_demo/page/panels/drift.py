"""The panel of drift: how far each normalisation layer has moved."""

from __future__ import annotations

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, looks_of, make_figure, rounded
from cliptta_demo.page.session.state import Session


def drift_figure(session: Session) -> Figure:
    """How far weight and bias of each normalisation layer have moved from the source model, input to output."""
    snapshot = session.snapshot
    if snapshot is None:
        return empty_figure(say("How far each normalisation layer moves appears after the first batch."))
    shown = {name: look for name, look in looks_of(session).items() if METHODS[name].adapts}
    if not shown:
        return empty_figure(say("Zero-shot moves nothing. Choose a method that adapts to see which layers move."))
    positions = list(range(1, len(snapshot.layers) + 1))
    few = len(positions) <= 30
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if few else "lines",
            "x": positions,
            "y": rounded(snapshot.methods[name].drift, 5),
            "text": list(snapshot.layers),
            "line": {"color": f"@{look.colour}", "width": 2, "dash": look.dash},
            "marker": {"color": f"@{look.colour}", "symbol": look.symbol, "size": 7},
            "hovertemplate": f"{look.label}: %{{y:.4f}}<br>%{{text}}<extra></extra>",
        }
        for name, look in shown.items()
    ]
    highest = max(max(snapshot.methods[name].drift) for name in shown)
    layout = {
        "xaxis": {"title": {"text": say("normalisation layer, from the input on")}, "dtick": 1 if few else None},
        "yaxis": {"title": {"text": say("movement (RMS)")}, "range": [0, max(highest, 1e-6) * 1.1]},
    }
    largest = ", ".join(f"{look.label} {max(snapshot.methods[name].drift):.4f}" for name, look in shown.items())
    alt = say("Movement of each normalisation layer. Largest: {largest}.", largest=largest)
    return make_figure([{"id": "drift", "data": traces, "layout": layout, "alt": alt}], shown)


PANEL = Panel(
    name="drift",
    title=say("Which layers move"),
    sentence=say(
        "Only weight and bias of the normalisation layers adapt: this is how far each has moved from the source model."
    ),
    waiting=empty_figure(say("Press Run: see which normalisation layers move, and how far.")),
    folded=True,
    draw=drift_figure,
)
