"""The words of lessons are held to what was measured with 20 seeds.

The first lesson runs in test_panels; two more of its methods, alone, in test_claims.
"""

import json
import re

import pytest
from claims import RECORD, comparing_sentences, words_of
from paths import ROOT

from cliptta_demo.page.lessons.lesson import GROUPS, LONGEST, LONGEST_ASK, Lesson
from cliptta_demo.page.lessons.lessons import LESSONS, by_key, lesson_recipe, tried_recipes
from cliptta_demo.page.panels.lesson import lesson_value
from cliptta_demo.page.panels.stage import EXPLORE, WATCH, WHY
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.runner import open_experiment
from cliptta_demo.page.session.state import changed_names
from cliptta_demo.research.studies import COMBINATIONS, LESSON_SEEDS, SAMPLE_SEEDS, lesson_study

RUNNING = [lesson for lesson in LESSONS if lesson.runs]
every_lesson = pytest.mark.parametrize("lesson", RUNNING, ids=[lesson.key for lesson in RUNNING])
# Sentences that compare in passing: what a loss does by its definition, or what another lesson claims.
PASSING = {
    "Compare with the dotted curves of the first lesson: the rate that lets CLIPTTA repair the model is one that TENT "
    "does not survive.",
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
    if lesson.compare:
        assert LESSONS.index(by_key(lesson.compare)) < LESSONS.index(lesson)


@every_lesson
def test_the_limits_that_hosting_gives_a_class_let_its_lessons_through(lesson: Lesson) -> None:
    words = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
    batches, size = map(int, re.search(r"MAX_BATCHES=(\d+) CLIPTTA_MAX_BATCH_SIZE=(\d+) python3", words).groups())
    for recipe in (lesson_recipe(lesson), *tried_recipes(lesson)):
        assert recipe.settings.stream.batches <= batches
        assert recipe.settings.stream.batch_size <= size
