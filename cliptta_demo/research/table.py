"""The work of the ``table`` command: runs what is missing, and writes tables and a report after every stream."""

import argparse
import sys
from contextlib import nullcontext

from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import Pace, Towers, cost_of, duration
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.research.report import to_html
from cliptta_demo.research.runs import Table, TableSettings, cells_here
from cliptta_demo.research.spread import cells_on
from cliptta_demo.research.text import to_csv, to_markdown
from cliptta_demo.run_command import chosen_backbone


def make_table(arguments: argparse.Namespace, settings: TableSettings) -> None:
    """The ``table`` command: its other words, and its settings."""
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
