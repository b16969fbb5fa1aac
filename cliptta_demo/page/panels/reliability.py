"""The panel of reliability: whether a method is right as often as it is sure."""

from __future__ import annotations

from typing import Any

from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.backend.run.metrics import Reliability
from cliptta_demo.languages import say, say_count
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, looks_of, make_figure, rounded
from cliptta_demo.page.session.state import Session

FEW = 5  # images in a bin: fewer say nothing of how often a method is right


def reliability_figure(session: Session) -> Figure:
    """Accuracy over confidence, in bins of confidence; on the diagonal a method is as sure as it should be."""
    snapshot = session.snapshot
    if snapshot is None:
        return empty_figure(say("How right a method is when it is sure appears after the first batch."))
    shown = looks_of(session)
    found = {name: snapshot.methods[name].reliability for name in shown}
    if not any(part.count.any() for part in found.values()):
        return empty_figure(say("These images have no labels: nobody knows how often a sure answer is right."))
    diagonal = {"type": "line", "x0": 0, "x1": 1, "y0": 0, "y1": 1, "line": {"color": "@muted", "width": 1.2}}
    layout = {
        "xaxis": {"title": {"text": say("confidence")}, "range": [0, 1.02], "tickformat": ".0%"},
        "yaxis": {"title": {"text": say("accuracy")}, "range": [0, 1.02], "tickformat": ".0%"},
        "shapes": [diagonal | {"line": {**diagonal["line"], "dash": "dot"}}],
        "annotations": [
            {"x": 0.02, "y": 0.95, "xanchor": "left", "text": say("modest"), "showarrow": False},
            {"x": 1, "y": 0.05, "xanchor": "right", "text": say("too sure"), "showarrow": False},
        ],
    }
    errors = ", ".join(f"{look.label} {found[name].error:.1%}" for name, look in shown.items())
    traces = [_curve(look, found[name]) for name, look in shown.items()]
    alt = say("Accuracy by confidence. Expected calibration error: {errors}.", errors=errors)
    figure = make_figure([{"id": "reliability", "data": traces, "layout": layout, "alt": alt}], shown)
    return figure | {"note": say("Expected calibration error, the mean gap to the diagonal: {errors}.", errors=errors)}


def _curve(look: MethodLook, found: Reliability) -> dict[str, Any]:
    enough = found.count >= FEW
    count, right, confidence = found.count[enough], found.right[enough], found.confidence[enough]
    words = say(
        "{method}, {images}<br>sure {confidence}, right {accuracy}",
        method=look.label,
        images="%{text}",
        confidence="%{x:.0%}",
        accuracy="%{y:.0%}",
    )
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": rounded(confidence / count, 4),
        "y": rounded(right / count, 4),
        "text": [say_count("{count} image", "{count} images", number) for number in count.tolist()],
        "line": {"color": f"@{look.colour}", "width": 2, "dash": look.dash},
        "marker": {"color": f"@{look.colour}", "symbol": look.symbol, "size": 7},
        "hovertemplate": f"{words}<extra></extra>",
    }


PANEL = Panel(
    name="reliability",
    title=say("Sure and right?"),
    sentence=say(
        "Below the diagonal a method is surer than it is right: adapting often buys accuracy with too much confidence."
    ),
    waiting=empty_figure(say("Press Run: see whether a sure answer is a right one.")),
    draw=reliability_figure,
)
