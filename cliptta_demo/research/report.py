"""The ``table`` command: runs what is missing, and writes after every stream a table and a report.

The report is one HTML file that needs nothing else: the page's own figures, style sheets and Plotly inside.
"""

import argparse
import html
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from cliptta_demo.backend.methods.looks import MethodLook, looks
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import Pace, Towers, cost_of, duration
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.one_file import one_file
from cliptta_demo.research.means import percent
from cliptta_demo.research.runs import Row, Table, TableSettings, cells_here, read_settings
from cliptta_demo.research.spread import cells_on
from cliptta_demo.research.text import (
    CELL,
    CLEAN,
    accuracy_table,
    numbers_of,
    sentence_of,
    title_of,
    to_csv,
    to_markdown,
    totals,
)
from cliptta_demo.run_command import chosen_backbone

PLOTLY = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
SCRIPTS = ("page.js", "plots.js")
STYLES = ("page.css", "panels.css", "report.css")
ENTROPY = "Entropy of each batch's mean prediction over the stream (first seed). A fall is a collapse."
HISTOGRAM = "Share of predictions per class, largest first (first seed); the line is an even spread."
NUMBERS = "Accuracy in %; a star marks a collapse, ± the standard error over seeds."
MOUNT = """
for (const [name, figure] of Object.entries(DATA.panels)) {
  window.cliptta.mount("plot", document.getElementById(name), { value: JSON.stringify(figure) }, () => {});
}
const choice = document.getElementById("corruption-choice");
const props = { value: JSON.stringify(DATA.histograms[choice.value]) };
let redraw = () => {};
window.cliptta.mount("plot", document.getElementById("histogram"), props, (_, draw) => { redraw = draw; });
choice.addEventListener("change", () => { props.value = JSON.stringify(DATA.histograms[choice.value]); redraw(); });
"""


def to_html(rows: Sequence[Row], variants: Sequence[Variant], settings: dict[str, Any]) -> str:
    """The report. ``settings``: :attr:`.runs.Table.described`; every name in it is escaped."""
    frame, drawn = numbers_of(rows), looks_of(variants)
    first = {name: next(row for row in rows if row.corruption == name) for name in frame.corruption.unique()}
    figures = {"accuracy": accuracy_figure(frame, drawn, "accuracy"), "entropy": entropy_figure(first, drawn)}
    strangers = ""
    if settings["ood"]:
        figures["auroc"] = accuracy_figure(frame, drawn, "auroc")
        strangers = _panel("auroc", "Strangers", "How well known images part from strangers; 50 % is chance.")
    shown = max(first, key=lambda name: _apart(first[name]))  # the report opens where there is most to see
    options = "".join(
        f'<option value="{html.escape(name)}"{" selected" * (name == shown)}>{html.escape(_label(name))}</option>'
        for name in first
    )
    choice = f'<select id="corruption-choice">{options}</select>'
    titles = {variant.name: variant.title for variant in variants}
    table = accuracy_table(frame)[[*titles]].rename(columns=titles, index=_label).rename_axis(columns=None, index=None)
    body = [
        f'<header class="masthead"><h1>{html.escape(title_of(settings))}</h1>'
        f"<p>{html.escape(sentence_of(settings))}</p></header>",
        _panel("accuracy", "Accuracy", "Each corruption, each method; the mean over seeds."),
        strangers,
        _panel("entropy", "Collapse", ENTROPY),
        _panel("histogram", "Where the predictions go", HISTOGRAM, f"<label>Corruption {choice}</label>"),
        _panel("numbers", "Numbers", NUMBERS, inside=table.to_html(border=0)),
    ]
    histograms = {name: histogram_figure(row, drawn, settings["class_names"]) for name, row in first.items()}
    data = {"panels": figures, "histograms": histograms}
    inside = {"styles": STYLES, "scripts": SCRIPTS, "library": PLOTLY, "data": data, "work": MOUNT}
    return one_file(title_of(settings), "".join(body), kind="table", **inside)


