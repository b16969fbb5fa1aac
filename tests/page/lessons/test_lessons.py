"""The words of lessons are held to what was measured with 20 seeds.

The first lesson runs in test_panels; two more of its methods, alone, in test_claims.
"""

import json
import re
from dataclasses import replace

import pytest
import torch
from claims import RECORD, comparing_sentences, words_of
from paths import ROOT
from torch import Tensor

from cliptta_demo.backend.corruptions import corrupt
from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.lessons.lesson import GROUPS, LONGEST, LONGEST_ASK, Lesson
from cliptta_demo.page.lessons.lessons import LESSONS, by_key, lesson_recipe, tried_recipes
from cliptta_demo.page.panels.lesson import lesson_value
from cliptta_demo.page.panels.stage import EXPLORE, WATCH, WHY
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.runner import open_experiment
from cliptta_demo.page.session.state import changed_names
from cliptta_demo.research.ablation import BARE, CONTRAST, PULLED, Terms, added
from cliptta_demo.research.studies import COMBINATIONS, LESSON_SEEDS, SAMPLE_SEEDS, lesson_study
from cliptta_demo.research.text import is_told, read_streams

RUNNING = [lesson for lesson in LESSONS if lesson.runs]
every_lesson = pytest.mark.parametrize("lesson", RUNNING, ids=[lesson.key for lesson in RUNNING])
# Sentences that compare in passing: what a loss does by its definition, or what another lesson claims.
PASSING = {
    "The rate that lets CLIPTTA repair the model is one that TENT does not survive.",  # the README
}


@every_lesson
def test_all_of_a_lesson_shows_with_19_of_20_seeds(lesson: Lesson) -> None:
    study = f"lesson-{lesson.key}"
    assert [*RECORD.runs[study]] == [combination.name for combination in COMBINATIONS]
    for combination in COMBINATIONS:
        seeds = LESSON_SEEDS if combination == COMBINATIONS[0] else SAMPLE_SEEDS
        assert [seed for _, seed in RECORD.runs[study][combination.name].index] == list(seeds)
        assert len(RECORD.failing_seeds(study, lesson.claims, combination)) <= len(seeds) // 20


@every_lesson
def test_what_was_measured_is_the_lesson(lesson: Lesson) -> None:
    experiment, _ = open_experiment(lesson_recipe(lesson), None, Machine())
    settings = lesson_study(lesson).settings
    own = experiment.backbone.info.adaptation
    assert [variant.method for variant in settings.variants] == list(experiment.settings.methods)
    assert {variant.settings(own) for variant in settings.variants} == {experiment.settings.adaptation}
    assert settings.stream == experiment.settings.stream
    assert settings.corruptions == (experiment.settings.stream.corruption,)
    assert settings.names == experiment.class_names


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.key for lesson in LESSONS])
def test_what_compares_is_claimed(lesson: Lesson) -> None:
    words = words_of(" ".join([*(ask.why for ask in lesson.asks), *(step.text for step in lesson.explains)]))
    assert [claim.sentence for claim in lesson.claims if claim.sentence not in words] == []
    claimed = [claim.sentence for claim in lesson.claims]
    unclaimed = [s for s in comparing_sentences(words) if not any(claim in s for claim in claimed)]
    assert [sentence for sentence in unclaimed if sentence not in PASSING] == []


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.key for lesson in LESSONS])
def test_a_lesson_asks_tells_and_changes_one_thing_in_a_few_lines_each(lesson: Lesson) -> None:
    assert by_key(lesson.key) is lesson
    assert all(len(ask.text) <= LONGEST_ASK for ask in lesson.asks)
    assert all(len(step.text) <= LONGEST for step in lesson.explains)
    assert all(len(ask.why) <= LONGEST for ask in lesson.asks)
    verdicts = [text for change in lesson.tries for text in (change.text, change.falls, change.stays, change.climbs)]
    assert all(len(text) <= LONGEST for text in verdicts)
    steps = json.loads(lesson_value(lesson))["steps"]
    assert {part for step in steps for part in step["panel"].split()} <= {
        panel.name for panel in (*WATCH, *WHY, *EXPLORE)
    } | {"files", "camera"}
    assert bool(lesson.asks) == bool(lesson.claims) == lesson.runs == bool(lesson.tries)
    assert lesson.group in GROUPS
    for change, after in zip(lesson.tries, tried_recipes(lesson), strict=True):
        assert changed_names(lesson_recipe(lesson), after) == set(change.settings)
        assert len(change.settings) == 1


@every_lesson
def test_the_limits_that_hosting_gives_a_class_let_its_lessons_through(lesson: Lesson) -> None:
    words = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    batches, size = map(int, re.search(r"MAX_BATCHES=(\d+) CLIPTTA_MAX_BATCH_SIZE=(\d+) python3", words).groups())
    for recipe in (lesson_recipe(lesson), *tried_recipes(lesson)):
        assert recipe.settings.stream.batches <= batches
        assert recipe.settings.stream.batch_size <= size


def test_the_opening_page_does_not_answer_the_first_lesson() -> None:
    assert lesson_recipe(LESSONS[0]).settings.stream.corruption != read_form({}).settings.stream.corruption


def test_of_few_classes_contrast_or_regulariser_does_nearly_as_much_as_both() -> None:
    """As the first lesson says: what either adds shows, and what the second adds to the first does not."""
    assert "either does nearly as much as both" in by_key("collapse").asks[-1].why
    alone, outcomes = Terms("contrastive"), read_streams(ROOT / "docs" / "ablation.csv")

    def shows(with_it: Terms, without: Terms) -> bool:
        return is_told(added(outcomes, with_it, without).loc["pictures, 12 classes, batches of 16"])

    assert shows(PULLED, BARE)
    assert shows(alone, BARE)
    assert not shows(CONTRAST, PULLED)
    assert not shows(CONTRAST, alone)


@pytest.mark.slow
def test_what_tent_learnt_under_noises_leads_noisy_images_alone_to_one_class() -> None:
    """As the lesson on turns says why it comes back."""
    settings = lesson_recipe(by_key("turns")).settings
    short = replace(settings, methods=("tent",), stream=replace(settings.stream, batches=12))
    backbone, source = load_backbone("tiny", "cpu"), open_source("pictures")
    experiment = Experiment(short, backbone, source)
    *_, (state, _) = experiment.run()
    theta = experiment.methods["tent"].parameters(state.adaptations["tent"])
    images = source.take(2_000, 64, backbone.info.image_size, "shuffled", 5, 4_096)
    captions = backbone.prototypes(list(source.class_names)).T

    def right(pixels: Tensor) -> tuple[float, int]:
        """The share named rightly, and how many classes are said."""
        said = (backbone.embed(pixels, theta) @ captions).argmax(dim=1)
        return (said == torch.as_tensor(images.labels)).float().mean().item(), len(said.unique())

    clean, noisy = right(images.pixels), right(corrupt(images.pixels, "impulse_noise", 5, 0))
    assert clean[0] > 0.9
    assert noisy[0] < 0.2
    assert noisy[1] <= 3
