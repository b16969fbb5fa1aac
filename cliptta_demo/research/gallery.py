"""Every method on every corruption, and on streams that change: the work of the ``gallery`` command."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.declare import unusual
from cliptta_demo.backend.methods.chosen import chosen
from cliptta_demo.backend.methods.measured import MEASURED_FILE
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, TINY_DIRECTORY, load_backbone
from cliptta_demo.backend.settings import method_names
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research.forgetful import SINGLE_IMAGES, shortened
from cliptta_demo.research.gallery_tables import TABLES, GalleryTable
from cliptta_demo.research.kept import Kept, KeptTables, digest_of, read_csv, to_csv
from cliptta_demo.research.ranking import Outcome, Standing, outcome_of, standings
from cliptta_demo.research.ranking_page import first_screen, first_table, measured_gain, of_all, ranking_page
from cliptta_demo.research.ranking_picture import ranking_picture
from cliptta_demo.research.runs import TableSettings, run_aloud

SEEDS = (0, 1, 2)
STREAMS_FILE = "streams.csv"


def run_gallery(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command, whose words have been checked."""
    others = tuple(name for name in method_names() if name != REFERENCE)
    methods = arguments.methods.split(",") if arguments.methods else others
    tables = arguments.tables.split(",")
    record = arguments.record / STREAMS_FILE if arguments.record else None
    kept = read_csv(record) if record else {}
    for name in tables:
        table, source = TABLES[name], open_source(TABLES[name].dataset)
        for method in (method for method in methods if method not in table.leaves_out):
            before = kept.get(name, {}).get(method)
            kept.setdefault(name, {})[method] = run(table, method, source, arguments.out, before)
    kept = _in_order(kept, others)
    page = page_of(kept)
    print(page, first_table(groups_of(kept)), first_screen(groups_of(kept)), sep="\n\n")
    if record:
        arguments.record.mkdir(parents=True, exist_ok=True)
        files = {"ranking.md": page, "ranking.svg": picture_of(kept), STREAMS_FILE: to_csv(kept)}
        for name, text in files.items():
            file = arguments.record / name
            if text:
                file.write_text(text, encoding="utf-8")
            else:  # nothing to draw yet, and what was drawn of other tables no longer holds
                file.unlink(missing_ok=True)
        MEASURED_FILE.write_text(measured_of(kept), encoding="utf-8")


def page_of(kept: KeptTables) -> str:
    """The ranking of what was kept, as Markdown."""
    return ranking_page(groups_of(kept))


def picture_of(kept: KeptTables) -> str:
    """The ranking under the fifteen corruptions as SVG; empty as long as no method has run on all of their tables."""
    ranked = _ranked(kept)
    return ranking_picture(ranked, "What each method gains over zero-shot under fifteen corruptions.") if ranked else ""


def measured_of(kept: KeptTables) -> str:
    """What the page tells of each method's gain under the fifteen corruptions, as JSON."""
    gains = {one.method: asdict(measured_gain(one)) for one in _ranked(kept)}
    return json.dumps({"methods": gains}, indent=1) + "\n"


def _ranked(kept: KeptTables) -> list[Standing]:
    return of_all(standings(groups_of(kept).get("corruptions", {})))


def groups_of(kept: KeptTables) -> dict[str, dict[str, dict[str, Sequence[Outcome]]]]:
    """Outcomes by the name of their group, the title of their table, and method."""
    groups: dict[str, dict[str, dict[str, Sequence[Outcome]]]] = {}
    for name, of_methods in kept.items():
        outcomes = {method: streams.outcomes for method, streams in of_methods.items()}
        groups.setdefault(TABLES[name].group, {})[TABLES[name].title] = outcomes
    return groups


def _in_order(kept: KeptTables, methods: Sequence[str]) -> dict[str, dict[str, Kept]]:
    """As they are declared, whichever ran first."""
    tables = {name: kept[name] for name in TABLES if name in kept}
    return {name: {one: found[one] for one in methods if one in found} for name, found in tables.items()}


def settings_of_run(table: GalleryTable, method: str) -> TableSettings:
    """A method beside zero-shot."""
    changes = {"rates": "own"} if method in chosen() else {}
    stream = shortened(table.stream, method)
    if table.few_images and method in SINGLE_IMAGES:
        stream = replace(stream, batch_size=table.few_images)
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
        stream=stream,
    )


def digest_of_run(table: GalleryTable, method: str, class_names: Sequence[str]) -> str:
    """Of all that decides the outcomes but the code. A setting at its default is left out: new ones change nothing."""
    settings = settings_of_run(table, method)
    choice = asdict(chosen()[method]) if method in chosen() else None
    about = [settings.dataset, settings.corruptions, settings.seeds, unusual(settings.stream), list(class_names)]
    return digest_of(*about, method, choice, unusual(TINY_ADAPTATION), weights_digest())


def run(table: GalleryTable, method: str, source: Source, out: Path, kept: Kept | None = None) -> Kept:
    """The streams of one method on one table, whose images ``source`` has; what is missing is run."""
    digest = digest_of_run(table, method, source.class_names)
    if kept and kept.digest == digest:
        return kept
    settings, folder = settings_of_run(table, method), out / table.name / f"{method}-{digest}"
    rows = run_aloud(settings, load_backbone(TINY), source, folder, f"{table.name}, {method}")
    return Kept(digest, [outcome_of(row, method) for row in rows])


@cache
def weights_digest() -> str:
    """Of the built-in model's file."""
    return hashlib.sha256((TINY_DIRECTORY / "open_clip_model.safetensors").read_bytes()).hexdigest()[:16]
