"""The ``ablation`` command: which term of CLIPTTA's loss does what.

    cliptta-demo ablation --out results/ablation --record docs

The objective (contrastive, entropy or none), the regulariser and the memory are switched on and off, each with each,
over data sets of 10 to 200 classes and several batch sizes. Entropy without memory is TENT, with the regulariser
TENT + regulariser. Each combination has a learning rate of its own, the best on the four held-out corruptions.
``--record`` writes ``ablation.md`` and, a line for each stream, ``ablation.csv``.
"""

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from cliptta_demo.backend.corruptions import EXTRA_CORRUPTIONS
from cliptta_demo.backend.data.catalog import open_source, picture_class_names
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings
from cliptta_demo.tables.ablation_page import Outcome, Terms, ablation_page, to_csv
from cliptta_demo.tables.runs import TableSettings, run_aloud
from cliptta_demo.tables.variants import Variant

REPORTED = ("gaussian_noise", "glass_blur", "contrast")  # a noise, a blur, and one of the others
SEEDS = (0, 1, 2, 3, 4)
RATES = (1.0, 3.0, 10.0)  # as shares of the built-in model's
LOW_RATES = (0.3, 1.0, 3.0)  # without the regulariser, which more would be too much for


@dataclass(frozen=True)
class Setting:
    """Streams of one kind: data set, classes (0: the data set's own) and batch size."""

    title: str
    dataset: str
    batch_size: int
    batches: int
    all_classes: bool = False

    @property
    def name(self) -> str:
        """Of its folder and on the command line."""
        return f"{self.dataset}{'-all' * self.all_classes}-{self.batch_size}"

    def source(self) -> Source:
        """Its images."""
        return open_source(self.dataset, picture_class_names() if self.all_classes else None)

    def stream(self, severity: int) -> StreamSettings:
        """Its streams, all but corruption and seed."""
        return StreamSettings(severity=severity, batch_size=self.batch_size, batches=self.batches)


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("pictures, 12 classes, batches of 4", "pictures", 4, 24),
        Setting("pictures, 12 classes, batches of 16", "pictures", 16, 10),
        Setting("CIFAR-10, 10 classes, batches of 64", "cifar10", 64, 8),
        Setting("pictures, 76 classes, batches of 64", "pictures", 64, 8, all_classes=True),
        Setting("Tiny ImageNet, 200 classes, batches of 64", "tiny-imagenet", 64, 8),
    )
}


COMBINATIONS = (
    Terms("none", regulariser=True),
    *(Terms(*terms) for terms in product(("entropy", "contrastive"), (False, True), (False, True))),
)


def rates_for(terms: Terms) -> tuple[float, ...]:
    """The rates that are tried."""
    return RATES if terms.regulariser else LOW_RATES


def variant(terms: Terms, rate: float, usual: AdaptationSettings) -> Variant:
    """Terms as a column of a table, at a share of the usual rate."""
    changes = {
        "cliptta.objective": terms.objective,
        "regulariser_weight": float(terms.regulariser),
        "memory_shots": usual.memory_shots * terms.memory,
        "learning_rate": rate * usual.learning_rate,
    }
    return Variant(f"{terms.objective}-{terms.regulariser:d}-{terms.memory:d}@{rate:g}", "", "cliptta", changes)


def add_ablation_parser(commands: argparse._SubParsersAction) -> None:
    """Adds ``ablation`` and its options."""
    parser = commands.add_parser("ablation", help="CLIPTTA's terms on and off, each with each", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="of the runs; they are resumed")
    parser.add_argument("--settings", default=",".join(SETTINGS), help=f"default: all of {', '.join(SETTINGS)}")
    parser.add_argument("--record", type=Path, metavar="DIRECTORY", help="keep the page and all outcomes there")
    parser.set_defaults(work=ablation_command)


def ablation_command(arguments: argparse.Namespace) -> None:
    """The ``ablation`` command."""
    names = arguments.settings.split(",")
    for name in names:
        check_choice("settings", name, tuple(SETTINGS))
    backbone = load_backbone(TINY)
    outcomes = [outcome for name in names for outcome in measure(SETTINGS[name], backbone, arguments.out)]
    page = ablation_page(outcomes)
    print(page)
    if arguments.record:
        (arguments.record / "ablation.md").write_text(page, encoding="utf-8")
        (arguments.record / "ablation.csv").write_text(to_csv(outcomes), encoding="utf-8")


def measure(setting: Setting, backbone: Backbone, out: Path) -> Iterator[Outcome]:
    """Chooses a rate for each combination on the held-out corruptions, then runs it on the reported ones."""
    source = setting.source()
    tried = {(c, rate): variant(c, rate, backbone.info.adaptation) for c in COMBINATIONS for rate in rates_for(c)}
    table = TableSettings(
        backbone=TINY,
        dataset=setting.dataset,
        ood=None,
        variants=(Variant(REFERENCE, REFERENCE, REFERENCE), *tried.values()),
        corruptions=EXTRA_CORRUPTIONS,
        seeds=SEEDS[:1],
        stream=setting.stream(severity=4),
    )
    rows = run_aloud(table, backbone, source, out / setting.name / "held-out", f"{setting.title}, held out")

    def mean(terms: Terms, rate: float) -> float:
        return statistics.fmean(row.columns[tried[terms, rate].name]["accuracy"] for row in rows)

    chosen = {c: max(rates_for(c), key=lambda rate, c=c: (mean(c, rate), -rate)) for c in COMBINATIONS}
    columns = {c: tried[c, rate] for c, rate in chosen.items()}
    table = replace(
        table,
        variants=(table.variants[0], *columns.values()),
        corruptions=REPORTED,
        seeds=SEEDS,
        stream=setting.stream(severity=5),
    )
    for row in run_aloud(table, backbone, source, out / setting.name / "reported", setting.title):
        before = row.columns[REFERENCE]["accuracy"]
        for terms, column in columns.items():
            own = row.columns[column.name]
            yield Outcome(
                setting.title,
                *terms,
                rate=chosen[terms],
                corruption=row.corruption,
                seed=row.seed,
                accuracy=round(own["accuracy"], 5),
                before=round(before, 5),
                collapsed=bool(own["collapsed"]),
            )
