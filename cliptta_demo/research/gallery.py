"""Every method on every corruption, and on streams that change: the work of the ``gallery`` command."""

import argparse
import hashlib
import json
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import pandas as pd

from cliptta_demo.backend.declare import unusual
from cliptta_demo.backend.methods.chosen import chosen
from cliptta_demo.backend.methods.measured import MEASURED_FILE
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, TINY_DIRECTORY, load_backbone
from cliptta_demo.backend.settings import StreamSettings, method_names
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research import ranking
from cliptta_demo.research.gallery_tables import FEW_IMAGES, TABLES
from cliptta_demo.research.ranking_picture import ranking_picture
from cliptta_demo.research.runs import TableSettings, run_here

SEEDS = (0, 1, 2)
STREAMS_FILE = "streams.csv"
# Methods that start anew with each batch or image: a short stream tells as much of them as a long one.
SINGLE_IMAGES = tuple(name for name, method in METHODS.items() if method.family == "single")
FORGETFUL = (*SINGLE_IMAGES, "zero", "watt-p", "watt-s")
FEW_BATCHES = 1  # an image takes them up to a hundred times as long as others


def run_gallery(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command, whose words have been checked."""
    others = [name for name in method_names() if name != REFERENCE]
    record = arguments.record
    streams = ranking.read_streams((record or arguments.out) / STREAMS_FILE)
    for name in arguments.tables.split(","):
        for method in arguments.methods.split(",") if arguments.methods else others:
            if TABLES[name].group == "schedules" and method in FORGETFUL:
                continue  # what came before is nothing to them
            here, digest = (streams.table == name) & (streams.method == method), digest_of(name, method)
            if set(streams.settings[here]) != {digest}:
                found = run(name, method, digest, arguments.out)
                streams = found if streams.empty else pd.concat([streams[~here], found])
    place = {name: number for number, name in enumerate([*TABLES, *others])}  # as declared, whichever ran first
    streams = streams.sort_values(["table", "method"], key=lambda names: names.map(place), kind="stable")
    page = ranking.ranking_page(streams)
    print(page)
    if not ranking.ranking(ranking.group_of(streams, "corruptions")).empty:
        print(ranking.readme(streams))
    if record:
        csv = streams.to_csv(index=False, lineterminator="\n")
        for file, text in ((STREAMS_FILE, csv), ("ranking.md", page), ("ranking.svg", picture_of(streams))):
            if text:
                (record / file).write_text(text, encoding="utf-8")
            else:  # nothing to draw yet, and what was drawn of other tables no longer holds
                (record / file).unlink(missing_ok=True)
        MEASURED_FILE.write_text(measured_of(streams), encoding="utf-8")


def picture_of(streams: pd.DataFrame) -> str:
    """The ranking under the fifteen corruptions as SVG; empty as long as no method has run on all of their tables."""
    found = ranking.group_of(streams, "corruptions")
    ranked = ranking.ranking(found)
    title = "What each method gains over zero-shot under fifteen corruptions."
    return "" if ranked.empty else ranking_picture(found, ranked, title)


def measured_of(streams: pd.DataFrame) -> str:
    """What the page tells of each method's gain under the fifteen corruptions, as JSON."""
    found = ranking.measured(ranking.ranking(ranking.group_of(streams, "corruptions")))
    return json.dumps({"methods": {name: asdict(one) for name, one in found.items()}}, indent=1) + "\n"


def shortened(stream: StreamSettings, method: str) -> StreamSettings:
    """The stream for a method: one batch where it forgets each."""
    return replace(stream, batches=FEW_BATCHES) if method in FORGETFUL else stream


def settings_of_run(name: str, method: str) -> TableSettings:
    """A method beside zero-shot on a table."""
    table, changes = TABLES[name], {"rates": "own"} if method in chosen() else {}
    stream = shortened(table.stream, method)
    if table.dataset in FEW_IMAGES and method in SINGLE_IMAGES:
        stream = replace(stream, batch_size=FEW_IMAGES[table.dataset])
    return TableSettings(
        backbone=TINY,
        dataset=table.dataset,
        variants=(Variant(REFERENCE, REFERENCE, REFERENCE), Variant(method, METHODS[method].label, method, changes)),
        corruptions=table.corruptions,
        seeds=SEEDS,
        stream=stream,
    )


def digest_of(name: str, method: str) -> str:
    """Of all that decides the outcomes but the code. A setting at its default is left out: new ones change nothing."""
    settings = settings_of_run(name, method)
    choice = asdict(chosen()[method]) if method in chosen() else None
    about = [settings.dataset, settings.corruptions, settings.seeds, unusual(settings.stream), settings.class_names]
    text = json.dumps([*about, method, choice, unusual(TINY_ADAPTATION), weights_digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def run(name: str, method: str, digest: str, out: Path) -> pd.DataFrame:
    """The streams of one method on one table; what is missing is run."""
    settings, folder = settings_of_run(name, method), out / name / f"{method}-{digest}"
    rows = run_here(settings, load_backbone(TINY), folder, f"{name}, {method}: ")
    about = {"table": name, "method": method, "settings": digest}
    return pd.DataFrame([about | ranking.outcome_of(row, method) for row in rows])


@cache
def weights_digest() -> str:
    """Of the built-in model's file."""
    return hashlib.sha256((TINY_DIRECTORY / "open_clip_model.safetensors").read_bytes()).hexdigest()[:16]
