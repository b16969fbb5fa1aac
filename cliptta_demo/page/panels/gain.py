"""The panel of cost beside gain: what a method's accuracy takes in time, and what it keeps in memory."""

from __future__ import annotations

import statistics

from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.backend.run.snapshot import MethodSnapshot
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, looks_of, make_figure
from cliptta_demo.page.session.state import Session


def gain_figure(session: Session) -> Figure:
    """Accuracy over the time that an image takes, a point for each method."""
    snapshot = session.snapshot
    if snapshot is None:
        return empty_figure("What accuracy costs appears after the first batch.")
    shown = looks_of(session)
    if any(snapshot.methods[name].accuracy is None for name in shown):
        return empty_figure("These images have no labels, so there is no gain to set against the cost.")
    images = snapshot.images_done / len(snapshot.methods[next(iter(shown))].series.seconds)
    costs = {name: _milliseconds(snapshot.methods[name], images) for name in shown}
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "cliponaxis": False,
            "x": [round(costs[name], 4)],
            "y": [round(snapshot.methods[name].accuracy, 4)],
            "marker": {"color": f"@{look.colour}", "symbol": look.symbol, "size": 12},
            "hovertemplate": f"{_spoken(look, costs[name], snapshot.methods[name])}<extra></extra>",
        }
        for name, look in shown.items()
    ]
    layout = {
        "xaxis": {"title": {"text": "milliseconds an image"}, "type": "log", "nticks": 6},
        "yaxis": {"title": {"text": "accuracy"}, "tickformat": ".0%", "range": [0, 1.02]},
    }
    words = "; ".join(_spoken(look, costs[name], snapshot.methods[name]) for name, look in shown.items())
    figure = make_figure([{"id": "gain", "data": traces, "layout": layout, "alt": f"{words}."}], shown)
    kept = ", ".join(
        f"{look.label} {megabytes(size)}"
        for name, look in shown.items()
        if (size := snapshot.methods[name].kept_bytes) > 0
    )
    return figure | {"note": f"Kept in memory for the next batch: {kept}." if kept else "Nothing is kept in memory."}


def _milliseconds(method: MethodSnapshot, images: float) -> float:
    """For one image: the median over the batches, so that a first one that warms up does not count."""
    return 1000 * statistics.median(method.series.seconds) / max(images, 1)


def _spoken(look: MethodLook, cost: float, method: MethodSnapshot) -> str:
    return f"{look.label}: {method.accuracy:.1%} at {cost:.2g} ms an image"


PANEL = Panel(
    name="gain",
    title="Gain and cost",
    sentence="Accuracy against the time that an image takes on this machine, measured in this run; up and to the left "
    "is better.",
    waiting=empty_figure("Press Run: see what each method's accuracy costs."),
    draw=gain_figure,
)
