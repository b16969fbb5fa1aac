"""The words of lessons are held to what was measured with 20 seeds.

The first lesson runs in test_page_example; what the numbers of the others depend on is held by the record's fingerprint
(test_claims).
"""

from __future__ import annotations

import pytest
from claims import RECORD, comparing_sentences, words_of

from cliptta_demo.claims.studies import COMBINATIONS, LESSON_SEEDS, lesson_study
from cliptta_demo.page.form.lessons import LESSONS, Lesson, by_key, lesson_html, lesson_values
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs.runner import open_experiment

RUNNING = [lesson for lesson in LESSONS if lesson.runs]
every_lesson = pytest.mark.parametrize("lesson", RUNNING, ids=[lesson.key for lesson in RUNNING])
# Sentences that compare in passing: what a loss does by its definition, or what another lesson claims.
PASSING = {
    "TENT makes every prediction more certain, right or wrong.",
    "Compare with the first lesson: the rate that lets CLIPTTA repair the model is one that TENT does not survive.",
    "CLIPTTA sees the same images with the same learning rate.",
}


@every_lesson
def test_all_of_a_lesson_shows_with_19_of_20_seeds(lesson: Lesson) -> None:
    study = f"lesson-{lesson.key}"
    assert RECORD.combinations(study) == list(COMBINATIONS)
    for combination in COMBINATIONS:
        assert [run.seed for run in RECORD.runs[study][combination.name]] == list(LESSON_SEEDS)
        assert len(RECORD.failing_seeds(study, lesson.claims, combination)) <= len(LESSON_SEEDS) // 20


@every_lesson
def test_what_was_measured_is_the_lesson(lesson: Lesson) -> None:
    experiment, _ = open_experiment(read_form(lesson_values(lesson)), None)
    settings = lesson_study(lesson).settings
    own = experiment.backbone.info.adaptation
    assert [variant.method for variant in settings.variants] == list(experiment.settings.methods)
    assert {variant.settings(own) for variant in settings.variants} == {experiment.settings.adaptation}
    assert settings.stream == experiment.settings.stream
    assert settings.corruptions == (experiment.settings.stream.corruption,)
    assert lesson_study(lesson).class_names == experiment.class_names


@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.key for lesson in LESSONS])
def test_what_compares_is_claimed(lesson: Lesson) -> None:
    words = words_of(f"{lesson.text} {lesson.look_for}")
    assert [claim.sentence for claim in lesson.claims if claim.sentence not in words] == []
    claimed = [claim.sentence for claim in lesson.claims]
    unclaimed = [s for s in comparing_sentences(words) if not any(claim in s for claim in claimed)]
    assert [sentence for sentence in unclaimed if sentence not in PASSING] == []


def test_lessons_are_at_least_five_and_say_what_to_look_for() -> None:
    assert len(LESSONS) >= 5
    assert len({lesson.key for lesson in LESSONS}) == len(LESSONS)
    for lesson in LESSONS:
        assert lesson.claims or not lesson.runs
        assert len(lesson.text) < 400
        assert "Look for:" in lesson_html(lesson)
        assert by_key(lesson.key) is lesson
