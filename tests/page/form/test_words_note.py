"""What the built-in model knows of the words in the form."""

from __future__ import annotations

import re

from cliptta_demo.backend.models.known_words import known_words, split_by_knowledge
from cliptta_demo.backend.models.offered import LAPTOPS
from cliptta_demo.page.form.fields import FormValues
from cliptta_demo.page.form.reading import readable
from cliptta_demo.page.layout.backbone_note import words_offer
from cliptta_demo.page.layout.words_note import words_note_html
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.words.defaults import UPLOAD


def offer_for(form: FormValues) -> str:
    offer = words_offer(Machine(), form, readable(form))
    return re.sub(r"(a batch about) .*", r"\1", offer)  # how long, is measured anew each time


def test_words_are_told_apart_by_what_they_were_met_with() -> None:
    assert {"cat", "truck"} <= known_words()[0]
    assert split_by_knowledge(("cat", "Cats", "flag_of_nowhere", "zebra")) == (("zebra",), ("flag_of_nowhere",))


def test_the_form_says_so_for_the_built_in_model_alone() -> None:
    form = FormValues(class_names="cat, <b>xylograph</b>, dog")
    note = words_note_html(form)
    assert "guess" in note
    assert words_note_html(FormValues()) == words_note_html(form.changed({"class_names": "cat, dog"}))  # nothing
    assert "photographs" in words_note_html(FormValues().changed({"dataset": UPLOAD}))
    assert "&lt;b&gt;xylograph" in note
    offer = offer_for(form)
    assert "CLIP ViT-B/32" in offer
    assert "605 MB" in offer
    assert "a batch about" in offer
    assert offer_for(form.changed({"dataset": UPLOAD})) == offer  # before the first image has come
    other = form.changed({"backbone": LAPTOPS})
    assert "<p" not in words_note_html(other)
    assert offer_for(other) == offer_for(form.changed({"class_names": "cat, dog"})) == ""
    assert "<p" not in words_note_html(form.changed({"class_names": "cat"}))  # one class: no run, and no note
    many = ", ".join(f"word{number}x" for number in range(9))
    assert "and 3 more" in words_note_html(form.changed({"class_names": many}))
