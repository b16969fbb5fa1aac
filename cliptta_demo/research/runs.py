"""Runs every stream of a table, one line of results each, and goes on where it was stopped."""

import json
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.declare import settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.summary import collapsed, summarise
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.backend.variants import Variant

RUNS_FILE, SETTINGS_FILE = "runs.jsonl", "settings.json"

Job = tuple[str, int]  # of a stream: its corruption and seed
Cells = Callable[[Sequence[Job]], Iterator["Row"]]  # does the work: streams to be run → their rows, as they end
Summary = dict[str, Any]  # of one method on one stream, see :func:`.report.summarise`


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """What a table is made of.

    Attributes:
        backbone, dataset, ood: their names, for the record (ood is None without strangers).
        variants: the columns; seeds: each stream is run once for each.
        corruptions: the rows; only the schedule's name where that draws them by itself.
        stream: everything else of the streams; its corruption and seed are replaced.
    """

    backbone: str
    dataset: str
    ood: str | None
    variants: tuple[Variant, ...]
    corruptions: tuple[str, ...]
    seeds: tuple[int, ...]
    stream: StreamSettings

    def jobs(self) -> list[Job]:
        """(corruption, seed) of every stream; the first seed of all corruptions comes first."""
        return [(corruption, seed) for seed in self.seeds for corruption in self.corruptions]


@dataclass(frozen=True)
class Row:
    """One finished stream: column name → summary; how long it took, and on what, as :func:`machine` says it."""

    corruption: str
    seed: int
    seconds: float
    columns: dict[str, Summary]
    device: str = ""


def run_stream(
    backbone: Backbone,
    source: Source,
    stream: StreamSettings,
    variants: Sequence[Variant],
    strangers: Source | None = None,
) -> dict[str, Summary]:
    """Column name → summary of one stream, the same images for each; "collapsed" tells a collapse.

    Columns with equal settings run side by side, so that each batch is made once for all of them.
    """
    groups: dict[tuple[AdaptationSettings, int], list[Variant]] = {}
    known: Counter[tuple[AdaptationSettings, str]] = Counter()
    for variant in variants:
        key = variant.settings(backbone.info.adaptation), variant.method
        groups.setdefault((key[0], known[key]), []).append(variant)  # a method is once in a group
        known[key] += 1
    found: dict[str, Summary] = {}
    for (adaptation, _), group in groups.items():
        own = {method: settings for v in group for method, settings in v.own.items()}
        settings = RunSettings(methods=tuple(v.method for v in group), stream=stream, adaptation=adaptation, own=own)
        *_, (_, snapshot) = Experiment(settings, backbone, source, strangers).run()
        summaries = summarise(snapshot)["methods"]
        for variant in group:
            found[variant.name] = summaries[variant.method] | {"collapsed": collapsed(summaries[variant.method])}
    return {variant.name: found[variant.name] for variant in variants}


