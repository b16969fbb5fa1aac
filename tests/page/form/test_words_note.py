"""What the built-in model knows of the words in the form."""

from __future__ import annotations

import re

from cliptta_demo.backend.models.known_words import known_words, split_by_knowledge
from cliptta_demo.backend.models.offered import LAPTOPS
from cliptta_demo.page.form.reading import readable
from cliptta_demo.page.layout.backbone_note import words_note_html, words_offer
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.words.defaults import UPLOAD


def offer_for(form: dict) -> str:
    offer = words_offer(Machine(), readable(form))
    return re.sub(r"(a batch about) .*", r"\1", offer)  # how long, is measured anew each time


def note_for(form: dict) -> str:
    return words_note_html(readable(form))


def test_words_are_told_apart_by_what_they_were_met_with() -> None:
    assert {"cat", "truck"} <= known_words()[0]
    assert split_by_knowledge(("cat", "Cats", "flag_of_nowhere", "zebra")) == (("zebra",), ("flag_of_nowhere",))


def test_the_form_says_so_for_the_built_in_model_alone() -> None:
    form = {"dataset": UPLOAD, "class_names": "cat, <b>xylograph</b>, dog"}
    assert "guess" in note_for(form)
    assert "&lt;b&gt;xylograph" in note_for(form)
    assert "photographs" in note_for({"dataset": UPLOAD, "class_names": "zebra, cat"})  # no image yet
    assert note_for({}) == note_for({"class_names": "cat, dog"}) == words_note_html(None)  # nothing
    offer = offer_for(form)
    for words in ("CLIP ViT-B/32", "605 MB", "a batch about"):
        assert words in offer
    assert "<p" not in note_for(form | {"backbone": LAPTOPS})
    assert offer_for(form | {"backbone": LAPTOPS}) == offer_for({"class_names": "cat, dog"}) == ""
    assert "<p" not in note_for(form | {"class_names": "cat"})  # one class: no run, and no note
    many = ", ".join(f"word{number}x" for number in range(9))
    assert "and 3 more" in note_for(form | {"class_names": many})
