"""What all figures share. A figure is plain data for the browser: numbers in, numbers out.

A figure is ``{"facets": [facet, …], "legend": [entry, …]}``. A facet is one small plot: its id, Plotly traces, the
part of a Plotly layout that differs from the house style (assets/plots.js), a text for those who can't see it, and an
optional head with a gauge. A colour such as "@blue" or "@ink" is looked up in the style sheet: light and dark both
fit. A "heading", title and sentence, takes the place of the panel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cliptta_demo.backend.methods.looks import MethodLook, looks
from cliptta_demo.backend.run.metrics import entropy_of
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.page.session.state import Session

Figure = dict[str, Any]


def make_figure(facets: list[dict[str, Any]], methods: Mapping[str, MethodLook] = MappingProxyType({})) -> Figure:
    """A figure of these facets, with a legend of these methods."""
    return {"facets": facets, "legend": [entry(name, look) for name, look in methods.items()]}


def entry(name: str, look: MethodLook) -> dict[str, Any]:
    """A method as the scripts know it: its name, what it is called, and its marker."""
    return {"method": name, "label": look.label, "mark": look.mark}


def empty_figure(text: str) -> Figure:
    """A figure with nothing to draw yet, and the sentence shown instead."""
    return {"facets": [], "legend": [], "empty": text}


def looks_of(session: Session) -> dict[str, MethodLook]:
    """How the methods compared are drawn, in the page's order."""
    return looks(session.recipe.settings.methods)


def entropy_now(session: Session, live: LiveStep | None, name: str) -> float:
    """Collapse entropy of the batch at hand; before any batch, of the counts (0)."""
    if live is not None:
        return live.methods[name].collapse_entropy
    if session.snapshot is not None:
        return session.snapshot.methods[name].batch.collapse_entropy
    return entropy_of(session.state.tallies[name].histogram)


def rounded(values: Any, digits: int) -> list[float | None]:
    """Plain numbers of few digits: the payload stays small."""
    return [None if value is None else round(float(value), digits) for value in values]


def plot_text(text: str) -> str:
    """Text of a visitor's as Plotly has to be told it: left alone, it would draw tags in it, links included.

    A leading "@" would be taken for a colour's name.
    """
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"&#64;{safe[1:]}" if safe.startswith("@") else safe
