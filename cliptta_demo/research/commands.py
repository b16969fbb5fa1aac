"""The commands ``table``, ``choose``, ``gallery``, ``ablation`` and ``claims``: their options, checked at once.

What does the work (with pandas, Plotly and the page's lessons) is loaded after that.
"""

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import Any

from cliptta_demo.backend.corruptions import CORRUPTIONS
from cliptta_demo.backend.data.catalog import check_source
from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.registry import REFERENCE
from cliptta_demo.backend.settings import method_names
from cliptta_demo.backend.variants import ALIASES
from cliptta_demo.options import add_stream_options, check_folder
from cliptta_demo.research.gallery_tables import TABLES

ALL, NONE = "all", "none"
DEFAULT_METHODS = "zero-shot,tent,tent-regularised,cliptta"
DEFAULT_OPEN_METHODS = "zero-shot,tent,cliptta,cliptta-oce"
# Data set and batch size, as on the command line → in words, and how many batches.
ABLATED = {
    "pictures-4": ("pictures, 12 classes, batches of 4", 24),
    "pictures-16": ("pictures, 12 classes, batches of 16", 10),
    "cifar10-64": ("CIFAR-10, 10 classes, batches of 64", 8),
    "tiny-imagenet-64": ("Tiny ImageNet, 200 classes, batches of 64", 8),
}
# ``table --preset NAME``: option → value. Those given after it on the command line hold.
PRESETS: dict[str, dict[str, Any]] = {
    # The authors' script for CIFAR-10-C: all 10,000 images, memory of 4 shots, ten steps; TENT at their rate for it,
    # which is ten times CLIPTTA's, and at CLIPTTA's own.
    "paper": {
        "backbone": "ViT-B-16/openai",
        "dataset": "cifar10-c",
        "severity": 5,
        "batch_size": 128,
        "batches": 79,
        "seeds": "0,1,2",
        "methods": "zero-shot,tent@lr=1e-3@steps=10,tent@lr=1e-4@steps=10,cliptta@lr=1e-4@steps=10@memory-shots=4",
    },
}


class _Preset(argparse.Action):
    """Takes the values of a preset for every option that has not been given yet."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, value: Any, *_: Any) -> None:
        for name, preset in PRESETS[value].items():
            if getattr(namespace, name) == parser.get_default(name):
                setattr(namespace, name, preset)
        namespace.preset = value


def add_research_parsers(commands: argparse._SubParsersAction) -> None:
    """Adds all of them."""
    add_table_parser(commands)
    adapting = [name for name in method_names() if name != REFERENCE]
    varied = [name for name in adapting if name_for(name, "learning_rate")]
    lists = {"methods": varied, "rates": float, "steps": int, "seeds": int}
    choose = _parser(commands, choose_command, "each method's rate and steps, on held-out corruptions", lists)
    choose.add_argument("--datasets", default="pictures,cifar10", help="separated by commas; as for run")
    choose.add_argument("--methods", default=",".join(varied), help="separated by commas; default: all with a rate")
    # Below, next to nothing is learnt in so few batches. Of steps the page's own at most: ten take three times as long.
    choose.add_argument("--rates", default="0.3,1,3,10", help="shares of the usual rate")
    choose.add_argument("--steps", default="1,3")
    choose.add_argument("--seeds", default="0")
    choose.add_argument("--severity", type=int, default=4, help="between the two that tables report")
    choose.add_argument("--batches", type=int, default=8)
    choose.add_argument("--batch-size", type=int, default=64)
    choose.add_argument("--record", action="store_true", help="keep the choice for everybody")
    lists = {"tables": TABLES, "methods": adapting}
    gallery = _parser(commands, gallery_command, "all methods on all corruptions and schedules", lists)
    gallery.add_argument("--tables", default=",".join(TABLES), help="separated by commas; default: all")
    gallery.add_argument("--methods", default=",".join(adapting), help="separated by commas; default: all")
    lists = {"settings": ABLATED}
    ablation = _parser(commands, ablation_command, "CLIPTTA's terms on and off, each with each", lists)
    ablation.add_argument("--settings", default=",".join(ABLATED), help=f"default: all of {', '.join(ABLATED)}")
    about = "measure what lessons and documents claim"
    claims = _parser(commands, claims_command, about, {"seeds": int}, Path("results/claims"))
    claims.add_argument("--lessons", help="keys of the lessons to measure, separated by commas, or none; default: all")
    claims.add_argument("--tables", help="tables to measure, as their folders in docs/tables, or none; default: all")
    claims.add_argument("--seeds", help="these alone, separated by commas; default: 20 of a lesson, 3 or 5 of a table")
    for parser in (gallery, ablation, claims):
        parser.add_argument("--record", type=Path, metavar="DIRECTORY", help="keep the page and all outcomes there")


Lists = dict[str, Iterable[str] | type]  # option → the names that it may have, or the kind of its numbers


def _parser(
    commands: argparse._SubParsersAction,
    work: Callable[[argparse.Namespace], None],
    help: str,
    lists: Lists,
    out: Path | None = None,
) -> argparse.ArgumentParser:
    """A command, named after the function that does its work and described by it; ``out``: its default."""
    text = cleandoc(work.__doc__ or "").format(tables=", ".join(TABLES))
    parser = commands.add_parser(work.__name__.removesuffix("_command"), help=help, description=text)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    where = "of the runs; they are resumed"
    parser.add_argument("--out", type=Path, default=out, required=out is None, metavar="DIRECTORY", help=where)
    parser.set_defaults(work=partial(_checked, work, lists))
    return parser


def _checked(work: Callable[[argparse.Namespace], None], lists: Lists, arguments: argparse.Namespace) -> None:
    """The work, once its folders can be written and its lists are read."""
    for folder in vars(arguments).values():
        if isinstance(folder, Path):
            check_folder(folder)
    for name, known in lists.items():
        if (text := getattr(arguments, name)) is not None:
            setattr(arguments, name, read_list(name, text, known))
    work(arguments)


def read_list(setting: str, text: str, known: Iterable[str] | type) -> tuple[Any, ...]:
    """The numbers of a kind, or names out of those known, of an option, each once; raises :class:`UserError`."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    if not isinstance(known, type):
        for word in words:
            check_choice(setting, word, tuple(known))
        return words
    try:
        return tuple(dict.fromkeys(map(known, words)))
    except ValueError:
        numbers = "whole numbers" if known is int else "numbers"
        raise UserError(f"{setting} is {text!r}; it must be {numbers}, separated by commas.") from None


