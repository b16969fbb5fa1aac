"""What all curves over the stream are made of."""

from __future__ import annotations

from typing import Any

from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.page.panels.figure import rounded
from cliptta_demo.page.session.state import Session

LONG_STREAM = 25  # batches; beyond it, markers would merge into a caterpillar


def count(session: Session) -> str:
    """How many batches are done, in words."""
    done = session.state.next_batch
    return f"{done} batch{'' if done == 1 else 'es'}"


def shift_texts(session: Session) -> list[str]:
    """What shifted each batch so far, in words."""
    return [
        "clean" if name == "none" else f"{corruption_name(name)}, severity {severity}"
        for name, severity in session.shifts
    ]


def line(look: MethodLook, values: Any, text: str, shifts: list[str]) -> dict[str, Any]:
    """A method's curve over the batches."""
    many = len(values) > LONG_STREAM
    return {
        "type": "scatter",
        "mode": "lines" if many else "lines+markers",
        "x": list(range(1, len(values) + 1)),
        "y": rounded(values, 4),
        "text": shifts,
        "line": {"color": f"@{look.colour}", "width": 2.5, "dash": look.dash},
        "marker": {"symbol": look.symbol, "size": 7, "color": f"@{look.colour}"},
        "hovertemplate": f"{look.label}, {text}<br>batch %{{x}}: %{{text}}<extra></extra>",
    }


def dots(look: MethodLook, values: Any, text: str) -> dict[str, Any]:
    """Single batches of a method, faint."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(range(1, len(values) + 1)),
        "y": rounded(values, 4),
        "marker": {"symbol": look.symbol, "size": 4, "color": f"@{look.colour}", "opacity": 0.4},
        "hovertemplate": f"{look.label}, {text}<extra></extra>",
    }


def ring(look: MethodLook, batch: int, value: float, text: str) -> dict[str, Any]:
    """The batch at work, hollow."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [batch + 1],
        "y": [round(value, 4)],
        "marker": {"symbol": f"{look.symbol}-open", "size": 12, "color": f"@{look.colour}", "line": {"width": 2}},
        "hovertemplate": f"{look.label} at work: {text}<extra></extra>",
    }


def stream_layout(session: Session, live: LiveStep | None, title: str) -> dict[str, Any]:
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


def level(y: float) -> dict[str, Any]:
    """A dotted line across the plot."""
    line = {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": y, "y1": y}
    return line | {"line": {"color": "@muted", "width": 1.2, "dash": "dot"}}


def level_label(y: float, text: str, side: str = "right") -> dict[str, Any]:
    """On that side of the plot; a collapsing method ends near chance, so its label stands where streams begin."""
    note = {"xref": "paper", "x": int(side == "right"), "xanchor": side, "y": y, "yanchor": "bottom", "text": text}
    return note | {"showarrow": False, "font": {"color": "@muted"}}
