"""The panel of drift: how far each normalisation layer has moved."""

from __future__ import annotations

from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.page.defaults import METHOD_DASHES, METHOD_LABELS, METHOD_SYMBOLS
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, make_figure, methods_of, rounded
from cliptta_demo.page.session.state import Session


def drift_figure(session: Session) -> Figure:
    """How far weight and bias of each normalisation layer have moved from the source model, input to output."""
    snapshot = session.snapshot
    if snapshot is None:
        return empty_figure("How far each normalisation layer moves appears after the first batch.")
    names = [name for name in methods_of(session) if name != REFERENCE]
    if not names:
        return empty_figure("Zero-shot moves nothing. Choose a method that adapts to see which layers move.")
    positions = list(range(1, len(snapshot.layers) + 1))
    few = len(positions) <= 30
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if few else "lines",
            "x": positions,
            "y": rounded(snapshot.methods[name].drift, 5),
            "text": list(snapshot.layers),
            "line": {"color": f"@{name}", "width": 2, "dash": METHOD_DASHES[name]},
            "marker": {"color": f"@{name}", "symbol": METHOD_SYMBOLS[name], "size": 7},
            "hovertemplate": f"{METHOD_LABELS[name]}: %{{y:.4f}}<br>%{{text}}<extra></extra>",
        }
        for name in names
    ]
    highest = max(max(snapshot.methods[name].drift) for name in names)
    layout = {
        "xaxis": {"title": {"text": "normalisation layer, from the input on"}, "dtick": 1 if few else None},
        "yaxis": {"title": {"text": "movement (RMS)"}, "range": [0, max(highest, 1e-6) * 1.1]},
    }
    alt = "Movement of each normalisation layer. Largest: " + ", ".join(
        f"{METHOD_LABELS[name]} {max(snapshot.methods[name].drift):.4f}" for name in names
    )
    return make_figure([{"id": "drift", "data": traces, "layout": layout, "alt": f"{alt}."}], names)


PANEL = Panel(
    name="drift",
    title="Which layers move",
    sentence="Only weight and bias of the normalisation layers adapt: this is how far each has moved from the source "
    "model.",
    waiting=empty_figure("Press Run: see which normalisation layers move, and how far."),
    draw=drift_figure,
)
