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

from cliptta_demo.backend.methods.looks import MethodLook
from cliptta_demo.page.panels.numbers import entry, looks_of, rounded

__all__ = ["entry", "looks_of", "rounded"]

Figure = dict[str, Any]


def make_figure(facets: list[dict[str, Any]], methods: Mapping[str, MethodLook] = MappingProxyType({})) -> Figure:
    """A figure of these facets, with a legend of these methods."""
    return {"facets": facets, "legend": [entry(name, look) for name, look in methods.items()]}


def empty_figure(text: str) -> Figure:
    """A figure with nothing to draw yet, and the sentence shown instead."""
    return {"facets": [], "legend": [], "empty": text}


def plot_text(text: str) -> str:
    """Text of a visitor's as Plotly has to be told it: left alone, it would draw tags in it, links included.

    A leading "@" would be taken for a colour's name.
    """
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"&#64;{safe[1:]}" if safe.startswith("@") else safe
