"""What all curves over the stream are made of."""

from __future__ import annotations

from typing import Any

from cliptta_demo.backend.data.schedule import plan_of
from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.languages import say
from cliptta_demo.page.panels.figure import plot_text, rounded
from cliptta_demo.page.session.state import Session

MOST_SHIFTS = 20  # that are named along a curve
LONG_STREAM = 25  # batches; beyond it, markers would merge into a caterpillar


def shift_texts(session: Session) -> list[str]:
    """What shifted each batch so far, in words."""
    return [
        say("clean")
        if name == "none"
        else say("{corruption}, severity {severity}", corruption=corruption_name(name), severity=severity)
        for name, severity in session.shifts
    ]


def line(look: MethodLook, values: Any, text: str, shifts: list[str]) -> dict[str, Any]:
    """A method's curve over the batches."""
    many, alike = len(values) > LONG_STREAM, len(set(shifts)) == 1
    shift = plot_text(shifts[0]) if alike else "%{text}"  # a long stream's words once, not for each batch
    words = say("{method}, {text}<br>batch {batch}: {shift}", method=look.label, text=text, batch="%{x}", shift=shift)
    return {
        "type": "scatter",
        "mode": "lines" if many else "lines+markers",
        "x": list(range(1, len(values) + 1)),
        "y": rounded(values, 4),
        **({} if alike else {"text": shifts}),
        "line": {"color": f"@{look.colour}", "width": 2.5, "dash": look.dash},
        "marker": {"symbol": look.symbol, "size": 7, "color": f"@{look.colour}"},
        "hovertemplate": f"{words}<extra></extra>",
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
    words = say("{method} at work: {text}", method=look.label, text=text)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [batch + 1],
        "y": [round(value, 4)],
        "marker": {"symbol": f"{look.symbol}-open", "size": 12, "color": f"@{look.colour}", "line": {"width": 2}},
        "hovertemplate": f"{words}<extra></extra>",
    }


def stream_layout(session: Session, live: LiveStep | None, title: str) -> dict[str, Any]:
    """Axes over the batches of the stream, with a mark at each change of settings."""
    asked = session.recipe.settings.stream.batches
    batches = session.snapshot.batches if session.snapshot else (live.batches if live else asked)
    every = -(-batches // 12)
    shapes, notes = _shift_marks(session, batches)
    for mark in session.marks:
        x = mark.batch + 0.5
        shapes.append(upright(x) | {"line": {"color": "@muted", "width": 1.5, "dash": "dash"}})
        late = mark.batch > batches / 2
        note = {"x": x, "y": 0.16, "yref": "paper", "yanchor": "bottom", "text": mark.label, "showarrow": False}
        notes.append(note | {"xanchor": "right" if late else "left", "xshift": -4 if late else 4})
    return {
        "xaxis": {"range": [0.5, batches + 0.5], "title": {"text": say("batch")}, "tick0": every, "dtick": every},
        "yaxis": {"title": {"text": title}},
        "shapes": shapes,
        "annotations": notes,
    }


def _shift_marks(session: Session, batches: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A line where each shift begins, and its name; none where there is only one, or so many that names would mix."""
    done = [name for name, _ in session.shifts]
    names = [*done, *(batch.shift for batch in plan_of(session.recipe.settings.stream)[len(done) : batches])]
    firsts = [index for index, name in enumerate(names) if not index or name != names[index - 1]]
    shapes, notes = [], []
    if not 1 < len(firsts) <= MOST_SHIFTS:
        return shapes, notes
    changed = {mark.batch for mark in session.marks}
    for index in firsts:
        if index not in changed:  # a change of settings has a mark of its own
            x = index + 0.5
            shapes.append(upright(x) | {"line": {"color": "@grid", "width": 1}, "layer": "below"})
            name = {"x": x, "y": 0.16, "yref": "paper", "yanchor": "bottom", "xanchor": "left", "textangle": -90}
            name |= {"text": plot_text(corruption_name(names[index])), "showarrow": False}
            notes.append(name | {"font": {"size": 10, "color": "@muted"}})
    return shapes, notes


def upright(x: float) -> dict[str, Any]:
    """A line from the foot of the plot to its top; how it looks is yet to be said."""
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1}


def level(y: float) -> dict[str, Any]:
    """A dotted line across the plot."""
    line = {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": y, "y1": y}
    return line | {"line": {"color": "@muted", "width": 1.2, "dash": "dot"}}


def level_label(y: float, text: str, side: str = "right") -> dict[str, Any]:
    """On that side of the plot; a collapsing method ends near chance, so its label stands where streams begin."""
    note = {"xref": "paper", "x": int(side == "right"), "xanchor": side, "y": y, "yanchor": "bottom", "text": text}
    return note | {"showarrow": False, "font": {"color": "@muted"}}
