"""Lessons: guided experiments, each a short text, settings that one click loads and runs, and what to look for.

What a lesson says of the methods is declared as claims on its run's numbers. ``python -m cliptta_demo claims`` measures
with how many seeds one click shows all of them, and a test holds every lesson to at least 19 of 20.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.claims.claim import Claim, lead, measure
from cliptta_demo.page.defaults import DATASET_DEFAULTS, DEFAULTS, UPLOAD
from cliptta_demo.page.form.fields import FormValues
from cliptta_demo.page.form.opening import starting_values
from cliptta_demo.page.form.said import said


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One guided experiment.

    Attributes:
        key: its name in the page; title: of its button.
        text: why one would run it; look_for: what to watch.
        changes: settings that differ from the package's experiment, by the names of the form.
        claims: what its words say of the methods; each sentence is a part of ``text`` or ``look_for``.
        runs: False where the visitor must do something first.
    """

    key: str
    title: str
    text: str
    look_for: str
    changes: dict[str, Any]
    claims: tuple[Claim, ...] = ()
    runs: bool = True


LESSONS: tuple[Lesson, ...] = (
    Lesson(
        key="collapse",
        title="Watch TENT collapse",
        text="TENT makes every prediction more certain, right or wrong. Under heavy noise many are wrong, and each "
        "step makes the next batch a little more alike. CLIPTTA sees the same images with the same learning rate.",
        look_for="TENT's bars pile onto one class, its entropy falls to the floor and its accuracy below zero-shot's. "
        "CLIPTTA's entropy stays near the ceiling, and its accuracy climbs above zero-shot's.",
        changes={},
        claims=(
            Claim("TENT's bars pile onto one class", measure("largest_share", "tent"), above=0.6),
            Claim("its entropy falls to the floor", measure("entropy_share", "tent"), below=0.35),
            Claim("its accuracy below zero-shot's", lead("tent"), below=0),
            Claim("CLIPTTA's entropy stays near the ceiling", measure("entropy_share", "cliptta"), above=0.85),
            Claim("its accuracy climbs above zero-shot's", lead("cliptta"), above=0),
        ),
    ),
    Lesson(
        key="patience",
        title="Small steps for TENT",
        text="Is TENT just badly tuned? With a learning rate of 0.00005 it no longer collapses. But now "
        "it hardly learns either, and CLIPTTA learns only a little: the room between too much and too little differs.",
        look_for="All three curves close together. Compare with the first lesson: the rate that lets CLIPTTA repair "
        "the model is one that TENT does not survive.",
        changes={"learning_rate": 5e-5},
        claims=(
            Claim("it no longer collapses", measure("entropy_share", "tent"), above=0.5),
            Claim("All three curves close together", lead("tent"), above=-0.05, below=0.05),
            Claim("CLIPTTA learns only a little", lead("cliptta"), above=-0.05, below=0.05),
        ),
    ),
    Lesson(
        key="batch",
        title="Why the batch matters",
        text="CLIPTTA compares each image with the captions predicted for the rest of its batch. Four images at a time "
        "leave little to compare with; the memory of confident images has to stand in for the batch.",
        look_for="CLIPTTA still climbs above zero-shot. Then set the memory to 0 shots in Advanced and run again: now "
        "it has nothing but four images to lean on.",
        changes={"batch_size": 4, "batches": 48, "methods": ["zero-shot", "cliptta"]},
        claims=(Claim("CLIPTTA still climbs above zero-shot", lead("cliptta"), above=0),),
    ),
    Lesson(
        key="strangers",
        title="Strangers in the stream",
        text="Half of these images are flags: none of the classes. Adapting on them would teach the model nonsense, so "
        "CLIPTTA + OCE learns a threshold, pushes known and unknown apart, and adapts on what looks known.",
        look_for="Under “Known or stranger?” the two hills part: AUROC rises from zero-shot to CLIPTTA + OCE.",
        changes={
            "corruption": "gaussian_noise",
            "severity": 3,
            "ood_share": 0.5,
            "methods": ["zero-shot", "cliptta", "cliptta-oce"],
        },
        claims=(Claim("AUROC rises", lead("cliptta-oce", name="auroc"), above=0),),
    ),
    Lesson(
        key="style",
        title="A style never seen",
        text="No noise here, only art drawn by other people: the model never saw this style in training. A shift need "
        "not look like damage to be one. All classes of the built-in pictures take part.",
        look_for="Zero-shot has lost accuracy although every picture is clear to you. Adapting changes little, with "
        "TENT or with CLIPTTA: most predictions are confident already.",
        changes={"dataset": "unseen-style", "corruption": "none", "class_names": ", ".join(picture_class_names())},
        claims=(
            Claim("Zero-shot has lost accuracy", measure("accuracy", "zero-shot"), below=0.92),
            Claim("Adapting changes little, with TENT", lead("tent"), above=-0.05, below=0.05),
            Claim("or with CLIPTTA", lead("cliptta"), above=-0.05, below=0.05),
        ),
    ),
    Lesson(
        key="clean",
        title="Nothing to repair",
        text="Adapting is not free of risk. These images are clean and zero-shot reads them almost without error: "
        "there is nothing to win.",
        look_for="Three curves at the top. Watch “fixed” and “broke” in the cards: TENT and CLIPTTA change next to "
        "nothing.",
        changes={"corruption": "none"},
        claims=(
            Claim("zero-shot reads them almost without error", measure("accuracy", "zero-shot"), above=0.95),
            Claim("Three curves at the top", lead("tent"), above=-0.02, below=0.02),
            Claim("CLIPTTA change next to nothing", lead("cliptta"), above=-0.02, below=0.02),
        ),
    ),
    Lesson(
        key="photos",
        title="Your own photos",
        text="The built-in model has seen small photos of ten things: airplane, car, bird, cat, deer, dog, frog, "
        "horse, ship and truck. Add some of yours, choose a corruption if you like, then press Run.",
        look_for="In the gallery, what zero-shot and the adapted models call each photo, and how sure they are. With "
        "a handful of photos there is little to adapt on: expect few changes.",
        changes={"dataset": UPLOAD, "corruption": "none", "class_names": ", ".join(DATASET_DEFAULTS[UPLOAD][0])},
        runs=False,
    ),
)


def by_key(key: str) -> Lesson:
    """The lesson of that key. Raises ``KeyError`` for an unknown one."""
    return {lesson.key: lesson for lesson in LESSONS}[key]


def lesson_values(lesson: Lesson) -> FormValues:
    """The whole form that a lesson asks for."""
    return starting_values(tuned_adaptation(DEFAULTS.backbone)).changed(lesson.changes)


def lesson_html(lesson: Lesson | None) -> str:
    """The open lesson's text; empty where none is open."""
    if lesson is None:
        return '<div class="lesson" hidden></div>'
    number, sets = LESSONS.index(lesson) + 1, " · ".join(_set_by(lesson)) or "the settings that the page comes with"
    return (
        f'<article class="lesson" data-lesson="{lesson.key}"><h2><span>{number}</span>{html.escape(lesson.title)}</h2>'
        f"<p>{html.escape(lesson.text)}</p>"
        f'<p class="look-for"><b>Look for:</b> {html.escape(lesson.look_for)}</p>'
        f'<p class="sets"><b>Set by this lesson:</b> {html.escape(sets)}</p></article>'
    )


def _set_by(lesson: Lesson) -> list[str]:
    """What a lesson changes of the package's experiment, in the words of the form."""
    return [said(name, value) for name, value in lesson.changes.items()]
