"""Lessons: guided experiments. Each asks first, runs, shows the guess beside the truth, explains, and asks what one
changed setting would do.

What a lesson says of the methods is declared as claims: ``python -m cliptta_demo claims`` measures with how many seeds
a run shows all of them, and a test holds every lesson to at least 19 of 20. What the visitor reads beside a claim or a
guess comes from the run at hand alone.
"""

from collections.abc import Mapping

from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text
from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.lessons import losses, streams
from cliptta_demo.page.lessons.lesson import Lesson, Told
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.page.words.defaults import PHOTOGRAPHED, UPLOAD

ON_A_DESK = "bottle, spoon, keyboard, phone, remote, book, shoe, sunglasses, banana, lemon, orange"

OWN_PHOTOS = Lesson(
    key="photos",
    title=Text("What does it see in your photos?"),
    group="yours",
    minutes=5,
    changes={"dataset": UPLOAD, "corruption": "none", "class_names": ", ".join(PHOTOGRAPHED)},
    explains=(
        Told(
            "Choose some photos. Which of them will the model name rightly? It may say the “Class names” alone: change "
            "them, then add the photos and press Run.",
            "files",
        ),
        Told(
            "Were you right? It is a handful of photos, with nothing to repair: will any name change?",
            "words",
        ),
        Told(
            "Now spoil them: choose a corruption, severity 5, and run again. Which photo is lost first, and who still "
            "names it?",
            "words",
        ),
    ),
    runs=False,
)

CAMERA = Lesson(
    key="camera",
    title=Text("Can it learn from your camera?"),
    group="yours",
    minutes=5,
    changes={"dataset": UPLOAD, "corruption": "none", "class_names": ON_A_DESK},
    explains=(
        Told(
            "“Class names” holds things that may lie on your desk; change them if you like. Open the camera, and show "
            "it one of them. Who names it?",
            "camera",
        ),
        Told(
            "TENT and CLIPTTA learn from the last sixteen frames. Turn the thing, change the background: does a name "
            "change that zero-shot keeps?",
            "camera",
        ),
        Told(
            "Lay frost or noise over it, or hold thin paper before the lens. Whose words change first, and who finds "
            "back?",
            "camera",
        ),
        Told("Press the number of what is really there, and accuracy appears: who is right, and how often?", "camera"),
    ),
    runs=False,
)

# In the order of their numbers in links: what is added goes behind.
LESSONS: tuple[Lesson, ...] = (
    losses.COLLAPSE,
    losses.PATIENCE,
    losses.BATCH,
    streams.STRANGERS,
    streams.STYLE,
    losses.CLEAN,
    OWN_PHOTOS,
    CAMERA,
    streams.TURNS,
    streams.RUNS,
    losses.FAIR,
    streams.PACE,
)


def by_key(key: str) -> Lesson:
    """The lesson of that key. Raises ``KeyError`` for an unknown one."""
    return {lesson.key: lesson for lesson in LESSONS}[key]


def lesson_recipe(lesson: Lesson) -> Recipe:
    """The run that a lesson asks for."""
    return read_form(lesson.changes)


def tried_recipes(lesson: Lesson) -> list[Recipe]:
    """That run with each of the changes that the lesson tries at its end."""
    return [read_form(lesson.changes | change.settings) for change in lesson.tries]


def read_lesson(query: Mapping[str, str]) -> tuple[str, bool]:
    """(key of the lesson that an address opens, whether it starts): ``?lesson=2&start=1``, by number or key.

    Raises:
        UserError: no such lesson, or settings beside it.
    """
    said, start = query["lesson"], query.get("start", "0")
    keys = {lesson.key: lesson.key for lesson in LESSONS} | {str(n): one.key for n, one in enumerate(LESSONS, 1)}
    check_choice("lesson", said, tuple(keys))
    check_choice("start", start, ("0", "1"))
    if others := [name for name in fields() if name in query]:
        words = Text("A link opens a lesson or an experiment, not both: this one says lesson and {name}.")
        raise UserError(words, name=others[0])
    return keys[said], start == "1" and by_key(keys[said]).runs
