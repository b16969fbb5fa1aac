"""The work of the ``table`` command: runs what is missing, and writes tables and a report after every stream."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cliptta_demo.backend.data.catalog import open_strangers
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import Pace, Towers, cost_of, duration
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.cluster.driver import Cluster
from cliptta_demo.limits import LIMITS
from cliptta_demo.research.report import to_html
from cliptta_demo.research.rows import open_rows
from cliptta_demo.research.runs import Cells, Row, TableSettings, TableStore, cells_here, describe, run_table
from cliptta_demo.research.text import percent, to_csv, to_markdown
from cliptta_demo.run_command import chosen_backbone


def make_table(arguments: argparse.Namespace, settings: TableSettings, names: tuple[str, ...] | None) -> None:
    """The ``table`` command: its other words, its settings, and the class names where they are not the data set's."""
    chosen_backbone(arguments)
    backbone = load_backbone(settings.backbone, "cpu" if arguments.ray else arguments.device)
    source_of = open_rows(settings, names)
    source, _ = source_of(settings.corruptions[0])
    strangers = open_strangers(arguments.ood, arguments.dataset, source.class_names) if arguments.ood else None
    adaptation, class_names = backbone.info.adaptation, source.class_names
    store = TableStore(arguments.out, settings, adaptation, class_names)
    rows = store.rows()
    if rows:
        print(f"{len(rows)} streams are there already; going on.", file=sys.stderr)
    described = describe(settings, adaptation, class_names)
    rest = len(settings.jobs()) - len(rows)
    with _workers(arguments, settings, names) as cells:
        if cells is None:
            cells = cells_here(settings, backbone, source_of, strangers)
            print(f"{rest} streams to come, about {_estimate(settings, backbone, source, rest)} here.", file=sys.stderr)
        for row, done, count, left in run_table(settings, store, cells):
            rows = store.rows()
            write_results(arguments.out, rows, settings.variants, described)
            print(f"{done}/{count}  {progress_line(row)}  {left / 60:.0f} min left", file=sys.stderr, flush=True)
    write_results(arguments.out, rows, settings.variants, described)
    print(to_markdown(rows, settings.variants, described))


@contextmanager
def _workers(
    arguments: argparse.Namespace, settings: TableSettings, names: tuple[str, ...] | None
) -> Iterator[Cells | None]:
    """Who runs the streams where a cluster is named; None elsewhere."""
    if not arguments.ray:
        yield None
        return
    check_number("ray_cores", arguments.ray_cores, 1, 1024, whole=True)
    from cliptta_demo.research import spread

    cluster = Cluster(arguments.ray, spread.__name__, replace(LIMITS, worker_cores=arguments.ray_cores))
    came = cluster.start()
    try:
        if not came:
            raise UserError(f"No worker of {arguments.ray!r} has come in {LIMITS.worker_wait_seconds} seconds.")
        yield spread.cells_on(cluster, settings, names)
    finally:
        cluster.stop()


def _estimate(settings: TableSettings, backbone: Backbone, source: Source, streams: int) -> str:
    """How long so many streams take on this machine, in words: a guess from their arithmetic, before any was run."""
    towers = Towers.of(backbone)
    gigaflops = 0.0
    for variant in settings.variants:
        own = variant.settings(backbone.info.adaptation)
        run = RunSettings(methods=(variant.method,), stream=settings.stream, adaptation=own, own=variant.own)
        gigaflops += cost_of(run, towers, len(source.class_names), 0).total
    return duration(streams * Pace().seconds(backbone.info.name, gigaflops))


def progress_line(row: Row) -> str:
    """A finished stream in a line."""
    cells = [
        f"{name} {percent(summary['accuracy'])}{'*' * summary['collapsed']}" for name, summary in row.columns.items()
    ]
    on = f" on {row.device}" if "," in row.device else ""  # one of several workers
    return f"{row.corruption}, seed {row.seed}: {', '.join(cells)} ({row.seconds:.0f} s{on})"


def write_results(directory: Path, rows: list[Row], variants: tuple[Variant, ...], described: dict) -> None:
    """Table and report of the rows so far."""
    texts = {
        "table.csv": to_csv(rows),
        "table.md": to_markdown(rows, variants, described),
        "report.html": to_html(rows, variants, described),
    }
    for name, text in texts.items():
        partial = directory / f"{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(directory / name)  # a reader never meets half a file
