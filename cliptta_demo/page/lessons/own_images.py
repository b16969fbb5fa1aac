"""Lessons on the visitor's own images."""

from cliptta_demo.languages import Text
from cliptta_demo.page.lessons.lesson import Lesson, Told
from cliptta_demo.page.words.defaults import DATASET_DEFAULTS, UPLOAD

ON_A_DESK = (
    *("bottle", "spoon", "keyboard", "phone", "remote", "book", "shoe", "sunglasses", "banana", "lemon", "orange"),
)

OWN_PHOTOS = Lesson(
    key="photos",
    title=Text("Your own photos"),
    changes={"dataset": UPLOAD, "corruption": "none", "class_names": ", ".join(DATASET_DEFAULTS[UPLOAD][0])},
    explains=(
        Told(
            "The built-in model knows two hundred kinds of things in photographs; “Class names” marks words "
            "new to it. Add photos, press Run.",
            "files",
        ),
        Told(
            "Here is what zero-shot and the adapted models call each photo. A handful is not much to adapt "
            "on: expect few changes.",
            "gallery",
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
            "“Class names” holds things that may lie on your desk; change them if you like. Then press “Open "
            "the camera”, and show it one of them.",
            "camera",
        ),
        Told(
            "Zero-shot and the adapted models name each frame. They learn from the last sixteen: turn the thing, "
            "change the background, wait.",
            "camera",
        ),
        Told(
            "Lay frost or noise over it, or hold thin paper before the lens. Whose words change first, and who "
            "finds back?",
            "camera",
        ),
        Told("Press the number of what is really there, and accuracy appears: now you know who is right.", "camera"),
    ),
    runs=False,
)
