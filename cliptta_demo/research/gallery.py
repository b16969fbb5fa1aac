"""Every method on every corruption, and on streams that change: the work of the ``gallery`` command."""

import argparse
import hashlib
import json
from dataclasses import asdict, replace
from functools import cache
from itertools import product
from pathlib import Path

import pandas as pd

from cliptta_demo.backend.declare import unusual
from cliptta_demo.backend.methods.recorded import MEASURED_FILE, chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, TINY_DIRECTORY, load_backbone
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research import ranking
from cliptta_demo.research.gallery_tables import FEW_IMAGES, TABLES
from cliptta_demo.research.runs import ZERO_SHOT, TableSettings, run_here

SEEDS = (0, 1, 2)
STREAMS_FILE = "streams.csv"
# Methods that start anew with each batch or image: a short stream tells as much of them as a long one.
SINGLE_IMAGES = tuple(name for name, method in METHODS.items() if method.family == "single")
FORGETFUL = (*SINGLE_IMAGES, "zero", "watt-p", "watt-s")
FEW_BATCHES = 1  # an image takes them up to a hundred times as long as others


def run_gallery(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command, whose words have been checked."""
    record = arguments.record
    streams = ranking.read_streams((record or arguments.out) / STREAMS_FILE)
    for name, method in product(arguments.tables, arguments.methods):
        if TABLES[name].group == "schedules" and method in FORGETFUL:
            continue  # what came before is nothing to them
        here, digest = (streams.table == name) & (streams.method == method), digest_of(name, method)
        if set(streams.settings[here]) != {digest}:
            found = run(name, method, digest, arguments.out)
            streams = found if streams.empty else pd.concat([streams[~here], found])
    place = {name: number for number, name in enumerate([*TABLES, *METHODS])}  # as declared, whichever ran first
    streams = streams.sort_values(["table", "method"], key=lambda names: names.map(place), kind="stable")
    page = ranking.ranking_page(streams)
    print(page)
    if not ranking.ranking(ranking.group_of(streams, "corruptions")).empty:
        print(ranking.readme(streams))
    if record:
        (record / STREAMS_FILE).write_text(streams.to_csv(index=False, lineterminator="\n"), encoding="utf-8")
        (record / "ranking.md").write_text(page, encoding="utf-8")
        MEASURED_FILE.write_text(measured_of(streams), encoding="utf-8")


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
        variants=(ZERO_SHOT, Variant(method, METHODS[method].label, method, changes)),
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
    frame = run_here(settings, load_backbone(TINY), folder, f"{name}, {method}: ").frame()
    return pd.DataFrame({"table": name, "method": method, "settings": digest} | ranking.outcomes_of(frame, method))


@cache
def weights_digest() -> str:
    """Of the built-in model's file."""
    return hashlib.sha256((TINY_DIRECTORY / "open_clip_model.safetensors").read_bytes()).hexdigest()[:16]
