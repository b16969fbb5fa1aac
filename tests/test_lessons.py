"""Every lesson is run as one click runs it, and must show what its text claims."""

from __future__ import annotations

import pytest

from cliptta_demo.page.form import read_form
from cliptta_demo.page.lessons import LESSONS, Lesson, by_key, lesson_html, lesson_values
from cliptta_demo.page.runner import open_experiment, work
from cliptta_demo.page.session import Session

RUNNING = [lesson for lesson in LESSONS if lesson.runs]


def run(lesson: Lesson) -> Session:
    recipe = read_form(lesson_values(lesson))
    experiment, _ = open_experiment(recipe, None)
    session = Session(recipe, experiment.start())
    for look in work(experiment, session):
        session = look.session
    return session


@pytest.mark.slow
@pytest.mark.parametrize("lesson", RUNNING, ids=[lesson.key for lesson in RUNNING])
def test_a_lesson_shows_what_it_claims(lesson: Lesson) -> None:
    snapshot = run(lesson).snapshot
    numbers = {name: (m.accuracy, m.batch.collapse_entropy, m.auroc, m.fpr95) for name, m in snapshot.methods.items()}
    failed = [claim for claim, check in lesson.checks.items() if not check(snapshot)]
    assert failed == [], numbers


def test_lessons_are_at_least_five_and_say_what_to_look_for() -> None:
    assert len(LESSONS) >= 5
    assert len({lesson.key for lesson in LESSONS}) == len(LESSONS)
    for lesson in LESSONS:
        assert lesson.checks or not lesson.runs
        assert len(lesson.text) < 400
        assert "Look for:" in lesson_html(lesson)
        assert by_key(lesson.key) is lesson
