"""The commands ``table``, ``choose`` and ``gallery``: their options, checked before anything heavy is loaded."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, CORRUPTIONS
from cliptta_demo.backend.data.catalog import check_source, picture_class_names
from cliptta_demo.backend.data.presets import CIFAR_C_PREFIXES, CIFAR_C_TABLE
from cliptta_demo.backend.declare import check_choice, check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import parse_class_names
from cliptta_demo.backend.models.offered import TINY, check_backbone
from cliptta_demo.backend.registry import REFERENCE
from cliptta_demo.backend.settings import method_names
from cliptta_demo.backend.variants import ALIASES, parse_variants
from cliptta_demo.options import add_stream_options, check_folder, read_stream
from cliptta_demo.research.gallery_tables import TABLES
from cliptta_demo.research.paper import PRESETS

if TYPE_CHECKING:
    from cliptta_demo.research.runs import TableSettings

ALL = "all"
ABOUT_TABLE = """The ``table`` command: the paper's protocol, resumable.

    cliptta-demo table --dataset pictures --classes all --severity 5 --batches 16 --out results/pictures

writes ``runs.jsonl`` (a line per finished stream), ``table.csv``, ``table.md`` and ``report.html`` into the directory,
after every stream. Started again with the same words it goes on where it was stopped.
"""
ABOUT_CHOOSE = """The ``choose`` command: a rate and a number of steps for each method, for a fair fight.

    cliptta-demo choose --out results/chosen --record

Every method runs at every rate and number of steps, on the four corruptions that ImageNet-C's authors held out for
such choices; none of the fifteen that tables report is looked at. The best mean accuracy counts. ``--record`` writes
the choice where methods find it (``backend/methods/chosen.json``), and ``chosen.md`` beside the results says what was
chosen and why.
"""
ABOUT_GALLERY = """The ``gallery`` command: every method on every corruption, and on streams that change.

    cliptta-demo gallery --out results/gallery --record docs/gallery

Each method has the rate and the steps that were chosen for it on the held-out corruptions (``choose``), and runs by
itself beside zero-shot on the same streams, so that a stopped one goes on where it was, and a method that is added
later is all that is run. ``--tables`` and ``--methods`` choose some, for several processes side by side. ``--record``
keeps the ranking and the outcome of each stream, and for the page what each method gains; what it finds there, and is
the same still, is not run again. Under the ranking it prints the README's table and sentences.

The tables: {tables}.
"""
RATES = (0.3, 1.0, 3.0, 10.0)  # as shares of the usual one; below, next to nothing is learnt in so few batches
STEPS = (1, 3)  # the page's own at most: ten would take three times as long
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
        "table", help="methods × corruptions × seeds, resumable, with tables and a report", description=ABOUT_TABLE
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


def add_choose_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``choose`` and its options."""
    parser = commands.add_parser(
        "choose", help="each method's rate and steps, on held-out corruptions", description=ABOUT_CHOOSE
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIRECTORY", help="where results go, and are resumed"
    )
    parser.add_argument("--datasets", default="pictures,cifar10", help="separated by commas; as for run")
    parser.add_argument("--methods", help="separated by commas; default: all that have a rate")
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="shares of the usual rate")
    parser.add_argument("--steps", default=",".join(map(str, STEPS)))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--severity", type=int, default=4, help="between the two that tables report")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--record", action="store_true", help="keep the choice for everybody")
    parser.set_defaults(work=choose_command)


def choose_command(arguments: argparse.Namespace) -> None:
    """The ``choose`` command."""
    check_folder(arguments.out)
    _check_methods(arguments.methods)
    for dataset in arguments.datasets.split(","):
        check_source(dataset)
    from cliptta_demo.research.choose import choose_all

    choose_all(arguments)


def add_gallery_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``gallery`` and its options."""
    about = ABOUT_GALLERY.format(tables=", ".join(TABLES))
    parser = commands.add_parser("gallery", help="all methods on all corruptions and schedules", description=about)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="of the runs; they are resumed")
    parser.add_argument("--tables", default=",".join(TABLES), help="separated by commas; default: all")
    parser.add_argument("--methods", help="separated by commas; default: all")
    parser.add_argument("--record", type=Path, metavar="DIRECTORY", help="keep the ranking and all outcomes there")
    parser.set_defaults(work=gallery_command)


def gallery_command(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command."""
    for folder in filter(None, (arguments.out, arguments.record)):
        check_folder(folder)
    _check_methods(arguments.methods)
    for name in arguments.tables.split(","):
        check_choice("tables", name, tuple(TABLES))
    from cliptta_demo.research.gallery import run_gallery

    run_gallery(arguments)


def _check_methods(words: str | None) -> None:
    for name in words.split(",") if words else ():
        check_choice("methods", name, tuple(name for name in method_names() if name != REFERENCE))


def read_settings(arguments: argparse.Namespace) -> TableSettings:
    """The settings that the words ask for; raises :class:`UserError`."""
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
    check_source(arguments.dataset)
    if arguments.ood:
        check_source(arguments.ood, strangers=True)
    check_backbone(arguments.backbone or TINY)
    variants = parse_variants(arguments.methods or (DEFAULT_OPEN_METHODS if arguments.ood else DEFAULT_METHODS))
    from cliptta_demo.research.runs import TableSettings

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
    check_folder(arguments.out)
    settings, names = read_settings(arguments), read_classes(arguments)
    from cliptta_demo.research.table import make_table

    make_table(arguments, settings, names)
