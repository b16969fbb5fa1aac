"""Curves over the stream: accuracy and collapse entropy."""

from __future__ import annotations

import math
from typing import Any

from cliptta_demo.backend.run.snapshot import LiveStep, Series
from cliptta_demo.page.defaults import METHOD_DASHES, METHOD_LABELS, METHOD_SYMBOLS, corruption_name
from cliptta_demo.page.panels.figure import Figure, empty_figure, entropy_now, make_figure, methods_of, rounded
from cliptta_demo.page.session.state import Session

LONG_STREAM = 25  # batches; beyond it, markers would merge into a caterpillar


def accuracy_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Running accuracy over the stream, each batch alone as a faint dot, and the batch at work hollow."""
    snapshot = session.snapshot
    series = {name: method.series for name, method in snapshot.methods.items()} if snapshot else {}
    if snapshot is None and live is None:
        return empty_figure("Accuracy appears after the first batch.")
    if snapshot is not None and all(value is None for s in series.values() for value in s.accuracy):
        return empty_figure("These images have no labels, so there is no accuracy to show. Everything else works.")
    traces = []
    for name in methods_of(session):
        own = series.get(name, Series())
        traces.append(_dots(name, own.batch_accuracy, "this batch alone %{y:.1%}"))
        traces.append(_line(name, own.accuracy, "so far %{y:.1%}", _shift_texts(session)))
        if live is not None and live.methods[name].accuracy is not None:
            traces.append(_ring(name, live.batch, live.methods[name].accuracy, "%{y:.1%}"))
    chance = 1 / len(session.recipe.class_names)
    layout = _stream_layout(session, live, "accuracy")
    layout["yaxis"] |= {"range": [0, 1.02], "tickformat": ".0%"}
    layout["shapes"] = [*layout["shapes"], _level(chance)]
    layout["annotations"] = [*layout["annotations"], _level_label(chance, f"chance {chance:.0%}", "left")]
    last = [f"{METHOD_LABELS[n]} {s.accuracy[-1]:.1%}" for n, s in series.items() if s.accuracy[-1] is not None]
    alt = f"Accuracy over {_count(session)}. " + ("Now: " + ", ".join(last) + "." if last else "")
    return make_figure([{"id": "accuracy", "data": traces, "layout": layout, "alt": alt}], methods_of(session))


def entropy_figure(session: Session, live: LiveStep | None = None) -> Figure:
    """Collapse entropy: entropy of each batch's mean prediction, with its ceiling ln C."""
    snapshot = session.snapshot
    if snapshot is None and live is None:
        return empty_figure("The entropy of the predictions appears after the first batch.")
    ceiling = math.log(len(session.recipe.class_names))
    traces = []
    for name in methods_of(session):
        values = snapshot.methods[name].series.collapse_entropy if snapshot else ()
        traces.append(_line(name, values, "%{y:.2f} nats", _shift_texts(session)))
        if live is not None:
            traces.append(_ring(name, live.batch, live.methods[name].collapse_entropy, "%{y:.2f} nats"))
    layout = _stream_layout(session, live, "entropy (nats)")
    layout["yaxis"] |= {"range": [0, ceiling * 1.12], "tickformat": ".1f"}
    layout["shapes"] = [*layout["shapes"], _level(ceiling)]
    label = _level_label(ceiling, f"ceiling ln {len(session.recipe.class_names)} = {ceiling:.2f}")
    layout["annotations"] = [*layout["annotations"], label]
    now = {name: entropy_now(session, live, name) for name in methods_of(session)}
    alt = f"Collapse entropy, ceiling {ceiling:.2f} nats: " + ", ".join(
        f"{METHOD_LABELS[name]} {value:.2f}" for name, value in now.items()
    )
    return make_figure([{"id": "entropy", "data": traces, "layout": layout, "alt": f"{alt}."}], methods_of(session))


def _count(session: Session) -> str:
    done = session.state.next_batch
    return f"{done} batch{'' if done == 1 else 'es'}"


def _shift_texts(session: Session) -> list[str]:
    return [
        "clean" if name == "none" else f"{corruption_name(name)}, severity {severity}"
        for name, severity in session.shifts
    ]


def _line(name: str, values: Any, text: str, shifts: list[str]) -> dict[str, Any]:
    many = len(values) > LONG_STREAM
    return {
        "type": "scatter",
        "mode": "lines" if many else "lines+markers",
        "x": list(range(1, len(values) + 1)),
        "y": rounded(values, 4),
        "text": shifts,
        "line": {"color": f"@{name}", "width": 2.5, "dash": METHOD_DASHES[name]},
        "marker": {"symbol": METHOD_SYMBOLS[name], "size": 7, "color": f"@{name}"},
        "hovertemplate": f"{METHOD_LABELS[name]}, {text}<br>batch %{{x}}: %{{text}}<extra></extra>",
    }


def _dots(name: str, values: Any, text: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(range(1, len(values) + 1)),
        "y": rounded(values, 4),
        "marker": {"symbol": METHOD_SYMBOLS[name], "size": 4, "color": f"@{name}", "opacity": 0.4},
        "hovertemplate": f"{METHOD_LABELS[name]}, {text}<extra></extra>",
    }


def _ring(name: str, batch: int, value: float, text: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [batch + 1],
        "y": [round(value, 4)],
        "marker": {"symbol": f"{METHOD_SYMBOLS[name]}-open", "size": 12, "color": f"@{name}", "line": {"width": 2}},
        "hovertemplate": f"{METHOD_LABELS[name]} at work: {text}<extra></extra>",
    }


def _stream_layout(session: Session, live: LiveStep | None, title: str) -> dict[str, Any]:
    """Axes over the batches of the stream, with a mark at each change of settings."""
    asked = session.recipe.settings.stream.batches
    batches = session.snapshot.batches if session.snapshot else (live.batches if live else asked)
    every = -(-batches // 12)
    shapes, notes = [], []
    for mark in session.marks:
        x = mark.batch + 0.5
        line = {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1}
        shapes.append(line | {"line": {"color": "@muted", "width": 1.5, "dash": "dash"}})
        late = mark.batch > batches / 2
        note = {"x": x, "y": 0.16, "yref": "paper", "yanchor": "bottom", "text": mark.label, "showarrow": False}
        notes.append(note | {"xanchor": "right" if late else "left", "xshift": -4 if late else 4})
    return {
        "xaxis": {"range": [0.5, batches + 0.5], "title": {"text": "batch"}, "tick0": every, "dtick": every},
        "yaxis": {"title": {"text": title}},
        "shapes": shapes,
        "annotations": notes,
    }


def _level(y: float) -> dict[str, Any]:
    line = {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": y, "y1": y}
    return line | {"line": {"color": "@muted", "width": 1.2, "dash": "dot"}}


def _level_label(y: float, text: str, side: str = "right") -> dict[str, Any]:
    """On that side of the plot; a collapsing method ends near chance, so its label stands where streams begin."""
    note = {"xref": "paper", "x": int(side == "right"), "xanchor": side, "y": y, "yanchor": "bottom", "text": text}
    return note | {"showarrow": False, "font": {"color": "@muted"}}
