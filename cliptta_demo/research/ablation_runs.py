"""The streams of an ablation: rates chosen on the held-out corruptions, then every combination on the reported ones."""

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from cliptta_demo.backend.corruptions import EXTRA_CORRUPTIONS
from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research.ablation import SETTINGS, Setting
from cliptta_demo.research.ablation_page import Outcome, Terms, ablation_page, to_csv
from cliptta_demo.research.runs import TableSettings, run_aloud

REPORTED = ("gaussian_noise", "glass_blur", "contrast")  # a noise, a blur, and one of the others
SEEDS = (0, 1, 2, 3, 4)
RATES = (1.0, 3.0, 10.0)  # as shares of the built-in model's
LOW_RATES = (0.3, 1.0, 3.0)  # without the regulariser, which more would be too much for
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


def run_ablation(arguments: argparse.Namespace) -> None:
    """The ``ablation`` command, its words checked."""
    backbone = load_backbone(TINY)
    outcomes = [one for name in arguments.settings for one in measure(SETTINGS[name], backbone, arguments.out)]
    page = ablation_page(outcomes)
    print(page)
    if arguments.record:
        (arguments.record / "ablation.md").write_text(page, encoding="utf-8")
        (arguments.record / "ablation.csv").write_text(to_csv(outcomes), encoding="utf-8")


def measure(setting: Setting, backbone: Backbone, out: Path) -> Iterator[Outcome]:
    """Chooses a rate for each combination on the held-out corruptions, then runs it on the reported ones."""
    source = open_source(setting.dataset)
    stream = StreamSettings(severity=4, batch_size=setting.batch_size, batches=setting.batches)
    tried = {(c, rate): variant(c, rate, backbone.info.adaptation) for c in COMBINATIONS for rate in rates_for(c)}
    table = TableSettings(
        backbone=TINY,
        dataset=setting.dataset,
        ood=None,
        variants=(Variant(REFERENCE, REFERENCE, REFERENCE), *tried.values()),
        corruptions=EXTRA_CORRUPTIONS,
        seeds=SEEDS[:1],
        stream=stream,
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
        stream=replace(stream, severity=5),
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
