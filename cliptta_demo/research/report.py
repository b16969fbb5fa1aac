"""A table as one HTML file that needs nothing else: the page's own figures, style sheets and Plotly inside."""

import html
import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from cliptta_demo.backend.methods.looks import MethodLook, looks
from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.variants import Variant
from cliptta_demo.one_file import one_file
from cliptta_demo.research.runs import Row
from cliptta_demo.research.text import (
    CLEAN,
    corruptions_of,
    error_in_points,
    mean_of,
    over_seeds,
    percent,
    sentence_of,
    standard_error,
    title_of,
    totals,
)

PLOTLY = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
SCRIPTS = ("page.js", "plots.js")
STYLES = ("page.css", "panels.css", "report.css")


def to_html(rows: Sequence[Row], variants: Sequence[Variant], settings: dict[str, Any]) -> str:
    """The report. ``settings`` is what :func:`.runs.describe` makes; every name in it is escaped."""
    panels = [
        ("accuracy", "Accuracy", "Each corruption, each method; the mean over seeds.", accuracy_figure(rows, variants)),
    ]
    if settings["ood"]:
        sentence = "How well known images part from strangers; 50 % is chance."
        panels.append(("auroc", "Strangers", sentence, accuracy_figure(rows, variants, "auroc")))
    sentence = "Entropy of each batch's mean prediction over the stream (first seed). A fall is a collapse."
    panels.append(("entropy", "Collapse", sentence, entropy_figure(rows, variants)))
    shown = max(corruptions_of(rows), key=lambda c: _loss_of_spread(rows, c))
    choice = "".join(
        f'<option value="{html.escape(c)}"{" selected" * (c == shown)}>{html.escape(_label(c))}</option>'
        for c in corruptions_of(rows)
    )
    histograms = {c: histogram_figure(rows, variants, c, settings["class_names"]) for c in corruptions_of(rows)}
    body = [
        f'<header class="masthead"><h1>{html.escape(title_of(settings))}</h1>'
        f"<p>{html.escape(sentence_of(settings))}</p></header>",
        _cards(rows, variants),
        *(_panel(name, title, text) for name, title, text, _ in panels),
        _panel(
            "histogram",
            "Where the predictions go",
            "Share of predictions per class, largest first (first seed); the line is an even spread.",
            f'<label>Corruption <select id="corruption-choice">{choice}</select></label>',
        ),
        _table(rows, variants),
    ]
    data = {"panels": {name: figure for name, _, _, figure in panels}, "histograms": histograms}
    inside = {"styles": STYLES, "scripts": (PLOTLY, *SCRIPTS), "data": data, "work": MOUNT}
    return one_file(title_of(settings), "".join(body), kind="table", **inside)


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


def accuracy_figure(rows: Sequence[Row], variants: Sequence[Variant], measure: str = "accuracy") -> dict[str, Any]:
    """A measure of every column on every corruption."""
    names = corruptions_of(rows)
    traces = []
    for variant, look in _looks(variants):
        values = [mean_of(over_seeds(rows, name, variant.name, measure)) for name in names]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [_label(name) for name in names],
                "y": [None if value is None else round(value, 4) for value in values],
                "line": {"color": f"@{look.colour}", "width": 1, "dash": "dot"},
                "marker": {"symbol": look.symbol, "size": 10, "color": f"@{look.colour}"},
                "hovertemplate": f"{html.escape(variant.title)}, %{{x}}: %{{y:.1%}}<extra></extra>",
            }
        )
    layout = {
        "yaxis": {"range": [0, 1.02], "tickformat": ".0%", "title": {"text": measure.replace("auroc", "AUROC")}},
        "xaxis": {"tickangle": -45, "type": "category"},
    }
    means = ", ".join(f"{v.title} {percent(totals(rows, v.name)[measure])} %" for v in variants)
    facet = {"id": measure, "data": traces, "layout": layout, "alt": f"{measure} by corruption. Means: {means}."}
    return {"facets": [facet], "legend": _legend(variants)}


def entropy_figure(rows: Sequence[Row], variants: Sequence[Variant]) -> dict[str, Any]:
    """Collapse entropy over each stream of the first seed, one small plot per corruption."""
    facets = []
    for name in corruptions_of(rows):
        row = next(row for row in rows if row.corruption == name)
        ceiling = next(iter(row.columns.values()))["collapse_entropy_ceiling"]
        traces = []
        for variant, look in _looks(variants):
            values = row.columns[variant.name]["series"]["collapse_entropy"]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": list(range(1, len(values) + 1)),
                    "y": [round(value, 3) for value in values],
                    "line": {"color": f"@{look.colour}", "width": 2},
                    "hovertemplate": f"{html.escape(variant.title)}, batch %{{x}}: %{{y:.2f}} nats<extra></extra>",
                }
            )
        fallen = [variant.title for variant in variants if row.columns[variant.name]["collapsed"]]
        level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": ceiling, "y1": ceiling}
        layout = {
            "yaxis": {"range": [0, ceiling * 1.1], "nticks": 3},
            "xaxis": {"nticks": 4},
            "margin": {"t": 6, "b": 24},
            "shapes": [level | {"line": {"color": "@muted", "width": 1, "dash": "dot"}}],
        }
        lines = [f"collapsed: {', '.join(fallen)}" if fallen else "no collapse"]
        alt = f"{_label(name)}: collapse entropy over the stream, ceiling {ceiling:.2f} nats; {lines[0]}."
        head = {"title": _label(name), "lines": lines}
        facets.append({"id": f"entropy-{name}", "data": traces, "layout": layout, "alt": alt, "head": head})
    return {"facets": facets, "legend": _legend(variants)}


