"""Lessons: guided experiments, each a short text, settings that one click loads and runs, and what to look for.

What a lesson claims is written as checks on the run's numbers; a test runs every lesson and holds it to them.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cliptta_demo.backend.backbones import tuned_adaptation
from cliptta_demo.backend.catalog import picture_class_names
from cliptta_demo.backend.snapshot import Snapshot
from cliptta_demo.page.defaults import DATASET_DEFAULTS, DEFAULTS, UPLOAD
from cliptta_demo.page.form import FormValues
from cliptta_demo.page.links import starting_values

Check = Callable[[Snapshot], bool]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One guided experiment.

    Attributes:
        key: its name in the page; title: of its button.
        text: why one would run it; look_for: what to watch.
        changes: settings that differ from the opening experiment, by the names of the form.
        checks: what the text claims → whether a finished run shows it.
        runs: False where the visitor must do something first.
    """

    key: str
    title: str
    text: str
    look_for: str
    changes: dict[str, Any]
    checks: dict[str, Check] = field(default_factory=dict)
    runs: bool = True


def accuracy(snapshot: Snapshot, method: str) -> float:
    """Accuracy over the stream, 0 to 1."""
    return snapshot.methods[method].accuracy


def gain(snapshot: Snapshot, method: str) -> float:
    """Accuracy above zero-shot's, -1 to 1."""
    return accuracy(snapshot, method) - accuracy(snapshot, "zero-shot")


def entropy_share(snapshot: Snapshot, method: str) -> float:
    """Collapse entropy of the last batch as a share of its ceiling, 0 to 1."""
    return snapshot.methods[method].batch.collapse_entropy / math.log(len(snapshot.class_names))


def largest_share(snapshot: Snapshot, method: str) -> float:
    """The share of the last batch that its commonest prediction has."""
    return snapshot.methods[method].series.largest_class_share[-1]


LESSONS: tuple[Lesson, ...] = (
    Lesson(
        key="collapse",
        title="Watch TENT collapse",
        text="TENT makes every prediction more certain, right or wrong. Under heavy noise many are wrong, and each "
        "step makes the next batch a little more alike. CLIPTTA sees the same images with the same learning rate.",
        look_for="TENT's bars pile onto one class and its entropy falls to the floor, while CLIPTTA's stays near "
        "the ceiling and its accuracy climbs above zero-shot.",
        changes={},
        checks={
            "TENT ends below zero-shot": lambda s: gain(s, "tent") < -0.05,
            "TENT's bars pile onto one class": lambda s: largest_share(s, "tent") > 0.6,
            "TENT's entropy falls to the floor": lambda s: entropy_share(s, "tent") < 0.35,
            "CLIPTTA's entropy stays near the ceiling": lambda s: entropy_share(s, "cliptta") > 0.85,
            "CLIPTTA climbs above zero-shot": lambda s: gain(s, "cliptta") > 0.08,
        },
    ),
    Lesson(
        key="patience",
        title="Small steps for TENT",
        text="Is TENT just badly tuned? With a learning rate of 0.00005 it no longer collapses. But now "
        "it hardly learns either, and neither does CLIPTTA: the room between too much and too little is what differs.",
        look_for="All three curves close together. Compare with the first lesson: the rate that lets CLIPTTA repair "
        "the model is one that TENT does not survive.",
        changes={"learning_rate": 5e-5},
        checks={
            "TENT no longer collapses": lambda s: entropy_share(s, "tent") > 0.5,
            "TENT stays within ten points of zero-shot": lambda s: abs(gain(s, "tent")) < 0.10,
        },
    ),
    Lesson(
        key="batch",
        title="Why the batch matters",
        text="CLIPTTA compares each image with the captions predicted for the rest of its batch. Four images at a time "
        "leave little to compare with; the memory of confident images has to stand in for the batch.",
        look_for="CLIPTTA still holds, but gains less than with 64 images a batch. Set the memory to 0 shots in "
        "Advanced and run again: now nothing is left to lean on.",
        changes={"batch_size": 4, "batches": 48, "methods": ["zero-shot", "cliptta"]},
        checks={"CLIPTTA still holds": lambda s: gain(s, "cliptta") > 0.0},
    ),
    Lesson(
        key="strangers",
        title="Strangers in the stream",
        text="Half of these images are flags: none of the classes. Adapting on them would teach the model nonsense, so "
        "CLIPTTA + OCE learns a threshold, pushes known and unknown apart, and adapts on what looks known.",
        look_for="Under “Known or stranger?” the two hills part: AUROC rises and FPR95 falls from zero-shot to CLIPTTA "
        "+ OCE.",
        changes={
            "corruption": "gaussian_noise",
            "severity": 3,
            "ood_share": 0.5,
            "methods": ["zero-shot", "cliptta", "cliptta-oce"],
        },
        checks={
            "AUROC rises": lambda s: s.methods["cliptta-oce"].auroc > s.methods["zero-shot"].auroc + 0.03,
            "FPR95 falls": lambda s: s.methods["cliptta-oce"].fpr95 < s.methods["zero-shot"].fpr95 - 0.05,
        },
    ),
    Lesson(
        key="style",
        title="A style never seen",
        text="No noise here, only art drawn by other people: the model never saw this style in training. A shift need "
        "not look like damage to be one. All classes of the built-in pictures take part.",
        look_for="Zero-shot has lost accuracy although every picture is clear to you. Adapting changes little: most "
        "predictions are confident, and TENT, with no noise to feed it errors, does no worse than CLIPTTA.",
        changes={"dataset": "unseen-style", "corruption": "none", "class_names": ", ".join(picture_class_names())},
        checks={
            "zero-shot has lost accuracy": lambda s: 0.65 < accuracy(s, "zero-shot") < 0.92,
            "CLIPTTA changes little": lambda s: abs(gain(s, "cliptta")) < 0.05,
            "TENT does no worse": lambda s: accuracy(s, "tent") > accuracy(s, "cliptta") - 0.02,
        },
    ),
    Lesson(
        key="clean",
        title="Nothing to repair",
        text="Adapting is not free of risk. These images are clean and zero-shot reads them almost without error, so "
        "whatever moves the model can only harm it.",
        look_for="Three curves at the top. Watch “fixed” and “broke” in the cards: CLIPTTA changes next to nothing.",
        changes={"corruption": "none"},
        checks={
            "zero-shot is almost without error": lambda s: accuracy(s, "zero-shot") > 0.95,
            "CLIPTTA changes next to nothing": lambda s: abs(gain(s, "cliptta")) < 0.02,
        },
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
    return replace(starting_values(tuned_adaptation(DEFAULTS.backbone)), **lesson.changes)


def lesson_html(lesson: Lesson | None) -> str:
    """The open lesson's text; empty where none is open."""
    if lesson is None:
        return '<div class="lesson" hidden></div>'
    number = LESSONS.index(lesson) + 1
    return (
        f'<article class="lesson" data-lesson="{lesson.key}"><h2><span>{number}</span>{html.escape(lesson.title)}</h2>'
        f"<p>{html.escape(lesson.text)}</p>"
        f'<p class="look-for"><b>Look for:</b> {html.escape(lesson.look_for)}</p></article>'
    )
