"""The ``table`` command: runs what is missing, and writes after every stream a table and a report.

The report is one HTML file that needs nothing else: pandas' table and Plotly's figures, with its script inside.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from html import escape
from typing import Any

import pandas as pd
import plotly.express as px

from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import Pace, Towers, cost_of, duration
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research.runs import Table, TableSettings, cells_here, read_settings
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
)
from cliptta_demo.run_command import chosen_backbone

STYLE = """<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><style>
body { font-family: system-ui, sans-serif; max-width: 1280px; margin: 0 auto; padding: 8px 20px 40px; }
.scroll { overflow-x: auto; }
.plotly-graph-div { min-width: 760px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px; text-align: right; border-bottom: 1px solid #e1e2dd; white-space: nowrap; }
th:first-child { text-align: start; }
</style>"""
# Told apart with any kind of colour vision, and by the symbols of their points.
LOOK = {"color": "method", "template": "plotly_white", "color_discrete_sequence": px.colors.qualitative.Safe}
SENTENCES = {
    "accuracy": "Each corruption, each method; the mean over seeds.",
    "auroc": "How well known images part from strangers; 50 % is chance.",
    "entropy": "Entropy of each batch's mean prediction over the stream (first seed), in nats. A fall is a collapse.",
    "histogram": "Share of predictions per class, largest first (first seed).",
    "numbers": "Accuracy in %; a star marks a collapse, ± the standard error over seeds.",
}


def to_html(frame: pd.DataFrame, variants: Sequence[Variant], settings: dict[str, Any]) -> str:
    """The report. ``settings``: :attr:`.runs.Table.described`; every name in it is escaped."""
    titles = {variant.name: variant.title for variant in variants}
    table = accuracy_table(numbers_of(frame))[[*titles]].rename_axis(columns=None, index=None)
    streams = numbers_of(frame.assign(method=frame.method.map(titles)))
    streams["corruption"] = streams.corruption.map(_label)
    first = streams[streams.seed == streams.seed.iloc[0]]
    entropies = _each(first, "batch", entropy=[own["collapse_entropy"] for own in first.series])
    names = [escape(name) for name in settings["class_names"]]
    counts = [pd.Series(own, names).sort_values(ascending=False, kind="stable") for own in first.histogram]
    shares = _each(
        first, "place", kind=[own.index for own in counts], share=[own / max(1, own.sum()) for own in counts]
    )
    means = streams.groupby(CELL, sort=False)[["accuracy", "auroc"]].mean().reset_index()
    figures = {
        name: px.line(means, x="corruption", y=name, symbol="method", markers=True, range_y=(0, 1.02), **LOOK)
        for name in ("accuracy", *["auroc"] * bool(settings["ood"]))
    }
    small = {"facet_col": "corruption", "facet_col_wrap": 4, "height": 200 + 50 * first.corruption.nunique()}
    figures["entropy"] = px.line(entropies, x="batch", y="entropy", **small, **LOOK)
    figures["histogram"] = px.bar(shares, x="place", y="share", hover_name="kind", barmode="group", **small, **LOOK)
    for figure in figures.values():
        figure.update_yaxes(rangemode="tozero")
        figure.for_each_annotation(lambda head: head.update(text=head.text.removeprefix("corruption=")))
    parts = {
        name: figure.to_html(full_html=False, include_plotlyjs=name == "accuracy", div_id=name)
        for name, figure in figures.items()
    } | {"numbers": table.rename(columns=titles, index=_label).to_html(border=0)}
    body = "".join(
        f'<h2>{name.capitalize()}</h2><p>{SENTENCES[name]}</p><div class="scroll">{part}</div>'
        for name, part in parts.items()
    )
    title = escape(title_of(settings))
    head = f"<!doctype html><html><head><title>{title}</title>{STYLE}</head>"
    return f"{head}<body><h1>{title}</h1><p>{escape(sentence_of(settings))}</p>{body}</body></html>\n"


def _each(streams: pd.DataFrame, place: str, **lists: Sequence[Any]) -> pd.DataFrame:
    """A line for each value that the streams have in lists, counted from 1."""
    found = streams[CELL].assign(**lists).explode([*lists]).infer_objects()
    return found.assign(**{place: found.groupby(CELL).cumcount() + 1})


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
    print(to_markdown(table.frame(), settings.variants, table.described))


def _estimate(settings: TableSettings, backbone: Backbone, streams: int) -> str:
    """How long so many streams take on this machine, in words: a guess from their arithmetic, before any was run."""
    gigaflops = 0.0
    for variant in settings.variants:
        own = variant.settings(backbone.info.adaptation)
        run = RunSettings(methods=(variant.method,), stream=settings.stream, adaptation=own, own=variant.own)
        gigaflops += cost_of(run, Towers.of(backbone), len(settings.class_names), 0).total
    return duration(streams * Pace().seconds(backbone.info.name, gigaflops))


def write_results(table: Table) -> None:
    """Table and report of the streams so far."""
    of = table.frame(), table.settings.variants, table.described
    for name, text in {"table.csv": to_csv(of[0]), "table.md": to_markdown(*of), "report.html": to_html(*of)}.items():
        table.path.with_name(name).write_text(text, encoding="utf-8")