def add_table_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``table`` and its options."""
    table = _parser(commands, table_command, "methods × corruptions × seeds, resumable, with tables and a report", {})
    columns = (
        f"{', '.join(method_names())}, {', '.join(ALIASES)}; METHOD@WORD=VALUE changes a setting, as in tent@lr=1e-4"
    )
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


def table_command(arguments: argparse.Namespace) -> None:
    """The ``table`` command: the paper's protocol, resumable.

        cliptta-demo table --dataset pictures --classes all --severity 5 --batches 16 --out results/pictures

    writes ``runs.jsonl`` (a line per finished stream), ``table.csv``, ``table.md`` and ``report.html`` into the
    directory, after every stream. Started again with the same words it goes on where it was stopped.
    """
    from cliptta_demo.research.report import make_table

    make_table(arguments)


def choose_command(arguments: argparse.Namespace) -> None:
    """The ``choose`` command: a rate and a number of steps for each method, for a fair fight.

        cliptta-demo choose --out results/chosen --record

    Every method runs at every rate and number of steps, on the four corruptions that ImageNet-C's authors held out for
    such choices; none of the fifteen that tables report is looked at. The best mean accuracy counts. ``--record``
    writes the choice where methods find it (``backend/methods/chosen.json``), and ``chosen.md`` beside the results says
    what was chosen and why.
    """
    for dataset in arguments.datasets.split(","):
        check_source(dataset)
    from cliptta_demo.research.gallery import choose_all

    choose_all(arguments)


def gallery_command(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command: every method on every corruption, and on streams that change.

        cliptta-demo gallery --out results/gallery --record docs/gallery

    Each method has the rate and the steps that were chosen for it on the held-out corruptions (``choose``), and runs by
    itself beside zero-shot on the same streams, so that a stopped one goes on where it was, and a method that is added
    later is all that is run. ``--tables`` and ``--methods`` choose some, for several processes side by side.
    ``--record`` keeps the ranking and the outcome of each stream, and for the page what each method gains; what it
    finds there, and is the same still, is not run again. Under the ranking it prints the README's table and sentences.

    The tables: {tables}.
    """
    from cliptta_demo.research.gallery import run_gallery

    run_gallery(arguments)


def ablation_command(arguments: argparse.Namespace) -> None:
    """The ``ablation`` command: which term of CLIPTTA's loss does what.

        cliptta-demo ablation --out results/ablation --record docs

    The objective (contrastive, entropy or none), the regulariser and the memory are switched on and off, each with
    each, over data sets of 10 to 200 classes and several batch sizes. Entropy without memory is TENT, with the
    regulariser TENT + regulariser. Each combination has a learning rate of its own, the best on the four held-out
    corruptions. ``--record`` writes ``ablation.md`` and, a line for each stream, ``ablation.csv``.
    """
    from cliptta_demo.research.ablation import run_ablation

    run_ablation(arguments)


def claims_command(arguments: argparse.Namespace) -> None:
    """The ``claims`` command: every claim of a lesson or a document, with its distance to its limits.

        python -m cliptta_demo claims --lessons collapse,style --seeds 0,1,2
        python -m cliptta_demo claims --record docs

    runs each claim's streams with one and two threads, in bfloat16 and in float32, and prints its mean, standard error
    and margin, and where it would fail. A stopped one goes on where it was. ``--record`` keeps what was measured:
    numbers (``claims.csv``), margins (``claims.md``) and the tables (``tables/``), which the tests hold the texts to.
    Studies whose streams, weights and images are still those recorded there are not run again.
    """
    if arguments.record and (arguments.lessons or arguments.tables or arguments.seeds):
        raise UserError("--record keeps everything: leave out --lessons, --tables and --seeds.")
    if arguments.seeds and len(arguments.seeds) < 2:
        raise UserError(f"seeds is {arguments.seeds[0]}: one seed shows no spread, so no margin. Give two or more.")
    from cliptta_demo.research.claims import measure

    measure(arguments)
