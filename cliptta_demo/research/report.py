"""The ``table`` command: runs what is missing, here or over a Ray cluster, and writes a table and a report.

The report is one HTML file that needs nothing else: pandas' table and Plotly's figures, with its script inside. Over a
cluster streams are tasks of Ray's, which runs one whose worker is lost again.
"""

import argparse
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from html import escape
from importlib.util import find_spec
from typing import Any

import pandas as pd
import plotly.express as px
import torch

from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import Pace, Towers, cost_of, duration
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.limits import LIMITS, PREFIX, RAY_VARIABLE
from cliptta_demo.research.runs import Cells, Job, Row, Table, TableSettings, cells_here, read_settings, run_job
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


RETRIES = 4  # of a stream whose worker dies: then it is taken to be what ends them


@contextmanager
def cells_on(address: str, cores: int, settings: TableSettings) -> Iterator[Cells]:
    """As many streams at a time as the cluster has GPUs or, where it has none, groups of so many cores.

    Raises:
        UserError: Ray is not installed, or there is no such cluster.
    """
    if find_spec("ray") is None:
        raise UserError("--ray needs Ray, which is not installed: pip install -r requirements-cluster.txt")
    check_number("ray_cores", cores, 1, 1024, whole=True)
    import ray

    ours = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and name != RAY_VARIABLE}
    from cliptta_demo.cluster.ray_workers import LOCAL, QUIET

    try:
        ray.init(address, runtime_env={"env_vars": ours}, **QUIET, **(LOCAL if address == "local" else {}))
    except Exception as error:  # Ray has many
        raise UserError(f"No Ray cluster at {address!r}: {error}") from error
    needs = {"num_gpus": 1, "num_cpus": 0} if ray.cluster_resources().get("GPU") else {"num_cpus": cores}
    task = ray.remote(max_retries=RETRIES, **needs)(run_there)

    def cells(jobs: Sequence[Job]) -> Iterator[Row]:
        waiting, at_work = deque(jobs), {}
        while waiting or at_work:
            while waiting and len(at_work) < LIMITS.workers:
                job = waiting.popleft()
                at_work[task.remote(settings, job, cores)] = job
            (ended, *_), _ = ray.wait(list(at_work))
            corruption, seed = at_work.pop(ended)
            try:
                yield ray.get(ended)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                each = f"was begun on {RETRIES + 1} workers, and each died. Give it more memory"
                raise UserError(f"{corruption}, seed {seed}, {each} ({type(error).__name__}).") from error

    try:
        yield cells
    finally:
        ray.shutdown()


def run_there(settings: TableSettings, job: Job, cores: int) -> Row:
    """What a worker does: one stream. It keeps the model and the images for the next one."""
    torch.set_num_threads(cores)
    row = run_job(settings, load_backbone(settings.backbone), job)
    return replace(row, device=f"{row.device}, worker {os.getpid()}")
