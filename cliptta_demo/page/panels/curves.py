"""What all curves are made of."""

from __future__ import annotations

from typing import Any


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
