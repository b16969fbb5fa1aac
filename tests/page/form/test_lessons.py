"""Every lesson is run as one click runs it, and its words are held to what was measured with 20 seeds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claims import RECORD, comparing_sentences, words_of

from cliptta_demo.backend.run.summary import summarise
from cliptta_demo.claims.claim import numbers_of
from cliptta_demo.claims.record import Run
from cliptta_demo.claims.studies import COMBINATIONS, LESSON_SEEDS, lesson_study
from cliptta_demo.page.form.lessons import LESSONS, Lesson, by_key, lesson_html, lesson_values
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs.runner import open_experiment, work
from cliptta_demo.page.session.state import Session
from cliptta_demo.tables.runs import collapsed

RUNNING = [lesson for lesson in LESSONS if lesson.runs]
every_lesson = pytest.mark.parametrize("lesson", RUNNING, ids=[lesson.key for lesson in RUNNING])
ROUNDING = 5  # standard deviations of what rounding changes: an alarm without a cause once in a million runs
# Sentences that compare in passing: what a loss does by its definition, or what another lesson claims.
PASSING = {
    "TENT makes every prediction more certain, right or wrong.",
    "Compare with the first lesson: the rate that lets CLIPTTA repair the model is one that TENT does not survive.",
    "CLIPTTA sees the same images with the same learning rate.",
}


def run(lesson: Lesson, seed: int) -> Run:
    """One click on Run, with that seed."""
    recipe = read_form(replace(lesson_values(lesson), seed=seed))
    experiment, _ = open_experiment(recipe, None)
    session = Session(recipe, experiment.start())
    for look in work(experiment, session):
        session = look.session
    summaries = summarise(session.snapshot)["methods"]
    columns = {name: numbers_of(summary | {"collapsed": collapsed(summary)}) for name, summary in summaries.items()}
    return Run(recipe.settings.stream.corruption, seed, columns)


@every_lesson
def test_all_of_a_lesson_shows_with_19_of_20_seeds(lesson: Lesson) -> None:
    study = f"lesson-{lesson.key}"
    assert RECORD.combinations(study) == list(COMBINATIONS)
    for combination in COMBINATIONS:
        assert [run.seed for run in RECORD.runs[study][combination.name]] == list(LESSON_SEEDS)
        assert len(RECORD.failing_seeds(study, lesson.claims, combination)) <= len(LESSON_SEEDS) // 20


@pytest.mark.slow
@every_lesson
def test_a_lesson_shows_here_what_was_recorded(lesson: Lesson) -> None:
    """One seed whose recorded numbers are so far from the limits that no processor's rounding brings them there."""
    study = f"lesson-{lesson.key}"
    rounding = {claim: RECORD.rounding(study, claim.quantity) for claim in lesson.claims}

    def safe(recorded: Run) -> bool:
        return all(c.distance(c.quantity.of(recorded.columns)) > ROUNDING * rounding[c] for c in lesson.claims)

    recorded = next(run for run in RECORD.runs[study][COMBINATIONS[0].name] if safe(run))
    fresh = run(lesson, recorded.seed)
    values = {claim: (claim.quantity.of(fresh.columns), claim.quantity.of(recorded.columns)) for claim in lesson.claims}
    assert [(claim.sentence, value) for claim, (value, _) in values.items() if not claim.holds(value)] == []


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
