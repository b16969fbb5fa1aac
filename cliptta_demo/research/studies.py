"""The streams behind the claims, and the combinations of threads and precision in which each is run."""

import argparse
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from cliptta_demo.backend.data.catalog import open_strangers
from cliptta_demo.backend.declare import unusual
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, load_backbone
from cliptta_demo.backend.variants import Variant, label_of
from cliptta_demo.page.lessons.lessons import Lesson, lesson_recipe
from cliptta_demo.research.command import add_table_parser, read_classes, read_settings
from cliptta_demo.research.rows import open_rows
from cliptta_demo.research.runs import Row, TableSettings, TableStore, cells_here, describe, run_table

LESSON_SEEDS = tuple(range(20))  # what "19 of 20" is counted on
SAMPLE_SEEDS = LESSON_SEEDS[:5]  # of a lesson; rounding moves a stream by far less than another seed does


@dataclass(frozen=True)
class Combination:
    """How the numbers are computed.

    Attributes:
        threads: of the processor; precision: of the tower's products, "bfloat16" (emulated where the processor has
            none) or "float32".
    """

    threads: int
    precision: str

    @property
    def name(self) -> str:
        """Of its folder and in the record."""
        return f"{self.threads}-{self.precision}"

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}, {self.precision}"

    @contextmanager
    def backbone(self) -> Iterator[Backbone]:
        """The built-in model in this precision; for as long as the block lasts, this process has so many threads."""
        threads = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield load_backbone(TINY, "cpu", precision=self.precision)
        finally:
            torch.set_num_threads(threads)


# The first is the one in which tables are shown.
COMBINATIONS = tuple(Combination(threads, name) for threads in (1, 2) for name in ("bfloat16", "float32"))


Sample = tuple[tuple[str, ...], tuple[int, ...]]  # corruptions, seeds


@dataclass(frozen=True)
class Study:
    """Streams that belong together.

    Attributes:
        name: of its folder and in the record.
        settings: of the streams; class_names: None for the data set's own.
        sample: corruptions and seeds of the streams that the further combinations run again; None: everything.
        words: of the ``table`` command that runs it too, without ``--out``; empty for a lesson.
    """

    name: str
    settings: TableSettings
    class_names: tuple[str, ...] | None = None
    sample: Sample | None = None
    words: str = ""

    @property
    def digest(self) -> str:
        """Of all that defines its streams, the tuned settings included; known without opening the data.

        A setting at its default is left out: one that is offered later changes no stream.
        """
        table = asdict(self.settings) | {"stream": unusual(self.settings.stream)}
        about = [table, self.class_names, self.sample, unusual(TINY_ADAPTATION)]
        text = json.dumps(about, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def settings_in(self, combination: Combination) -> TableSettings:
        """What of it a combination runs."""
        if self.sample is None or combination == COMBINATIONS[0]:
            return self.settings
        corruptions, seeds = self.sample
        return replace(self.settings, corruptions=corruptions, seeds=seeds)


def lesson_study(lesson: Lesson) -> Study:
    """A lesson as one click runs it, for the seeds that a visitor could type."""
    recipe = lesson_recipe(lesson)
    stream, own = recipe.settings.stream, recipe.settings.adaptation
    changes = {name: value for name, value in vars(own).items() if value != getattr(TINY_ADAPTATION, name)}
    return Study(
        f"lesson-{lesson.key}",
        TableSettings(
            backbone=recipe.backbone,
            dataset=recipe.dataset,
            ood=recipe.ood_source if stream.ood_share else None,
            variants=tuple(Variant(name, label_of(name), name, changes) for name in recipe.settings.methods),
            corruptions=(stream.corruption,),
            seeds=LESSON_SEEDS,
            stream=stream,
        ),
        recipe.source_names,
        ((stream.corruption,), SAMPLE_SEEDS),
    )


def table_study(name: str, words: str, sample: Sample | None = None) -> Study:
    """The streams of a ``table`` command, written as on the command line without ``--out``."""
    parser = argparse.ArgumentParser()
    add_table_parser(parser.add_subparsers())
    arguments = parser.parse_args(["table", "--out", name, *words.split()])
    return Study(name, read_settings(arguments), read_classes(arguments), sample, words)


class StudyRun:
    """A study in one combination, in ``directory/STUDY/COMBINATION``.

    Raises:
        UserError: data that can't be fetched, or a directory that holds runs of other settings.
    """

    def __init__(self, study: Study, combination: Combination, directory: Path) -> None:
        self.settings = study.settings_in(combination)
        self.combination = combination
        self.source_of = open_rows(self.settings, study.class_names)
        names = self.source_of(self.settings.corruptions[0])[0].class_names
        dataset, ood = self.settings.dataset, self.settings.ood
        self.strangers = open_strangers(ood, dataset, names) if ood else None
        known = (self.settings, TINY_ADAPTATION, names)
        self.store = TableStore(directory / study.name / combination.name, *known)
        self.described = describe(*known)

    def rest(self) -> Iterator[Row]:
        """Runs the streams that are missing."""
        with self.combination.backbone() as backbone:
            cells = cells_here(self.settings, backbone, self.source_of, self.strangers)
            for row, *_ in run_table(self.settings, self.store, cells):
                yield row

    def rows(self) -> list[Row]:
        """The finished streams in the study's order; the directory may hold more, of another choice of seeds."""
        found = {(row.corruption, row.seed): row for row in self.store.rows()}
        return [found[job] for job in self.settings.jobs() if job in found]