class TableStore:
    """The results of a table in a directory: ``settings.json`` and ``runs.jsonl``, a line per finished stream.

    Args:
        directory: made where missing.
        settings, adaptation, class_names: what the rows belong to; rows of other settings are never mixed in.

    Raises:
        UserError: the directory holds a table of other settings.
    """

    def __init__(
        self, directory: Path, settings: TableSettings, adaptation: AdaptationSettings, class_names: Sequence[str]
    ) -> None:
        self.path = directory / RUNS_FILE
        self._order = {job: place for place, job in enumerate(settings.jobs())}
        described = describe(settings, adaptation, class_names)
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / SETTINGS_FILE
        if path.exists():
            old = json.loads(path.read_text(encoding="utf-8"))
            for part, kind in (("stream", StreamSettings), ("adaptation", AdaptationSettings)):
                usual = {name: item.default for name, item in settings_of(kind).items() if name in described[part]}
                old[part] = usual | old[part]  # a setting that was not there yet
            # More seeds or corruptions than before are no difference: the rows that are there stay valid.
            names = (old.keys() | described.keys()) - {"seeds", "corruptions"}
            if changed := sorted(name for name in names if old.get(name) != described.get(name)):
                raise UserError(
                    f"{directory} holds a table of other settings ({', '.join(changed)} differ). "
                    "Choose another --out, or remove that directory."
                )
        path.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def rows(self) -> list[Row]:
        """The streams finished so far, in the order of the table, whichever ended first.

        A line that a kill cut short is left out; its stream is run again.
        """
        rows: dict[Job, Row] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            with suppress(ValueError):
                row = Row(**json.loads(line))
                rows[row.corruption, row.seed] = row
        return sorted(rows.values(), key=lambda row: self._order.get((row.corruption, row.seed), len(self._order)))

    def add(self, row: Row) -> None:
        """Appends a finished stream."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        with self.path.open("a", encoding="utf-8") as file:
            if text and not text.endswith("\n"):
                file.write("\n")  # after a line that was cut short
            file.write(json.dumps(asdict(row), allow_nan=False) + "\n")


def describe(settings: TableSettings, adaptation: AdaptationSettings, class_names: Sequence[str]) -> dict[str, Any]:
    """All that defines a table, as plain data."""
    plain = asdict(settings) | {"adaptation": asdict(adaptation), "class_names": list(class_names)}
    del plain["stream"]["corruption"], plain["stream"]["seed"]
    return json.loads(json.dumps(plain))


def run_table(settings: TableSettings, store: TableStore, cells: Cells) -> Iterator[tuple[Row, int, int, float]]:
    """Runs what is missing. After each stream yields (its row, streams done, streams in all, seconds left)."""
    jobs = settings.jobs()
    done = {(row.corruption, row.seed) for row in store.rows()}
    missing = [job for job in jobs if job not in done]
    began = time.monotonic()
    for count, row in enumerate(cells(missing), start=1):
        store.add(row)
        left = (time.monotonic() - began) / count * (len(missing) - count)
        yield row, len(jobs) - len(missing) + count, len(jobs), left


def cells_here(
    settings: TableSettings,
    backbone: Backbone,
    source_of: Callable[[str], tuple[Source, str]],
    strangers: Source | None,
) -> Cells:
    """One stream after the other, in this process.

    ``source_of``: corruption → (the images, the corruption that is still to be drawn on them). Data such as
    CIFAR-10-C's files come corrupted already.
    """
    device = machine(backbone)

    def cell(job: Job) -> Row:
        corruption, seed = job
        before = time.monotonic()
        source, drawn = source_of(corruption)
        stream = replace(settings.stream, seed=seed)
        if stream.schedule == "one":
            stream = replace(stream, corruption=drawn)
        columns = run_stream(backbone, source, stream, settings.variants, strangers)
        return Row(corruption, seed, round(time.monotonic() - before, 1), columns, device)

    return partial(map, cell)


def machine(backbone: Backbone) -> str:
    """What decides how long streams take and how numbers are rounded."""
    precision = str(backbone.autocast or torch.float32).removeprefix("torch.")
    if backbone.device.type == "cuda":
        return f"{torch.cuda.get_device_name(backbone.device)} in {precision}"
    facts = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", facts.read_text(encoding="utf-8")) if facts.exists() else None
    threads = torch.get_num_threads()
    return f"{named[1] if named else platform.machine()} in {precision} on {threads} thread{'s' * (threads > 1)}"


def run_aloud(settings: TableSettings, backbone: Backbone, source: Source, directory: Path, about: str) -> list[Row]:
    """All streams of a table whose corruptions are drawn here: what is missing is run, and each is told as it ends.

    Args:
        directory: where results go, and are resumed; about: what the table is, in words.
    """
    store = TableStore(directory, settings, backbone.info.adaptation, source.class_names)
    cells = cells_here(settings, backbone, lambda corruption: (source, corruption), None)
    for row, done, count, left in run_table(settings, store, cells):
        words = f"{about}: {done}/{count} ({row.seconds:.0f} s), {left / 60:.0f} min left"
        print(words, file=sys.stderr, flush=True)
    return store.rows()
