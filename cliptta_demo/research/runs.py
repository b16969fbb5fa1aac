"""Runs every stream of a table, one line of results each, and goes on where it was stopped."""

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, CORRUPTIONS
from cliptta_demo.backend.data.catalog import check_source, open_source, open_strangers, picture_class_names
from cliptta_demo.backend.data.presets import CIFAR_C_PREFIXES, CIFAR_C_TABLE
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.class_names import parse_class_names
from cliptta_demo.backend.models.offered import TINY, check_backbone
from cliptta_demo.backend.registry import REFERENCE
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.summary import collapsed, summarise
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.backend.variants import Variant, parse_variants
from cliptta_demo.options import read_stream
from cliptta_demo.research.commands import ALL, DEFAULT_METHODS, DEFAULT_OPEN_METHODS, NONE, read_list
from cliptta_demo.research.text import in_points

ZERO_SHOT = Variant(REFERENCE, REFERENCE, REFERENCE)  # the column beside which others are measured
RUNS_FILE, SETTINGS_FILE = "runs.jsonl", "settings.json"

Job = tuple[str, int]  # of a stream: its corruption and seed
Cells = Callable[[Sequence[Job]], Iterable["Row"]]  # does the work: streams to be run → their rows, as they end
Summary = dict[str, Any]  # of one method on one stream, see :func:`.summary.summarise`


