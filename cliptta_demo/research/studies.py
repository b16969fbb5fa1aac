"""The streams behind the claims, the combinations of threads and precision in which each is run, and what is claimed.

A test holds each sentence to its document, and each document to have no other sentence that compares methods.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch

from cliptta_demo.backend.data.pictures import PICTURE_FOLDER
from cliptta_demo.backend.declare import unusual
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, load_backbone
from cliptta_demo.backend.variants import Variant, label_of
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.lessons.lesson import Claim, lead, measure
from cliptta_demo.page.lessons.lessons import Lesson, lesson_recipe
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.research.commands import add_table_parser
from cliptta_demo.research.gallery import weights_digest
from cliptta_demo.research.runs import TableSettings, read_settings

OPENING = "opening"
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


@dataclass(frozen=True)
class Study:
    """Streams that belong together.

    Attributes:
        name: of its folder and in the record; settings: of the streams.
        sample: corruptions and seeds of the streams that the further combinations run again.
        words: of the ``table`` command that runs it too, without ``--out``; empty for what the page runs.
    """

    name: str
    settings: TableSettings
    sample: tuple[tuple[str, ...], tuple[int, ...]]
    words: str = ""

    @property
    def digest(self) -> str:
        """Of all that defines its streams but the code: settings, weights, pictures; known without opening the data.

        A setting at its default is left out: one that is offered later changes no stream.
        """
        table = self.settings.plain() | {"stream": unusual(self.settings.stream)}
        about = [table, self.settings.names, self.sample, unusual(TINY_ADAPTATION), weights_digest(), pictures_digest()]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


@cache
def pictures_digest() -> str:
    """Of the built-in pictures' files."""
    files = sorted(path for path in PICTURE_FOLDER.iterdir() if path.suffix in (".webp", ".json"))
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:16]


def lesson_study(lesson: Lesson) -> Study:
    """A lesson as one click runs it, for the seeds that a visitor could type."""
    return _recipe_study(f"lesson-{lesson.key}", lesson_recipe(lesson))


def opening_study() -> Study:
    """The experiment that the page opens with, likewise."""
    return _recipe_study(OPENING, read_form({}))


def _recipe_study(name: str, recipe: Recipe) -> Study:
    stream, own = recipe.settings.stream, recipe.settings.adaptation
    changes = {name: value for name, value in vars(own).items() if value != getattr(TINY_ADAPTATION, name)}
    variants = tuple(Variant(name, label_of(name), name, changes) for name in recipe.settings.methods)
    corruptions, ood = (stream.corruption,), recipe.ood_source if stream.ood_share else None
    settings = TableSettings(
        recipe.dataset, variants, corruptions, LESSON_SEEDS, stream, recipe.backbone, ood, recipe.source_names
    )
    return Study(name, settings, (corruptions, SAMPLE_SEEDS))


def table_study(name: str, words: str, corruptions: tuple[str, ...], seeds: tuple[int, ...]) -> Study:
    """The streams of a ``table`` command, written as on the command line without ``--out``, and the sample of them."""
    parser = argparse.ArgumentParser()
    add_table_parser(parser.add_subparsers())
    arguments = parser.parse_args(["table", "--out", name, *words.split()])
    return Study(name, read_settings(arguments), (corruptions, seeds), words)


_SIX = "airplane,automobile,ship,truck,horse,frog"  # of CIFAR-10's ten; the other four are the strangers
_FIVE = "gaussian_noise,glass_blur,frost,contrast,pixelate"  # of each of ImageNet-C's kinds one, and two digital ones
_SAMPLE = ("gaussian_noise", "frost", "contrast"), (0,)  # a noise, a weather, a digital one, with the first seed alone
_METHODS = "--methods zero-shot,tent,tent-regularised,cliptta"
_STRANGERS = f"--classes {_SIX} --ood others"

TABLES: dict[str, Study] = {
    study.name: study
    for study in (
        table_study("cifar10-5", f"--dataset cifar10 --severity 5 {_METHODS} --seeds 0,1,2", *_SAMPLE),
        table_study(
            "cifar10-clean",
            "--dataset cifar10 --corruptions none --methods zero-shot,tent,cliptta --seeds 0,1,2,3,4",
            ("none",),
            (0, 1),
        ),
        table_study(
            "cifar10-5-others",
            f"--dataset cifar10 --corruptions {_FIVE} --severity 5 {_STRANGERS} --seeds 0,1,2",
            *_SAMPLE,
        ),
    )
}

README: dict[str, tuple[Claim, ...]] = {
    OPENING: (
        Claim("TENT collapses", measure("collapsed", "tent"), above=0.5),
        Claim("CLIPTTA recovers", lead("cliptta"), above=0),
    ),
}
MEASURED: dict[str, tuple[Claim, ...]] = {
    OPENING: (
        Claim("TENT ends {} points below zero-shot", lead("zero-shot", "tent"), above=0),
        Claim("CLIPTTA {} points above it", lead("cliptta"), above=0),
    ),
    "lesson-strangers": (
        Claim(
            "OCE parts them better than zero-shot, by {} points of AUROC",
            lead("cliptta-oce", name="auroc"),
            above=0,
        ),
        Claim("OCE parts them better than CLIPTTA alone, by {}", lead("cliptta-oce", "cliptta", name="auroc"), above=0),
    ),
    "cifar10-5-others": (
        Claim("OCE is {} points of AUROC above CLIPTTA alone", lead("cliptta-oce", "cliptta", name="auroc"), above=0),
        Claim("{} above zero-shot", lead("cliptta-oce", name="auroc"), above=0),
    ),
    "cifar10-5": (
        Claim("TENT loses {} points against zero-shot", lead("zero-shot", "tent"), above=0),
        Claim("CLIPTTA gains {}", lead("cliptta"), above=0),
        Claim(
            "TENT with CLIPTTA's regulariser stays within two points of it",
            lead("cliptta", "tent-regularised"),
            above=-0.02,
            below=0.02,
        ),
        Claim(
            "TENT collapses on most streams of which zero-shot reads less than half",
            measure("collapsed", "tent"),
            where=lambda columns: columns["zero-shot"]["accuracy"] < 0.5,
            above=0.5,
        ),
    ),
    "cifar10-clean": (
        Claim("CLIPTTA costs {} points", lead("zero-shot", "cliptta"), above=0),
        Claim("TENT {}", lead("zero-shot", "tent"), above=0),
    ),
}
DOCUMENTS = {"README": README, "What was measured": MEASURED, "Model card": {}}
