"""The ``gallery`` command: every method on every corruption, and on streams that change.

    cliptta-demo gallery --out results/gallery --record docs/tables/gallery

Each method has the rate and the steps that were chosen for it on the held-out corruptions (``choose``), and runs by
itself beside zero-shot on the same streams, so that a stopped one goes on where it was, and a method that is added
later is all that is run. ``--tables`` and ``--methods`` choose some, for several processes side by side.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS
from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.methods.chosen import chosen
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.settings import StreamSettings, method_names
from cliptta_demo.tables.ranking import Standing, ranking_page, standings, to_csv
from cliptta_demo.tables.runs import Row, TableSettings, TableStore, cells_here, run_table
from cliptta_demo.tables.variants import Variant

SINGLE_IMAGES = tuple(name for name, method in METHODS.items() if method.family == "single")
# They start anew with each batch or image, so that a short stream tells as much of them, and take up to a hundred times
# as long as others.
FORGETFUL = (*SINGLE_IMAGES, "zero", "watt-p", "watt-s")
FORGETFUL_BATCHES = 2
SEEDS = (0, 1, 2)
DATASETS = {"pictures": "pictures", "cifar10": "CIFAR-10", "tiny-imagenet": "Tiny ImageNet"}
WITHOUT_SINGLE = ("tiny-imagenet",)  # 200 prompts with gradient for each image
CONTINUAL = {"schedule": "continual", "shift_batches": 2, "batches": 30}
SCHEDULES = {
    "continual": CONTINUAL,
    "gradual": {"schedule": "gradual", "shift_batches": 1, "batches": 27},
    "recurring": {"schedule": "recurring", "shift_batches": 3, "batches": 27},
    "mixed": {"schedule": "mixed", "batches": 30},
    "in runs": {**CONTINUAL, "order": "rotta"},
}


@dataclass(frozen=True)
class GalleryTable:
    """Streams of one data set.

    Attributes:
        name: of its folder and on the command line; group: those of one are ranked together; title: of its column.
        dataset: as for ``run``; stream: everything of the streams but seed and corruption.
        corruptions: its rows; the schedule's name where that draws them.
        leaves_out: methods that have no part in it.
    """

    name: str
    group: str
    title: str
    dataset: str
    stream: StreamSettings
    corruptions: tuple[str, ...]
    leaves_out: tuple[str, ...] = ()

    def stream_of(self, method: str) -> StreamSettings:
        """Shorter where the method forgets each batch."""
        return replace(self.stream, batches=FORGETFUL_BATCHES) if method in FORGETFUL else self.stream


def _under_corruptions(dataset: str, severity: int) -> GalleryTable:
    return GalleryTable(
        name=f"{dataset}-{severity}",
        group="corruptions",
        title=f"{DATASETS[dataset]}, severity {severity}",
        dataset=dataset,
        stream=StreamSettings(severity=severity),
        corruptions=tuple(COMMON_CORRUPTIONS),
        leaves_out=SINGLE_IMAGES if dataset in WITHOUT_SINGLE else (),
    )


def _under_schedule(dataset: str, title: str) -> GalleryTable:
    stream = StreamSettings(severity=5, **SCHEDULES[title])
    return GalleryTable(
        name=f"{dataset}-{title.replace(' ', '-')}",
        group="schedules",
        title=f"{DATASETS[dataset]}, {title}",
        dataset=dataset,
        stream=stream,
        corruptions=(stream.schedule,),
        leaves_out=FORGETFUL,  # what came before is nothing to them
    )


TABLES = {
    table.name: table
    for table in (
        *(_under_corruptions(dataset, severity) for dataset in DATASETS for severity in (3, 5)),
        *(_under_schedule(dataset, title) for dataset in ("pictures", "cifar10") for title in SCHEDULES),
    )
}


def add_gallery_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``gallery`` and its options."""
    parser = commands.add_parser("gallery", help="all methods on all corruptions and schedules", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="of the runs; they are resumed")
    parser.add_argument("--tables", default=",".join(TABLES), help="separated by commas; default: all")
    parser.add_argument("--methods", help="separated by commas; default: all")
    parser.add_argument("--record", type=Path, metavar="DIRECTORY", help="write the ranking and all means there")
    parser.set_defaults(work=gallery_command)


def gallery_command(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command."""
    others = tuple(name for name in method_names() if name != REFERENCE)
    methods = arguments.methods.split(",") if arguments.methods else others
    for name in methods:
        check_choice("methods", name, others)
    tables = arguments.tables.split(",")
    for name in tables:
        check_choice("tables", name, tuple(TABLES))
    found: dict[str, dict[str, list[Row]]] = {}
    for table in (TABLES[name] for name in tables):
        taking = [name for name in methods if name not in table.leaves_out]
        source = open_source(table.dataset)
        found[table.name] = {name: run(table, name, source, arguments.out) for name in taking}
    groups = {TABLES[name].group: {} for name in tables}
    for name, rows in found.items():
        groups[TABLES[name].group][TABLES[name].title] = rows
    ranked: dict[str, list[Standing]] = {group: standings(of_tables) for group, of_tables in groups.items()}
    page = ranking_page(ranked)
    print(page)
    if arguments.record:
        arguments.record.mkdir(parents=True, exist_ok=True)
        (arguments.record / "ranking.md").write_text(page, encoding="utf-8")
        (arguments.record / "means.csv").write_text(to_csv(found), encoding="utf-8")


def settings_of_run(table: GalleryTable, method: str) -> TableSettings:
    """A method beside zero-shot."""
    changes = {"rates": "own"} if method in chosen() else {}
    return TableSettings(
        backbone=TINY,
        dataset=table.dataset,
        ood=None,
        variants=(
            Variant(REFERENCE, REFERENCE, REFERENCE),
            Variant(method, METHODS[method].label, method, changes),
        ),
        corruptions=table.corruptions,
        seeds=SEEDS,
        stream=table.stream_of(method),
    )


def run(table: GalleryTable, method: str, source: Source, out: Path) -> list[Row]:
    """The rows of one method on one table, whose images ``source`` has; what is missing is run."""
    backbone, settings = load_backbone(TINY), settings_of_run(table, method)
    store = TableStore(out / table.name / method, settings, backbone.info.adaptation, source.class_names)
    cells = cells_here(settings, backbone, lambda corruption: (source, corruption), None)
    for row, done, count, left in run_table(settings, store, cells):
        words = f"{table.name}, {method}: {done}/{count} ({row.seconds:.0f} s), {left / 60:.0f} min left"
        print(words, file=sys.stderr, flush=True)
    return store.rows()