Looks = Sequence[tuple[Variant, MethodLook]]


def looks_of(variants: Sequence[Variant]) -> Looks:
    """Each column with its look; a method as it is comes before one with changed settings."""
    methods = {v.name: v.method for v in sorted(variants, key=lambda v: bool(v.changes))}
    shown = looks(methods, methods)
    return [(variant, shown[variant.name]) for variant in variants]


def accuracy_figure(frame: pd.DataFrame, drawn: Looks, measure: str) -> dict[str, Any]:
    """A measure of every column on every corruption."""
    values = frame.groupby(CELL, sort=False)[measure].mean().unstack("method").loc[frame.corruption.unique()].round(4)
    values = values.astype(object).where(values.notna(), None)
    names, told = [*map(_label, values.index)], totals(frame)[measure].map(percent)
    traces = [
        _line(variant, names, values[variant.name], "%{x}: %{y:.1%}", color=f"@{look.colour}", width=1, dash="dot")
        | {"mode": "lines+markers", "marker": {"symbol": look.symbol, "size": 10, "color": f"@{look.colour}"}}
        for variant, look in drawn
    ]
    layout = {
        "yaxis": {"range": [0, 1.02], "tickformat": ".0%", "title": {"text": measure.replace("auroc", "AUROC")}},
        "xaxis": {"tickangle": -45, "type": "category"},
    }
    means = ", ".join(f"{variant.title} {told[variant.name]} %" for variant, _ in drawn)
    facet = {"id": measure, "data": traces, "layout": layout, "alt": f"{measure} by corruption. Means: {means}."}
    return {"facets": [facet], "legend": _legend(drawn)}


def entropy_figure(rows: Mapping[str, Row], drawn: Looks) -> dict[str, Any]:
    """Collapse entropy over a stream of each corruption, one small plot each."""
    facets = []
    for name, row in rows.items():
        ceiling = next(iter(row.columns.values()))["collapse_entropy_ceiling"]
        traces = []
        for variant, look in drawn:
            series = pd.Series(row.columns[variant.name]["series"]["collapse_entropy"]).round(3)
            words = "batch %{x}: %{y:.2f} nats"
            traces.append(_line(variant, series.index + 1, series, words, color=f"@{look.colour}", width=2))
        fallen = ", ".join(variant.title for variant, _ in drawn if row.columns[variant.name]["collapsed"])
        told = f"collapsed: {fallen}" if fallen else "no collapse"
        axes = {"yaxis": {"range": [0, ceiling * 1.1], "nticks": 3}, "xaxis": {"nticks": 4}}
        facets.append(
            {
                "id": f"entropy-{name}",
                "data": traces,
                "layout": axes | {"margin": {"t": 6, "b": 24}, "shapes": [_level(ceiling, "muted")]},
                "alt": f"{_label(name)}: collapse entropy over the stream, ceiling {ceiling:.2f} nats; {told}.",
                "head": {"title": _label(name), "lines": [told]},
            }
        )
    return {"facets": facets, "legend": _legend(drawn)}


def histogram_figure(row: Row, drawn: Looks, class_names: Sequence[str]) -> dict[str, Any]:
    """Predictions per class of one stream, largest first, one small plot per column."""
    facets = []
    for variant, look in drawn:
        summary = row.columns[variant.name]
        shares = pd.Series(summary["histogram"], class_names).sort_values(ascending=False, kind="stable")
        shares /= max(1, shares.sum())
        bars = {
            "type": "bar",
            "x": [*map(html.escape, shares.index)],
            "y": shares.round(4).tolist(),
            "marker": {"color": f"@{look.colour}"},
            "hovertemplate": "%{x}: %{y:.1%} of predictions<extra></extra>",
        }
        layout = {
            "yaxis": {"tickformat": ".0%", "nticks": 4, "rangemode": "tozero"},
            "xaxis": {"type": "category", "showticklabels": len(shares) <= 20, "tickangle": -55},
            "shapes": [_level(1 / len(shares), "ink")],
        }
        entropy, ceiling = summary["histogram_entropy"], math.log(len(shares))
        gauge = {"share": round(entropy / ceiling, 4), "text": f"entropy {entropy:.2f} of {ceiling:.2f}"}
        gauge["low"] = entropy < 0.75 * ceiling
        told = f"{shares.iloc[0]:.0%} are “{shares.index[0]}”"
        head = {"mark": look.mark, "title": variant.title, "gauge": gauge, "lines": [told]}
        alt = f"{variant.title} under {_label(row.corruption)}: {told}."
        facets.append({"id": f"histogram-{variant.name}", "data": [bars], "layout": layout, "alt": alt, "head": head})
    return {"facets": facets, "legend": []}


