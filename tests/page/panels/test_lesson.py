"""What the stepper of a lesson shows: guesses and claims are judged by the run at hand, and links open lessons."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pressing import press, small_model  # noqa: F401  (a fixture)

from cliptta_demo.page.form.fields import ADAPTATION_FIELDS
from cliptta_demo.page.form.reading import values_of
from cliptta_demo.page.layout.filling import address_of, change_one, open_address, open_lesson
from cliptta_demo.page.lessons.lesson import Change, Claim, Lesson, Told, lead, measure
from cliptta_demo.page.lessons.lessons import by_key, lesson_recipe
from cliptta_demo.page.lessons.questions import Ends, Goes, Lowest, Swallows
from cliptta_demo.page.panels import lesson as stepper
from cliptta_demo.page.panels.lesson import lesson_value
from cliptta_demo.page.panels.stage import shipped_run
from cliptta_demo.page.session.past import PastRun, PastRuns, past_run
from cliptta_demo.page.session.state import Mark, Session


def short(**changes: Any) -> Lesson:
    """A lesson of three small batches that asks every kind of question."""
    asks = (Lowest("?"), Ends("?", "cliptta"), Swallows("?", "tent"), Goes("?", "tent", 0.05))
    settings = {"batch_size": 8, "batches": 3, "steps": 2, "memory_shots": 1, **changes}
    claims = (
        Claim("a", lead("tent"), above=-1),
        Claim("b", measure("accuracy", "tent"), above=1),
        Claim("c", lead("cliptta"), above=0),
    )
    tries = (Change(text="?", button="?", settings={"severity": 5}, of="tent"),)
    told = (Told(text="?", panel="accuracy"),)
    about = {"key": "short", "title": "Short", "group": "start", "minutes": 1, "changes": settings}
    return Lesson(**about, asks=asks, explains=told, tries=tries, claims=claims)


def run_of(lesson: Lesson, batches: int | None = None, **changes: Any) -> tuple[Session, list]:
    form = values_of(lesson_recipe(lesson))
    return press(batches=batches, **{name: form[name] for name in ADAPTATION_FIELDS}, **changes)


def outcome(lesson: Lesson, session: Session | None, before: PastRun | None = None) -> dict:
    return json.loads(lesson_value(lesson, session, before))["outcome"]


def with_right(session: Session, **right: int) -> Session:
    """That run, had so many of its images been named rightly by each of these methods, and the others wrongly."""
    labels = np.concatenate([batch.labels for batch in session.results])
    methods, batch = {}, session.results[0]
    for name, count in right.items():
        predicted = np.where(np.arange(len(labels)) < count, labels, (labels + 1) % 12)
        methods[name] = replace(batch.methods[name], predicted=predicted)
    snapshots = {
        name: replace(session.snapshot.methods[name], seen=len(labels), right=count) for name, count in right.items()
    }
    results = (replace(batch, labels=labels, methods=methods),)
    return replace(session, results=results, snapshot=replace(session.snapshot, methods=snapshots))


def test_answers_and_verdicts_come_from_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = short()
    monkeypatch.setattr(stepper, "LESSONS", (lesson,))
    run, _ = run_of(lesson)
    found, methods = outcome(lesson, run), run.snapshot.methods
    assert found["state"] == "done"
    lowest, ends, swallows, goes = (found["answers"][f"short-{index}"] for index in range(4))
    assert ends["truth"] == round(100 * methods["cliptta"].accuracy, 1)
    assert f"{methods['cliptta'].accuracy:.1%}" in ends["words"]
    counts = run.state.tallies["tent"].histogram
    assert [counts[run.recipe.class_names.index(name)] for name in swallows["right"]] == [counts.max()] * len(
        swallows["right"]
    )
    gain = methods["tent"].paired.gain
    assert goes["right"] == ["stays" if abs(gain) <= 0.05 else "climbs" if gain > 0 else "falls"]
    assert min(methods, key=lambda name: methods[name].accuracy) in lowest["right"]
    noisy = methods["cliptta"].paired.is_noise
    third = "noise" if noisy else "holds" if methods["cliptta"].accuracy > methods["zero-shot"].accuracy else "fails"
    assert found["claims"] == [["a", "holds"], ["b", "fails"], ["c", third]]

    clear = outcome(lesson, with_right(run, **{"zero-shot": 20, "tent": 2, "cliptta": 20}))["answers"]["short-0"]
    assert clear == {"words": "TENT ends lowest, at 8.3%.", "brief": "TENT, at 8.3%", "right": ["tent"]}
    tied = outcome(lesson, with_right(run, **{"zero-shot": 3, "tent": 2, "cliptta": 20}))["answers"]["short-0"]
    assert tied["right"] == ["zero-shot", "tent"]  # one image of 24 is no difference
    assert "too close to tell apart" in tied["words"]


def test_only_the_lessons_own_whole_run_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = short()
    monkeypatch.setattr(stepper, "LESSONS", (lesson,))
    assert outcome(lesson, None) == {"state": "none"}
    part, _ = run_of(lesson, 1)
    assert outcome(lesson, part) == {"state": "part"}
    other, _ = run_of(lesson, seed=5)
    assert outcome(lesson, other) == {"state": "other"}
    whole, _ = run_of(lesson)
    changed, _ = run_of(lesson, severity=5)
    found = outcome(lesson, changed, past_run(whole))
    before, after = (run.snapshot.methods["tent"].accuracy for run in (whole, changed))
    assert found["state"] == "changed"
    assert f"TENT {before:.1%} → {after:.1%}" in found["more"]
    assert outcome(lesson, changed, past_run(changed))["more"] == ""  # what ran before is another try
    marked = replace(whole, marks=(Mark(1, "seed 2"),))
    assert outcome(lesson, marked) == {"state": "other"}


def test_a_lesson_hides_its_answer_and_shows_what_it_compares_with() -> None:
    shown = shipped_run()
    first = open_lesson("collapse", past=PastRuns(shown=shown))
    assert first["past_runs"].drawn is None
    second = open_lesson("patience", past=PastRuns(shown=shown))["past_runs"]
    assert second.drawn.name == "the opening run"
    assert second.drawn.methods is shown.methods
    assert open_lesson("strangers", past=second)["past_runs"].drawn is None
    after = change_one("collapse", None, first["past_runs"])
    assert after["severity"] == 1
    assert after["session"] is None


@pytest.mark.parametrize(
    ("query", "key", "starts"),
    [
        ({"lesson": "2"}, "patience", False),
        ({"lesson": "strangers", "start": "1"}, "strangers", True),
        ({"lesson": "photos", "start": "1"}, "photos", False),  # it waits for the visitor's images
    ],
)
def test_a_link_opens_a_lesson_and_may_start_it(query: dict[str, str], key: str, starts: bool) -> None:
    update = open_address(query)
    assert update["lesson_key"] == key
    assert ("go" in update) is starts
    form = values_of(lesson_recipe(by_key(key)))
    if by_key(key).runs:
        assert address_of(form, lesson=key)[0] == f"?lesson={key}"
        assert "lesson" not in address_of(form | {"seed": 9}, lesson=key)[0]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"lesson": "99"}, "lesson is &#x27;99&#x27;; it must be one of: collapse"),
        ({"lesson": "2", "start": "yes"}, "start is &#x27;yes&#x27;; it must be one of: 0, 1"),
        ({"lesson": "2", "severity": "3"}, "not both: this one says lesson and severity."),
    ],
)
def test_a_bad_link_to_a_lesson_is_told(query: dict[str, str], words: str) -> None:
    update = open_address(query)
    assert words in update["message"]
    assert set(update) == {"message"}
