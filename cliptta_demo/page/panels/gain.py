"""The panel of cost beside gain: what a method's accuracy takes in time, and what it keeps in memory."""

from __future__ import annotations

import statistics

from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.backend.run.snapshot import MethodSnapshot
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, looks_of, make_figure
from cliptta_demo.page.session.state import Session


def gain_figure(session: Session) -> Figure:
    """Accuracy over the time that an image takes, a point for each method."""
    snapshot = session.snapshot
    if snapshot is None:
        return empty_figure(say("What accuracy costs appears after the first batch."))
    shown = looks_of(session)
    if any(snapshot.methods[name].accuracy is None for name in shown):
        return empty_figure(say("These images have no labels, so there is no gain to set against the cost."))
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
        "xaxis": {"title": {"text": say("milliseconds an image")}, "type": "log", "nticks": 6},
        "yaxis": {"title": {"text": say("accuracy")}, "tickformat": ".0%", "range": [0, 1.02]},
    }
    words = "; ".join(_spoken(look, costs[name], snapshot.methods[name]) for name, look in shown.items())
    figure = make_figure([{"id": "gain", "data": traces, "layout": layout, "alt": f"{words}."}], shown)
    kept = ", ".join(
        f"{look.label} {megabytes(size)}"
        for name, look in shown.items()
        if (size := snapshot.methods[name].kept_bytes) > 0
    )
    note = say("Kept in memory for the next batch: {sizes}.", sizes=kept) if kept else say("Nothing is kept in memory.")
    return figure | {"note": note}


def _milliseconds(method: MethodSnapshot, images: float) -> float:
    """For one image: the median over the batches, so that a first one that warms up does not count."""
    return 1000 * statistics.median(method.series.seconds) / max(images, 1)


def _spoken(look: MethodLook, cost: float, method: MethodSnapshot) -> str:
    return say(
        "{method}: {accuracy:.1%} at {cost:.2g} ms an image", method=look.label, accuracy=method.accuracy, cost=cost
    )


PANEL = Panel(
    name="gain",
    title=say("Gain and cost"),
    sentence=say(
        "Accuracy against the time that an image takes on this machine, measured in this run; up and to the left "
        "is better."
    ),
    waiting=empty_figure(say("Press Run: see what each method's accuracy costs.")),
    draw=gain_figure,
)