@dataclass(frozen=True)
class TableSettings:
    """What a table is made of.

    Attributes:
        dataset: its name; variants: the columns; seeds: each stream is run once for each.
        corruptions: the rows; only the schedule's name where that draws them by itself.
        stream: everything else of the streams; its corruption and seed are replaced.
        backbone, ood: their names (ood is None without strangers).
        names: of the classes; None: the data set's own.
    """

    dataset: str
    variants: tuple[Variant, ...]
    corruptions: tuple[str, ...]
    seeds: tuple[int, ...]
    stream: StreamSettings
    backbone: str = TINY
    ood: str | None = None
    names: tuple[str, ...] | None = None

    def jobs(self) -> list[Job]:
        """(corruption, seed) of every stream; the first seed of all corruptions comes first."""
        return [(corruption, seed) for seed in self.seeds for corruption in self.corruptions]

    def images(self, corruption: str) -> tuple[Source, str]:
        """The images of a row, and the corruption still to be drawn: CIFAR-10-C's own files come corrupted."""
        level = self.stream.severity
        if self.dataset.startswith(tuple(CIFAR_C_PREFIXES)):
            return _images(f"{self.dataset.rstrip('/')}/{corruption}:{level}", self.names), "none"
        if self.dataset == CIFAR_C_TABLE:
            where = f"{CIFAR_C_TABLE}?corruption_name={corruption}&corruption_level={level}"
            return _images(where, self.names), "none"
        return _images(self.dataset, self.names), corruption

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those that the streams have."""
        return tuple(self.images(self.corruptions[0])[0].class_names)

    def plain(self) -> dict[str, Any]:
        """As plain data, without what :meth:`jobs` replaces and the class names."""
        plain = asdict(self)
        del plain["names"], plain["stream"]["corruption"], plain["stream"]["seed"]
        return json.loads(json.dumps(plain))


def read_settings(arguments: argparse.Namespace) -> TableSettings:
    """The settings that the words of ``table`` ask for; raises :class:`UserError`."""
    # There is no clean row among CIFAR-10-C's own files.
    corrupted = arguments.dataset.startswith((*CIFAR_C_PREFIXES, CIFAR_C_TABLE))
    everything = COMMON_CORRUPTIONS if corrupted else (NONE, *COMMON_CORRUPTIONS)
    every = arguments.corruptions == ALL
    corruptions = tuple(everything) if every else read_list("corruptions", arguments.corruptions, (NONE, *CORRUPTIONS))
    seeds = read_list("seeds", arguments.seeds, int)
    for seed in seeds:
        check_number("seeds", seed, 0, 2**31 - 1, whole=True)
    stream = read_stream(arguments)
    if stream.schedule != "one":
        if corrupted or not every:
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
    backbone = arguments.backbone or TINY
    check_backbone(backbone)
    variants = parse_variants(arguments.methods or (DEFAULT_OPEN_METHODS if arguments.ood else DEFAULT_METHODS))
    names = None if arguments.classes in (None, ALL) else parse_class_names(arguments.classes)
    if arguments.classes == ALL and arguments.dataset in ("pictures", "unseen-style"):
        names = picture_class_names()
    return TableSettings(arguments.dataset, variants, corruptions, seeds, stream, backbone, arguments.ood, names)


_images = lru_cache(maxsize=2)(open_source)  # the streams of a data set, and the tables of many methods, share it
_strangers = lru_cache(maxsize=1)(open_strangers)


@dataclass(frozen=True)
class Row:
    """One finished stream: column name → summary; how long it took, and on what, as :func:`machine` says it."""

    corruption: str
    seed: int
    seconds: float
    columns: dict[str, Summary]
    device: str = ""

    @property
    def words(self) -> str:
        """In a line."""
        cells = [f"{name} {in_points(own['accuracy'])}{'*' * own['collapsed']}" for name, own in self.columns.items()]
        on = f" on {self.device}" if "," in self.device else ""  # one of several workers
        return f"{self.corruption}, seed {self.seed}: {', '.join(cells)} ({self.seconds:.0f} s{on})"


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
    groups: dict[tuple[AdaptationSettings, tuple[Any, ...]], list[Variant]] = {}
    for variant in variants:
        key = variant.settings(backbone.info.adaptation), tuple(variant.own.items())
        groups.setdefault(key, []).append(variant)
    found: dict[str, Summary] = {}
    for (adaptation, own), group in groups.items():
        methods = tuple(dict.fromkeys(variant.method for variant in group))
        settings = RunSettings(methods=methods, stream=stream, adaptation=adaptation, own=dict(own))
        *_, (_, snapshot) = Experiment(settings, backbone, source, strangers).run()
        summaries = summarise(snapshot)["methods"]
        for variant in group:
            found[variant.name] = summaries[variant.method] | {"collapsed": collapsed(summaries[variant.method])}
    return {variant.name: found[variant.name] for variant in variants}


def run_job(settings: TableSettings, backbone: Backbone, job: Job) -> Row:
    """One stream of a table."""
    before = time.monotonic()
    (corruption, seed), (source, drawn) = job, settings.images(job[0])
    strangers = _strangers(settings.ood, settings.dataset, settings.class_names) if settings.ood else None
    stream = replace(settings.stream, seed=seed)
    if stream.schedule == "one":
        stream = replace(stream, corruption=drawn)
    columns = run_stream(backbone, source, stream, settings.variants, strangers)
    return Row(corruption, seed, round(time.monotonic() - before, 1), columns, machine(backbone))


def cells_here(settings: TableSettings, backbone: Backbone) -> Cells:
    """One stream after the other, in this process."""
    return partial(map, partial(run_job, settings, backbone))


def machine(backbone: Backbone) -> str:
    """What decides how long streams take and how numbers are rounded."""
    precision = str(backbone.autocast or torch.float32).removeprefix("torch.")
    if backbone.device.type == "cuda":
        return f"{torch.cuda.get_device_name(backbone.device)} in {precision}"
    facts = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", facts.read_text(encoding="utf-8")) if facts.exists() else None
    threads = torch.get_num_threads()
    return f"{named[1] if named else platform.machine()} in {precision} on {threads} thread{'s' * (threads > 1)}"


class Table:
    """A table in a directory: ``settings.json`` and ``runs.jsonl``, a line per finished stream.

    Args:
        directory: made where missing; adaptation: the backbone's own settings.

    Attributes:
        described: all that defines it, as plain data.

    Raises:
        UserError: the directory holds a table of other settings; data that can't be fetched.
    """

    def __init__(self, settings: TableSettings, adaptation: AdaptationSettings, directory: Path) -> None:
        self.settings, self.path = settings, directory / RUNS_FILE
        self.described = settings.plain() | {"adaptation": asdict(adaptation), "class_names": [*settings.class_names]}
        path = directory / SETTINGS_FILE
        if path.exists():
            old = json.loads(path.read_text(encoding="utf-8"))
            # More seeds or corruptions than before are no difference: the rows that are there stay valid.
            names = (old.keys() | self.described.keys()) - {"seeds", "corruptions"}
            if changed := sorted(name for name in names if old.get(name) != self.described.get(name)):
                raise UserError(
                    f"{directory} holds a table of other settings ({', '.join(changed)} differ). "
                    "Choose another --out, or remove that directory."
                )
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def rows(self) -> list[Row]:
        """The finished streams in the table's order; the directory may hold more, of another choice of seeds.

        A line that a kill cut short is left out; its stream is run again.
        """
        rows: dict[Job, Row] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else ():
            with suppress(ValueError):
                row = Row(**json.loads(line))
                rows[row.corruption, row.seed] = row
        return [rows[job] for job in self.settings.jobs() if job in rows]

    def run(self, cells: Cells, about: str = "") -> Iterator[Row]:
        """Runs what is missing; each stream is kept, told after the words ``about``, and yielded."""
        done, count = {(row.corruption, row.seed) for row in self.rows()}, len(self.settings.jobs())
        missing = [job for job in self.settings.jobs() if job not in done]
        began = time.monotonic()
        for number, row in enumerate(cells(missing), start=1):
            cut = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" * cut + json.dumps(asdict(row), allow_nan=False) + "\n")
            left = (time.monotonic() - began) / number * (len(missing) - number) / 60
            words = f"{about}{len(done) + number}/{count}  {row.words}  {left:.0f} min left"
            print(words, file=sys.stderr, flush=True)
            yield row

    def frame(self) -> pd.DataFrame:
        """The finished streams, see :func:`frame_of`."""
        return frame_of(self.rows())


def frame_of(rows: Iterable[Row]) -> pd.DataFrame:
    """A line for each stream and column: corruption, seed, method (the column's name), device, and its summary."""
    return pd.DataFrame(
        [
            {"corruption": row.corruption, "seed": row.seed, "method": name, "device": row.device, **own}
            for row in rows
            for name, own in row.columns.items()
        ]
    )


def run_here(settings: TableSettings, backbone: Backbone, directory: Path, about: str) -> Table:
    """A table with all its streams: what is missing is run in this process."""
    table = Table(settings, backbone.info.adaptation, directory)
    for _ in table.run(cells_here(settings, backbone), about):
        pass
    return table


def gains_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Stream (corruption and seed) × column: accuracy over zero-shot's on the same images, a share."""
    accuracy = frame.pivot(index=["corruption", "seed"], columns="method", values="accuracy")
    return accuracy.sub(accuracy[REFERENCE], axis=0)
