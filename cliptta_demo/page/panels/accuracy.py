"""The panel of accuracy over the stream; of images without labels it shows how far the methods agree instead."""

from __future__ import annotations

from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.snapshot import LiveStep, Series
from cliptta_demo.languages import say, say_count
from cliptta_demo.page.panels.curves import dots, level, level_label, line, ring, shift_texts, stream_layout
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import Figure, empty_figure, looks_of, make_figure
from cliptta_demo.page.session.state import Session


def accuracy_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Running accuracy over the stream, each batch alone as a faint dot, and the batch at work hollow."""
    snapshot = session.snapshot
    series = {name: method.series for name, method in snapshot.methods.items()} if snapshot else {}
    if snapshot is None and live is None:
        return empty_figure(say("Accuracy appears after the first batch."))
    if snapshot is None and all(view.accuracy is None for view in live.methods.values()):
        return empty_figure(say("Agreement with zero-shot appears after the first batch."))
    if snapshot is not None and all(value is None for s in series.values() for value in s.accuracy):
        return _agreement_figure(session)
    traces = []
    shown = looks_of(session)
    for name, look in shown.items():
        own = series.get(name, Series())
        traces.append(dots(look, own.batch_accuracy, say("this batch alone {share}", share="%{y:.1%}")))
        traces.append(line(look, own.accuracy, say("so far {share}", share="%{y:.1%}"), shift_texts(session)))
        if live is not None and live.methods[name].accuracy is not None:
            traces.append(ring(look, live.batch, live.methods[name].accuracy, "%{y:.1%}"))
    chance = 1 / len(session.recipe.class_names)
    layout = stream_layout(session, live, say("accuracy"))
    layout["yaxis"] |= {"range": [0, 1.02], "tickformat": ".0%"}
    layout["shapes"] = [*layout["shapes"], level(chance)]
    label = level_label(chance, say("chance {share:.0%}", share=chance), "left")
    layout["annotations"] = [*layout["annotations"], label]
    last = [f"{shown[n].label} {s.accuracy[-1]:.1%}" for n, s in series.items() if s.accuracy[-1] is not None]
    alt = [say_count("Accuracy over {count} batch.", "Accuracy over {count} batches.", session.state.next_batch)]
    alt += [say("Now: {accuracies}.", accuracies=", ".join(last))] * bool(last)
    return make_figure([{"id": "accuracy", "data": traces, "layout": layout, "alt": " ".join(alt)}], shown)


def _agreement_figure(session: Session) -> Figure:
    """Share of each batch's answers that are zero-shot's, and the mean confidence as a faint dot."""
    traces, shown = [], looks_of(session)
    series = {name: session.snapshot.methods[name].series for name in shown}
    for name, look in shown.items():
        traces.append(dots(look, series[name].confidence, say("mean confidence {share}", share="%{y:.0%}")))
        if name != REFERENCE:
            text = say("{share} of its answers are zero-shot's", share="%{y:.0%}")
            traces.append(line(look, series[name].agreement, text, shift_texts(session)))
    layout = stream_layout(session, None, say("agreement"))
    layout["yaxis"] |= {"range": [0, 1.04], "tickformat": ".0%"}
    last = [f"{look.label} {series[name].agreement[-1]:.0%}" for name, look in shown.items() if name != REFERENCE]
    done = session.state.next_batch
    alt = [
        say_count(
            "Agreement with zero-shot over {count} batch.", "Agreement with zero-shot over {count} batches.", done
        )
    ]
    alt += [say("Last: {shares}.", shares=", ".join(last))] * bool(last)
    figure = make_figure([{"id": "agreement", "data": traces, "layout": layout, "alt": " ".join(alt)}], shown)
    return figure | {"heading": [say("Agreement with zero-shot"), UNLABELLED]}


UNLABELLED = say(
    "These images have no labels, so there is no accuracy to show. Lines: the share of each batch's answers that are "
    "zero-shot's; faint dots: mean confidence."
)
PANEL = Panel(
    name="accuracy",
    title=say("Accuracy over the stream"),
    sentence=say(
        "Share of images named rightly so far; faint dots are single batches, hollow marks the batch at work."
    ),
    kind="curves",
    waiting=empty_figure(say("Press Run: one curve per method grows here, batch by batch.")),
    draw=accuracy_figure,
    live=True,
)
