"""The panel of accuracy over the stream; of images without labels it shows how far the methods agree instead."""

from __future__ import annotations

from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.snapshot import LiveStep, Series
from cliptta_demo.page.panels.curves import count, dots, level, level_label, line, ring, shift_texts, stream_layout
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, looks_of, make_figure
from cliptta_demo.page.session.state import Session


def accuracy_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Running accuracy over the stream, each batch alone as a faint dot, and the batch at work hollow."""
    snapshot = session.snapshot
    series = {name: method.series for name, method in snapshot.methods.items()} if snapshot else {}
    if snapshot is None and live is None:
        return empty_figure("Accuracy appears after the first batch.")
    if snapshot is None and all(view.accuracy is None for view in live.methods.values()):
        return empty_figure("Agreement with zero-shot appears after the first batch.")
    if snapshot is not None and all(value is None for s in series.values() for value in s.accuracy):
        return _agreement_figure(session)
    traces = []
    shown = looks_of(session)
    for name, look in shown.items():
        own = series.get(name, Series())
        traces.append(dots(look, own.batch_accuracy, "this batch alone %{y:.1%}"))
        traces.append(line(look, own.accuracy, "so far %{y:.1%}", shift_texts(session)))
        if live is not None and live.methods[name].accuracy is not None:
            traces.append(ring(look, live.batch, live.methods[name].accuracy, "%{y:.1%}"))
    chance = 1 / len(session.recipe.class_names)
    layout = stream_layout(session, live, "accuracy")
    layout["yaxis"] |= {"range": [0, 1.02], "tickformat": ".0%"}
    layout["shapes"] = [*layout["shapes"], level(chance)]
    layout["annotations"] = [*layout["annotations"], level_label(chance, f"chance {chance:.0%}", "left")]
    last = [f"{shown[n].label} {s.accuracy[-1]:.1%}" for n, s in series.items() if s.accuracy[-1] is not None]
    alt = f"Accuracy over {count(session)}. " + ("Now: " + ", ".join(last) + "." if last else "")
    return make_figure([{"id": "accuracy", "data": traces, "layout": layout, "alt": alt}], shown)


def _agreement_figure(session: Session) -> Figure:
    """Share of each batch's answers that are zero-shot's, and the mean confidence as a faint dot."""
    traces, shown = [], looks_of(session)
    series = {name: session.snapshot.methods[name].series for name in shown}
    for name, look in shown.items():
        traces.append(dots(look, series[name].confidence, "mean confidence %{y:.0%}"))
        if name != REFERENCE:
            text = "%{y:.0%} of its answers are zero-shot's"
            traces.append(line(look, series[name].agreement, text, shift_texts(session)))
    layout = stream_layout(session, None, "agreement")
    layout["yaxis"] |= {"range": [0, 1.04], "tickformat": ".0%"}
    last = [f"{look.label} {series[name].agreement[-1]:.0%}" for name, look in shown.items() if name != REFERENCE]
    alt = f"Agreement with zero-shot over {count(session)}. " + ("Last: " + ", ".join(last) + "." if last else "")
    figure = make_figure([{"id": "agreement", "data": traces, "layout": layout, "alt": alt}], shown)
    return figure | {"heading": ["Agreement with zero-shot", UNLABELLED]}


UNLABELLED = (
    "These images have no labels, so there is no accuracy to show. Lines: the share of each batch's answers that are "
    "zero-shot's; faint dots: mean confidence."
)
PANEL = Panel(
    name="accuracy",
    title="Accuracy over the stream",
    sentence="Share of images named rightly so far; faint dots are single batches, hollow marks the batch at work.",
    kind="curves",
    waiting=empty_figure("Press Run: one curve per method grows here, batch by batch."),
    draw=accuracy_figure,
    live=True,
)