def _line(variant: Variant, x: Iterable[Any], y: Iterable[Any], words: str, **line: Any) -> dict[str, Any]:
    """A column's line in a plot; ``words``: of a point."""
    hover = f"{html.escape(variant.title)}, {words}<extra></extra>"
    return {"type": "scatter", "mode": "lines", "x": [*x], "y": [*y], "line": line, "hovertemplate": hover}


def _level(value: float, colour: str) -> dict[str, Any]:
    """A dotted line across a plot."""
    line = {"color": f"@{colour}", "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value, "line": line}


def _apart(row: Row) -> float:
    """How far apart the columns' histogram entropies are."""
    entropies = [summary["histogram_entropy"] for summary in row.columns.values()]
    return max(entropies) - min(entropies)


def _panel(name: str, title: str, sentence: str, more: str = "", inside: str = "") -> str:
    return (
        f'<section class="panel" id="{name}"><header><h2>{html.escape(title)}</h2>'
        f'<p class="sentence">{html.escape(sentence)}</p>{more}</header>'
        f'<div class="body scroll">{inside}</div></section>'
    )


def _legend(drawn: Looks) -> list[dict[str, Any]]:
    return [{"method": variant.name, "label": variant.title, "mark": look.mark} for variant, look in drawn]


def _label(name: str) -> str:
    """A corruption or a sum in words."""
    return "clean" if name == CLEAN else name.strip("*").replace("_", " ")


def make_table(arguments: argparse.Namespace) -> None:
    """The ``table`` command with its words."""
    settings = read_settings(arguments)
    chosen_backbone(arguments)
    backbone = load_backbone(settings.backbone, "cpu" if arguments.ray else arguments.device)
    table = Table(settings, backbone.info.adaptation, arguments.out)
    if rows := table.rows():
        print(f"{len(rows)} streams are there already; going on.", file=sys.stderr)
    if not arguments.ray:
        rest = len(settings.jobs()) - len(rows)
        print(f"{rest} streams to come, about {_estimate(settings, backbone, rest)} here.", file=sys.stderr)
    here = nullcontext(cells_here(settings, backbone))
    with cells_on(arguments.ray, arguments.ray_cores, settings) if arguments.ray else here as cells:
        for _ in table.run(cells):
            write_results(table)
    write_results(table)
    print(to_markdown(table.rows(), settings.variants, table.described))


def _estimate(settings: TableSettings, backbone: Backbone, streams: int) -> str:
    """How long so many streams take on this machine, in words: a guess from their arithmetic, before any was run."""
    gigaflops = 0.0
    for variant in settings.variants:
        own = variant.settings(backbone.info.adaptation)
        run = RunSettings(methods=(variant.method,), stream=settings.stream, adaptation=own, own=variant.own)
        gigaflops += cost_of(run, Towers.of(backbone), len(settings.class_names), 0).total
    return duration(streams * Pace().seconds(backbone.info.name, gigaflops))


def write_results(table: Table) -> None:
    """Table and report of the rows so far."""
    of = table.rows(), table.settings.variants, table.described
    for name, text in {"table.csv": to_csv(of[0]), "table.md": to_markdown(*of), "report.html": to_html(*of)}.items():
        partial = table.path.with_name(f"{name}.partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(table.path.with_name(name))  # a reader never meets half a file
