"""Lessons on the visitor's own images."""

from __future__ import annotations

from cliptta_demo.languages import say
from cliptta_demo.page.defaults import DATASET_DEFAULTS, UPLOAD
from cliptta_demo.page.lessons.lesson import Lesson, Told

OWN_PHOTOS = Lesson(
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
)
