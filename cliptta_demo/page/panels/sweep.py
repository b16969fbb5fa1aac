"""The panel of one turned knob: how each method's end depends on the rate, the steps or the size of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cliptta_demo.backend.methods.looks import MethodLook, looks
from cliptta_demo.languages import say
from cliptta_demo.page.form.fields import declared
from cliptta_demo.page.form.said import label
from cliptta_demo.page.panels.curves import level, level_label, upright
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, make_figure, rounded


@dataclass(frozen=True)
class Knob:
    """A setting that can be turned.

    Attributes:
        name: the field of the form; values: to try, for a learning rate as shares of the form's.
    """

    name: str
    values: tuple[float, ...]

    @property
    def label(self) -> str:
        """The setting's own, in the choice."""
        return declared(self.name).label


KNOBS = {
    knob.name: knob
    for knob in (
        Knob("learning_rate", (0.03, 0.1, 0.3, 1, 3, 10)),
        Knob("steps", (1, 2, 3, 5, 10, 20)),
        Knob("batch_size", (1, 2, 4, 8, 16, 32, 64, 128)),
    )
}


@dataclass(frozen=True)
class Point:
    """What came out at one value of the knob.

    Attributes:
        value: of the setting; accuracy: method → 0 to 1, None without labels; spread: method → entropy of all
            predictions as a share of what all classes would give.
    """

    value: float
    accuracy: dict[str, float | None]
    spread: dict[str, float]


def sweep_figure(
    knob: Knob,
    methods: Sequence[str],
    points: Sequence[Point],
    values: Sequence[float],
    usual: float,
    images: int,
    unmoved: Sequence[str],
) -> Figure:
    """Accuracy, and how evenly the predictions spread, over the knob's ``values``.

    Args:
        usual: where the form has it; images: of each run; unmoved: methods that the knob changes nothing for.
    """
    shown = looks(methods)
    facets = []
    if any(value is not None for point in points for value in point.accuracy.values()):
        facets.append(_facet("accuracy", knob, shown, points, values, usual))
    if points:
        facets.append(_facet("spread", knob, shown, points, values, usual))
    note = say(
        "Each point is a run of {images} images from the source model. The dotted line is the form's value.",
        images=images,
    )
    if unmoved:
        labels = ", ".join(shown[name].label for name in unmoved)
        note += " " + say("{setting} changes nothing for {methods}.", setting=knob.label, methods=labels)
    return make_figure(facets, shown) | {"note": note, "empty": say("The first run is on its way…")}


def _facet(
    what: str,
    knob: Knob,
    shown: dict[str, MethodLook],
    points: Sequence[Point],
    values: Sequence[float],
    usual: float,
) -> dict[str, Any]:
    title = say("accuracy") if what == "accuracy" else say("spread over classes")
    turned = label(knob.name)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": [point.value for point in points],
            "y": rounded([getattr(point, what)[name] for point in points], 4),
            "line": {"color": f"@{look.colour}", "width": 2.5, "dash": look.dash},
            "marker": {"symbol": look.symbol, "size": 8, "color": f"@{look.colour}"},
            "hovertemplate": f"{look.label}, {title} %{{y:.0%}}<br>{turned} %{{x:g}}<extra></extra>",
        }
        for name, look in shown.items()
    ]
    ticks = {"tickvals": values, "ticktext": [f"{value:g}" for value in values]}
    ends = [math.log10(min(values) / 1.2), math.log10(max(values) * 1.2)]
    layout = {
        "xaxis": {"title": {"text": turned}, "type": "log", "range": ends, **ticks},
        "yaxis": {"title": {"text": title}, "range": [0, 1.04], "tickformat": ".0%"},
        "shapes": [upright(usual) | {"line": {"color": "@muted", "width": 1.2, "dash": "dot"}}],
        "annotations": [],
    }
    if what == "spread":
        layout["shapes"].append(level(0.5))
        layout["annotations"].append(level_label(0.5, say("collapsed below"), "left"))
    last = points[-1]
    words = ", ".join(
        f"{look.label} {value:.0%}" for name, look in shown.items() if (value := getattr(last, what)[name]) is not None
    )
    told = {"count": len(points), "setting": turned, "value": last.value, "ends": words}
    alt = (
        say("Accuracy over {count} values. At {setting} {value:g}: {ends}.", **told)
        if what == "accuracy"
        else say("Spread over classes over {count} values. At {setting} {value:g}: {ends}.", **told)
    )
    return {"id": f"sweep-{what}", "data": traces, "layout": layout, "alt": alt}


PANEL = Panel(
    name="sweep",
    title=say("Turn one knob"),
    sentence=say(
        "A method is only as good as its luck with the settings: run all of them at several values of one, and "
        "see who survives where."
    ),
    waiting=empty_figure(
        say("Choose a knob and press Sweep: short runs with the form's other settings, one after another.")
    ),
)
