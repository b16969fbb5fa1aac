"""The ``table`` command: the paper's protocol, resumable.

    cliptta-demo table --dataset pictures --classes all --severity 5 --batches 16 --out results/pictures

writes ``runs.jsonl`` (a line per finished stream), ``table.csv``, ``table.md`` and ``report.html`` into the directory,
after every stream. Started again with the same words it goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, CORRUPTIONS
from cliptta_demo.backend.data.catalog import open_strangers, picture_class_names
from cliptta_demo.backend.data.cifar_c import PREFIXES as CIFAR_C_PREFIXES
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.declare import check_choice, check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.class_names import parse_class_names
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.run.arithmetic import PACE, Towers, cost_of, duration
from cliptta_demo.backend.settings import RunSettings, method_names
from cliptta_demo.cluster.workers import Workers
from cliptta_demo.limits import LIMITS
from cliptta_demo.options import add_stream_options, read_stream
from cliptta_demo.tables.paper import PRESETS
from cliptta_demo.tables.report import to_html
from cliptta_demo.tables.rows import CIFAR_C_TABLE, open_rows
from cliptta_demo.tables.runs import Cells, Row, TableSettings, TableStore, cells_here, describe, run_table
from cliptta_demo.tables.text import percent, to_csv, to_markdown
from cliptta_demo.tables.variants import ALIASES, Variant, parse_variants

ALL = "all"
DEFAULT_METHODS = "zero-shot,tent,tent-regularised,cliptta"
DEFAULT_OPEN_METHODS = "zero-shot,tent,cliptta,cliptta-oce"


class _Preset(argparse.Action):
    """Takes the values of a preset for every option that has not been given yet."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, *_: Any) -> None:
        for name, preset in PRESETS[value].items():
            if getattr(namespace, name) == parser.get_default(name):
                setattr(namespace, name, preset)
        namespace.preset = value


def add_table_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``table`` and its options."""
    table = commands.add_parser(
        "table", help="methods × corruptions × seeds, resumable, with tables and a report", description=__doc__
    )
    table.formatter_class = argparse.RawDescriptionHelpFormatter
    columns = (
        f"{', '.join(method_names())}, {', '.join(ALIASES)}; METHOD@WORD=VALUE changes a setting, as in tent@lr=1e-4"
    )
    table.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="where results go, and are resumed")
    table.add_argument("--preset", choices=PRESETS, action=_Preset, help="all options of a published table")
    table.add_argument("--backbone", help="as for run")
    table.add_argument("--device", help="cpu, cuda, …; default: the GPU when there is one")
    table.add_argument(
        "--ray", metavar="ADDRESS", help="spread over a Ray cluster: local, auto, HOST:PORT; its machines need the data"
    )
    table.add_argument("--ray-cores", type=int, default=1, help="processor cores of a worker without a GPU; default: 1")
    table.add_argument("--dataset", default="pictures", help="as for run; cifar10c:DIRECTORY takes its own files")
    table.add_argument("--classes", help="class names, separated by commas; all: every class; default: the data set's")
    table.add_argument("--methods", help=f"{columns}; default: {DEFAULT_METHODS}, with --ood {DEFAULT_OPEN_METHODS}")
    table.add_argument(
        "--corruptions", default=ALL, help=f"all (none and the 15), or out of: none, {', '.join(CORRUPTIONS)}"
    )
    table.add_argument("--seeds", default="0", help="seeds, separated by commas")
    table.add_argument("--ood", help="out-of-distribution images, as for run")
    add_stream_options(table, without=("corruption", "seed"), batches=(16, "16 batches of 64 are 1,024 images"))
    table.set_defaults(work=table_command)


def read_settings(arguments: argparse.Namespace) -> TableSettings:
    """The settings that the words ask for; raises :class:`UserError`."""
    variants = parse_variants(arguments.methods or (DEFAULT_OPEN_METHODS if arguments.ood else DEFAULT_METHODS))
    words = [word.strip() for word in arguments.corruptions.split(",") if word.strip()]
    # There is no clean row among CIFAR-10-C's own files.
    corrupted = arguments.dataset.startswith((*CIFAR_C_PREFIXES, CIFAR_C_TABLE))
    everything = COMMON_CORRUPTIONS if corrupted else ("none", *COMMON_CORRUPTIONS)
    corruptions = tuple(everything) if words == [ALL] else tuple(dict.fromkeys(words))
    if not corruptions:
        raise UserError("corruptions is empty; name at least one, or all.")
    for name in corruptions:
        check_choice("corruptions", name, ("none", *CORRUPTIONS))
    try:
        seeds = tuple(dict.fromkeys(int(word) for word in arguments.seeds.split(",")))
    except ValueError:
        raise UserError(f"seeds is {arguments.seeds!r}; it must be whole numbers, separated by commas.") from None
    for seed in seeds:
        check_number("seeds", seed, 0, 2**31 - 1, whole=True)
    stream = read_stream(arguments)
    if stream.schedule != "one":
        if corrupted or words != [ALL]:
            raise UserError(
                f"schedule is {stream.schedule!r}: it draws corruptions by itself, on clean images. Leave out "
                "--corruptions, and give a data set that is not corrupted."
            )
        corruptions = (stream.schedule,)
    if stream.ood_share > 0 and not arguments.ood:
        raise UserError(f"ood_share is {stream.ood_share}; name the strangers with --ood.")
    return TableSettings(
        backbone=arguments.backbone or TINY,
        dataset=arguments.dataset,
        ood=arguments.ood,
        variants=variants,
        corruptions=corruptions,
        seeds=seeds,
        stream=stream,
    )


def read_classes(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    """The class names that the words ask for; None for the data set's own."""
    if arguments.classes == ALL and arguments.dataset in ("pictures", "unseen-style"):
        return picture_class_names()
    return parse_class_names(arguments.classes) if arguments.classes not in (None, ALL) else None


def table_command(arguments: argparse.Namespace) -> None:
    """The ``table`` command."""
    settings, names = read_settings(arguments), read_classes(arguments)
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
    if find_spec("ray") is None:
        raise UserError("--ray needs Ray, which is not installed: pip install -r requirements-cluster.txt")
    check_number("ray_cores", arguments.ray_cores, 1, 1024, whole=True)
    from cliptta_demo.cluster.ray_workers import Plan, RayCluster
    from cliptta_demo.cluster.worker import Role
    from cliptta_demo.tables.spread import cells_on, get_ready, tell

    plan = Plan(
        role=Role(get_ready, tell),
        jobs=4,  # one, and those of lost workers
        most=LIMITS.workers,
        cores=arguments.ray_cores,
        silent_seconds=LIMITS.worker_silent_seconds,
        step_seconds=LIMITS.worker_step_seconds,
    )
    workers = Workers()
    cluster = RayCluster(arguments.ray, plan, workers)
    cluster.start()
    try:
        if not workers.wait(LIMITS.worker_wait_seconds):
            raise UserError(f"No worker of {arguments.ray!r} has come in {LIMITS.worker_wait_seconds} seconds.")
        yield cells_on(workers, settings, names)
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
    return duration(streams * PACE.seconds(backbone.info.name, gigaflops))


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
