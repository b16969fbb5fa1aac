"""Lessons on the visitor's own images."""

from __future__ import annotations

from cliptta_demo.languages import Text
from cliptta_demo.page.lessons.lesson import Lesson, Told
from cliptta_demo.page.words.defaults import DATASET_DEFAULTS, UPLOAD

ON_A_DESK = (
    "bottle",
    "spoon",
    "keyboard",
    "phone",
    "remote",
    "book",
    "shoe",
    "sunglasses",
    "banana",
    "lemon",
    "orange",
)

OWN_PHOTOS = Lesson(
    key="photos",
    title=Text("Your own photos"),
    changes={"dataset": UPLOAD, "corruption": "none", "class_names": ", ".join(DATASET_DEFAULTS[UPLOAD][0])},
    explains=(
        Told(
            text=Text(
                "The built-in model knows two hundred kinds of things in photographs; “Class names” marks words "
                "new to it. Add photos, press Run."
            ),
            panel="files",
        ),
        Told(
            text=Text(
                "Here is what zero-shot and the adapted models call each photo. A handful is not much to adapt "
                "on: expect few changes."
            ),
            panel="gallery",
        ),
    ),
    runs=False,
)

CAMERA = Lesson(
    key="camera",
    title=Text("Your camera"),
    changes={"dataset": UPLOAD, "corruption": "none", "class_names": ", ".join(ON_A_DESK)},
    explains=(
        Told(
            text=Text(
                "“Class names” holds things that may lie on your desk; change them if you like. Then press “Open "
                "the camera”, and show it one of them."
            ),
            panel="camera",
        ),
        Told(
            text=Text(
                "Zero-shot and the adapted models name each frame. They learn from the last sixteen: turn the thing, "
                "change the background, wait."
            ),
            panel="camera",
        ),
        Told(
            text=Text(
                "Lay frost or noise over it, or hold thin paper before the lens. Whose words change first, and who "
                "finds back?"
            ),
            panel="camera",
        ),
        Told(
            text=Text("Press the number of what is really there, and accuracy appears: now you know who is right."),
            panel="camera",
        ),
    ),
    runs=False,
)
