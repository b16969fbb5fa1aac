"""When a run goes on under changed settings, when it starts anew, and what is said and drawn."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from cliptta_demo.backend.data.collection import GivenFile
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.experiment import RunState
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.stage import waiting_stage
from cliptta_demo.page.session.state import Mark, Session, Uploads, plan


def recipe(**changes):
    return read_form({"corruption": "gaussian_noise", **changes})


def session(done=3, **changes):
    state = RunState(done, {}, {}, {}, np.zeros(12, np.int64))
    return Session(recipe(**changes), state)


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({}, ""),
        ({"batches": 20}, ""),
        ({"ood_source": "letters"}, ""),  # strangers that never come
        ({"corruption": "jpeg_compression", "severity": 3}, "JPEG compression 3"),
        ({"corruption": "none"}, "no corruption"),
        ({"corruption": "cycle"}, "all 15 in turn 4"),
        ({"ramp": True}, "gaussian noise to 4"),
        ({"learning_rate": 0.01}, "lr 0.01"),
        ({"regulariser_weight": 0.5}, "λ_reg 0.5"),
        ({"memory_shots": 4}, "4 shots"),
        ({"oce_gamma": 0.1}, "γ 0.1"),
        ({"symmetric": True}, "symmetric"),
        ({"corruption": "fog", "steps": 2}, "fog 4, 2 steps"),
    ],
)
def test_settings_that_keep_the_stream_go_on_with_a_mark(change, label):
    before = session()
    planned = plan(before, recipe(**change))
    assert planned.session.state is before.state
    assert planned.session.recipe == recipe(**change)
    assert planned.session.marks == ((Mark(3, label),) if label else ())
    assert label in planned.message if label else planned.message == ""
    assert (before.marks, before.recipe) == ((), recipe())
    if label:  # another change before the same batch replaces it
        twice = plan(planned.session, recipe(**{**change, "corruption": "snow", "severity": 1, "ramp": False}))
        assert [(mark.batch, mark.label[:6]) for mark in twice.session.marks] == [(3, "snow 1")]
    early = plan(session(done=0), recipe(**change))
    assert (early.session.marks, early.message) == ((), "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_names": "cat, dog"}, "The classes"),
        ({"class_names": "cat = kitten, dog"}, "The classes"),
        ({"dataset": "unseen-style"}, "The images"),
        ({"backbone": "RN50/openai"}, "The backbone"),
        ({"methods": ["cliptta"]}, "The methods"),
        ({"seed": 2, "batch_size": 16}, "The batch size and the seed"),
        ({"order": "sorted"}, "The stream order"),
        ({"ood_share": 0.5}, "The OOD share"),
        ({"score": "energy"}, "The ID score"),
        ({"templates": "a drawing of a {}"}, "The prompt templates"),
    ],
)
def test_settings_that_change_the_meaning_start_anew_and_say_so(change, words):
    planned = plan(session(), recipe(**change))
    assert planned.session is None
    assert planned.message.startswith(words)
    assert "started again" in planned.message


def test_what_starts_anew_depends_on_the_run():
    assert plan(session(ood_share=0.5), recipe(ood_share=0.5, ood_source="letters")).session is None
    assert plan(session(order="sorted"), recipe(order="sorted", batches=20)).session is None
    nothing = plan(None, recipe())
    assert (nothing.session, nothing.message) == (None, "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_names": ""}, "at least two class names"),
        ({"class_names": "cat"}, "nothing to choose between"),
        ({"class_names": "cat = kitten, dog = kitten"}, "'kitten' appears twice"),
        ({"class_names": "cat =, dog"}, "cat = kitten"),
        ({"class_names": 7}, "one text"),
        ({"class_names": ", ".join(f"c{i}" for i in range(201))}, "at most 200"),
        ({"batch_size": None}, "Batch size is empty"),
        ({"order": "backwards"}, "order is 'backwards'; it must be one of"),
        ({"batches": 200, "steps": 50}, "10,000 steps"),
        ({"dataset": "folder:/etc"}, "dataset is 'folder:/etc'"),
        ({"ood_source": "folder:/etc"}, "OOD source is 'folder:/etc'"),
        ({"templates": "{} or {}"}, "needs {} exactly once"),
        ({"templates": ["{}"]}, "one text"),
        ({"templates": "\n".join(f"{i} {{}}" for i in range(101))}, "at most 100"),
        ({"templates": "{}" + "x" * 200}, "shorten it to 200"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(change, words):
    with pytest.raises(UserError) as caught:
        recipe(**change)
    assert words in str(caught.value)


def test_a_form_is_read_as_it_is_meant():
    assert recipe(methods=["cliptta-oce", "tent"]).settings.methods == ("zero-shot", "tent", "cliptta-oce")
    assert recipe(batch_size=32.0, severity=3.0, steps=4.0).settings.stream.batch_size == 32
    renamed = recipe(class_names="cat = kitten, dog")
    assert (renamed.source_names, renamed.class_names) == (("cat", "dog"), ("kitten", "dog"))
    text = "a photo of a {}.\n\n  art of {}\u200b \na photo of a {}."
    assert recipe(templates=text).templates == ("a photo of a {}.", "art of {}")
    assert recipe().templates == ()


def test_uploads_take_any_words_and_only_their_own_files():
    given = Uploads((GivenFile("/x/1.png", "a.png"),), 64, torch.zeros(1, 3, 64, 64), ("a.png",), (None,), ())
    own = read_form({"dataset": "upload", "class_names": "left, right = wrong"}, given)
    assert own.class_names == ("left", "right = wrong")
    assert own.images == given.identity != replace(given, every=given.every + 1).identity
    assert read_form({}, given).images == ()


def test_the_waiting_stage_has_no_empty_plot():
    stage = waiting_stage()
    assert "Press Run" in stage["progress"]
    assert all(json.loads(stage[name]) == {} for name in ("accuracy", "entropy", "gallery", "story"))  # see assets
