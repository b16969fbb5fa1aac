"""Lessons: guided experiments. Each asks first, then runs, shows the guess beside the truth, explains, and asks what
one changed setting would do.

What a lesson says of the methods is declared as claims on its run's numbers. ``python -m cliptta_demo claims`` measures
with how many seeds a run shows all of them, and a test holds every lesson to at least 19 of 20. What the visitor reads
beside a claim, and what a guess is compared with, comes from the run at hand alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from cliptta_demo.backend.data.catalog import picture_class_names
from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.claims.claim import Claim, lead, measure
from cliptta_demo.languages import say
from cliptta_demo.page.defaults import DATASET_DEFAULTS, DEFAULTS, UPLOAD
from cliptta_demo.page.form.fields import FormValues, linked_names
from cliptta_demo.page.form.lesson import Change, Lesson, Told
from cliptta_demo.page.form.opening import starting_values
from cliptta_demo.page.form.questions import Ends, Goes, Lowest, Swallows
from cliptta_demo.page.texts import LINK_LESSON_ALONE

LESSONS: tuple[Lesson, ...] = (
    Lesson(
        key="collapse",
        title=say("Watch TENT collapse"),
        changes={},
        asks=(
            Lowest(say("TENT makes each guess surer, right or wrong. Which curve ends lowest?")),
            Swallows(say("Which class will swallow most of TENT's predictions?"), "tent"),
            Ends(say("CLIPTTA sees the same images, at the same rate. Where will it end?"), "cliptta"),
        ),
        explains=(
            Told(
                text=say(
                    "TENT's bars pile onto one class, its entropy falls to the floor and its accuracy below "
                    "zero-shot's: each wrong guess feeds the next."
                ),
                panel="histogram",
            ),
            Told(
                text=say(
                    "CLIPTTA's entropy stays near the ceiling, and its accuracy climbs above zero-shot's: it compares "
                    "each image with its whole batch."
                ),
                panel="entropy",
            ),
        ),
        change=Change(
            text=say("Is it the noise that TENT does not survive? Make it milder."),
            button=say("Severity 1: run"),
            settings={"severity": 1},
        ),
        claims=(
            Claim(say("TENT's bars pile onto one class"), measure("largest_share", "tent"), above=0.6),
            Claim(say("its entropy falls to the floor"), measure("entropy_share", "tent"), below=0.35),
            Claim(say("its accuracy below zero-shot's"), lead("tent"), below=0),
            Claim(say("CLIPTTA's entropy stays near the ceiling"), measure("entropy_share", "cliptta"), above=0.85),
            Claim(say("its accuracy climbs above zero-shot's"), lead("cliptta"), above=0),
        ),
    ),
    Lesson(
        key="patience",
        title=say("Small steps for TENT"),
        changes={"learning_rate": 5e-5},
        asks=(Goes(say("Is TENT just badly tuned? At a learning rate of 0.00005 it …"), "tent", 0.05),),
        explains=(
            Told(
                text=say(
                    "TENT is careful: it no longer collapses. All three curves close together: CLIPTTA learns only a "
                    "little."
                ),
                panel="accuracy",
            ),
            Told(
                text=say(
                    "Compare with the dotted curves of the first lesson: the rate that lets CLIPTTA repair the model "
                    "is one that TENT does not survive."
                ),
                panel="accuracy",
            ),
        ),
        change=Change(
            text=say("Is there a rate in between, at which both learn?"),
            button=say("Learning rate 0.0003: run"),
            settings={"learning_rate": 3e-4},
        ),
        claims=(
            Claim(say("it no longer collapses"), measure("entropy_share", "tent"), above=0.5),
            Claim(say("All three curves close together"), lead("tent"), above=-0.05, below=0.05),
            Claim(say("CLIPTTA learns only a little"), lead("cliptta"), above=-0.05, below=0.05),
        ),
        compare="collapse",
    ),
    Lesson(
        key="batch",
        title=say("Why the batch matters"),
        changes={"batch_size": 4, "batches": 48, "methods": ["zero-shot", "cliptta"]},
        asks=(Ends(say("CLIPTTA compares a batch's images. With only four, where will it end?"), "cliptta"),),
        explains=(
            Told(
                text=say(
                    "CLIPTTA still climbs above zero-shot: beside the four images stands its memory of confident ones."
                ),
                panel="accuracy",
            ),
        ),
        change=Change(
            text=say("And without the memory, with nothing but four images to lean on?"),
            button=say("Memory 0 shots: run"),
            settings={"memory_shots": 0},
        ),
        claims=(Claim(say("CLIPTTA still climbs above zero-shot"), lead("cliptta"), above=0),),
    ),
    Lesson(
        key="strangers",
        title=say("Strangers in the stream"),
        changes={
            "corruption": "gaussian_noise",
            "severity": 3,
            "ood_share": 0.5,
            "methods": ["zero-shot", "cliptta", "cliptta-oce"],
        },
        asks=(
            Goes(
                say("Half of the images are flags. The AUROC of CLIPTTA + OCE …"),
                "cliptta-oce",
                0.01,
                measure="auroc",
                panel="scores",
            ),
        ),
        explains=(
            Told(
                text=say(
                    "The two hills part: AUROC rises from zero-shot to CLIPTTA + OCE, which learns a threshold and "
                    "adapts on what looks known."
                ),
                panel="scores",
            ),
        ),
        change=Change(
            text=say("And if strangers are rare?"),
            button=say("OOD share 0.1: run"),
            settings={"ood_share": 0.1},
            panel="scores",
        ),
        claims=(Claim(say("AUROC rises"), lead("cliptta-oce", name="auroc"), above=0),),
    ),
    Lesson(
        key="style",
        title=say("A style never seen"),
        changes={"dataset": "unseen-style", "corruption": "none", "class_names": ", ".join(picture_class_names())},
        asks=(
            Ends(say("Art in a style never seen in training. Where will zero-shot end?"), "zero-shot"),
            Goes(say("You know each picture at once. Will adapting help the model? CLIPTTA …"), "cliptta", 0.05),
        ),
        explains=(
            Told(
                text=say(
                    "Zero-shot has lost accuracy although every picture is clear to you: a shift need not look like "
                    "damage to be one."
                ),
                panel="gallery",
            ),
            Told(
                text=say("Adapting changes little, with TENT or with CLIPTTA: most predictions are confident already."),
                panel="accuracy",
            ),
        ),
        change=Change(
            text=say("And with noise on top of the style?"),
            button=say("Gaussian noise: run"),
            settings={"corruption": "gaussian_noise"},
        ),
        claims=(
            Claim(say("Zero-shot has lost accuracy"), measure("accuracy", "zero-shot"), below=0.92),
            Claim(say("Adapting changes little, with TENT"), lead("tent"), above=-0.05, below=0.05),
            Claim(say("or with CLIPTTA"), lead("cliptta"), above=-0.05, below=0.05),
        ),
    ),
    Lesson(
        key="clean",
        title=say("Nothing to repair"),
        changes={"corruption": "none"},
        asks=(
            Goes(
                say("Clean images: there is hardly anything to repair. CLIPTTA …"),
                "cliptta",
                0.02,
            ),
        ),
        explains=(
            Told(
                text=say(
                    "There is nothing to win: zero-shot reads them almost without error. Three curves at the top; "
                    "TENT and CLIPTTA change next to nothing."
                ),
                panel="accuracy",
            ),
        ),
        change=Change(
            text=say("And with twenty steps on each batch, in place of three?"),
            button=say("20 steps: run"),
            settings={"steps": 20},
        ),
        claims=(
            Claim(say("zero-shot reads them almost without error"), measure("accuracy", "zero-shot"), above=0.95),
            Claim(say("Three curves at the top"), lead("tent"), above=-0.02, below=0.02),
            Claim(say("CLIPTTA change next to nothing"), lead("cliptta"), above=-0.02, below=0.02),
        ),
    ),
    Lesson(
        key="photos",
        title=say("Your own photos"),
        changes={"dataset": UPLOAD, "corruption": "none", "class_names": ", ".join(DATASET_DEFAULTS[UPLOAD][0])},
        explains=(
            Told(
                text=say(
                    "The built-in model knows two hundred kinds of things in photographs; “Class names” marks words "
                    "new to it. Add photos, press Run."
                ),
                panel="files",
            ),
            Told(
                text=say(
                    "Here is what zero-shot and the adapted models call each photo. A handful is not much to adapt "
                    "on: expect few changes."
                ),
                panel="gallery",
            ),
        ),
        runs=False,
    ),
)


def by_key(key: str) -> Lesson:
    """The lesson of that key. Raises ``KeyError`` for an unknown one."""
    return {lesson.key: lesson for lesson in LESSONS}[key]


def lesson_values(lesson: Lesson) -> FormValues:
    """The whole form that a lesson asks for."""
    return starting_values(tuned_adaptation(DEFAULTS.backbone)).changed(lesson.changes)


def changed_values(lesson: Lesson) -> FormValues:
    """The form with the lesson's one change; its own where there is none."""
    return lesson_values(lesson).changed(lesson.change.settings if lesson.change else {})


def read_lesson(query: Mapping[str, str]) -> tuple[str, bool]:
    """(key of the lesson that an address opens, whether it starts): ``?lesson=2&start=1``, by number or key.

    Raises:
        UserError: no such lesson, or settings beside it.
    """
    said, start = query["lesson"], query.get("start", "0")
    keys = {lesson.key: lesson.key for lesson in LESSONS} | {str(n): one.key for n, one in enumerate(LESSONS, 1)}
    check_choice("lesson", said, tuple(keys))
    check_choice("start", start, ("0", "1"))
    if others := [name for name in linked_names() if name in query]:
        raise UserError(LINK_LESSON_ALONE.format(name=others[0]))
    return keys[said], start == "1" and by_key(keys[said]).runs