def histogram_figure(
    rows: Sequence[Row], variants: Sequence[Variant], corruption: str, class_names: Sequence[str]
) -> dict[str, Any]:
    """Predictions per class of the first seed, largest first, one small plot per column."""
    row = next(row for row in rows if row.corruption == corruption)
    facets = []
    for variant, look in _looks(variants):
        summary = row.columns[variant.name]
        counts = sorted(zip(summary["histogram"], class_names, strict=True), reverse=True)
        total = sum(count for count, _ in counts) or 1
        even = 1 / len(counts)
        bars = {
            "type": "bar",
            "x": [html.escape(name) for _, name in counts],
            "y": [round(count / total, 4) for count, _ in counts],
            "marker": {"color": f"@{look.colour}"},
            "hovertemplate": "%{x}: %{y:.1%} of predictions<extra></extra>",
        }
        layout = {
            "yaxis": {"tickformat": ".0%", "nticks": 4, "rangemode": "tozero"},
            "xaxis": {"type": "category", "showticklabels": len(counts) <= 20, "tickangle": -55},
            "shapes": [
                {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": even, "y1": even}
                | {"line": {"color": "@ink", "width": 1.2, "dash": "dot"}}
            ],
        }
        entropy, ceiling = summary["histogram_entropy"], math.log(len(counts))
        head = {
            "mark": look.mark,
            "title": variant.title,
            "gauge": {
                "share": round(entropy / ceiling, 4),
                "text": f"entropy {entropy:.2f} of {ceiling:.2f}",
                "low": entropy < 0.75 * ceiling,
            },
            "lines": [f"{counts[0][0] / total:.0%} are “{counts[0][1]}”"],
        }
        alt = f"{variant.title} under {_label(corruption)}: {head['lines'][0]}."
        facets.append({"id": f"histogram-{variant.name}", "data": [bars], "layout": layout, "alt": alt, "head": head})
    return {"facets": facets, "legend": []}


def _loss_of_spread(rows: Sequence[Row], corruption: str) -> float:
    """How far apart the columns' histogram entropies are: the report opens where there is most to see."""
    row = next(row for row in rows if row.corruption == corruption)
    entropies = [summary["histogram_entropy"] for summary in row.columns.values()]
    return max(entropies) - min(entropies)


def _cards(rows: Sequence[Row], variants: Sequence[Variant]) -> str:
    cards = []
    for variant, look in _looks(variants):
        sums = totals(rows, variant.name)
        gain = "" if sums["mean_gain"] is None or variant.method == REFERENCE else f"{100 * sums['mean_gain']:+.1f}"
        details = f"{sums['collapsed']} of {sums['streams']} streams collapsed"
        if sums["auroc"] is not None:
            details += f" · AUROC {percent(sums['auroc'])}"
        shown = "" if sums["accuracy"] is None else percent(sums["accuracy"])
        cards.append(
            f'<article class="card" style="--own:var(--m-{look.colour})"><h3>{html.escape(variant.title)}</h3>'
            f'<p class="number">{shown}<small>%</small></p><p class="gain">{gain or "&nbsp;"}</p>'
            f'<p class="facts">{details}</p></article>'
        )
    return f'<section class="cards" aria-label="Mean over the corruptions">{"".join(cards)}</section>'


def _table(rows: Sequence[Row], variants: Sequence[Variant]) -> str:
    head = "".join(f'<th scope="col">{html.escape(variant.title)}</th>' for variant in variants)
    lines = []
    for name in corruptions_of(rows):
        cells = []
        for variant in variants:
            values = over_seeds(rows, name, variant.name, "accuracy")
            error = error_in_points(standard_error(values)).strip()
            text = percent(mean_of(values)) + "*" * any(over_seeds(rows, name, variant.name, "collapsed"))
            cells.append(f"<td>{text}{f' <small>{error}</small>' if error else ''}</td>")
        lines.append(f'<tr><th scope="row">{html.escape(_label(name))}</th>{"".join(cells)}</tr>')
    return (
        '<section class="panel"><header><h2>Numbers</h2><p class="sentence">Accuracy in %; a star marks a collapse, '
        "± the standard error over seeds.</p></header>"
        f'<div class="scroll"><table><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
        "</div></section>"
    )


def _panel(name: str, title: str, sentence: str, more: str = "") -> str:
    return (
        f'<section class="panel" id="{name}"><header><h2>{html.escape(title)}</h2>'
        f'<p class="sentence">{html.escape(sentence)}</p>{more}</header><div class="body"></div></section>'
    )


def _looks(variants: Sequence[Variant]) -> list[tuple[Variant, MethodLook]]:
    """Each column with its look; a method as it is comes before one with changed settings."""
    methods = {v.name: v.method for v in sorted(variants, key=lambda v: bool(v.changes))}
    shown = looks(methods, methods)
    return [(variant, shown[variant.name]) for variant in variants]


def _legend(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    return [{"method": v.name, "label": v.title, "mark": look.mark} for v, look in _looks(variants)]


def _label(corruption: str) -> str:
    return "clean" if corruption == CLEAN else corruption.replace("_", " ")
