"""Bytes of a session: counted as they are, computed before a run, which is refused where they are too many."""

import pickle
from dataclasses import replace

import gradio as gr
import numpy as np
import pytest
import torch
from helpers import small_backbone
from pressing import BACKBONE, message, press, small_model  # noqa: F401  (a fixture)

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.arithmetic import RunSize, nbytes, run_size
from cliptta_demo.limits import LIMITS, Limits
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs.cost import check_size
from cliptta_demo.page.runs.host import Host

METHODS = ("zero-shot", "tent", "cliptta", "cliptta-oce")


def test_bytes_of_plain_data_are_about_those_of_its_pickle_and_what_is_shared_counts_once() -> None:
    session, _ = press(batches=2, batch_size=64, methods=METHODS, memory_shots=8)
    one = torch.zeros(100_000)
    for value in (session, session.state, session.results, session.sheets, one, np.zeros(10_000), "x" * 9_999):
        assert 0.95 * len(pickle.dumps(value)) < nbytes(value) < 2.5 * len(pickle.dumps(value)) + 1_000
    assert 400_000 <= nbytes((one, one[:10], one.numpy())) < 401_000
    assert nbytes(one[:10]) >= 400_000  # a part counts as the whole that it keeps
    assert nbytes(np.zeros(100_000)[:5]) >= 800_000
    assert nbytes(["word" * 100] * 1_000) < 10_000


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": METHODS, "memory_shots": 64, "batch_size": 64},
        {"batch_size": 1, "memory_shots": 0},
        {"batch_size": 32, "ood_share": 0.5, "methods": METHODS, "memory_shots": 4},
    ],
)
def test_a_run_holds_no_more_than_was_computed_before_it(changes) -> None:
    session, _ = press(batches=None, **{"memory_shots": 8, "steps": 1, **changes})
    bound = run_size(session.recipe.settings, BACKBONE, len(session.recipe.class_names))
    held = nbytes(session)
    assert held <= bound.kept
    assert bound.kept < 6 * held
    states = [state for state in session.state.adaptations.values() if state is not None]
    banks = [state.kept["memory"] for state in states if state.kept.get("memory")]
    assert sum(len(bank) * (3 * 32 * 32 + 12) for bank in banks) <= bound.memory


def bound_of(asked, length=None, batches=None) -> RunSize:
    backbone = small_backbone()
    backbone.info = replace(backbone.info, image_size=224)
    return run_size(asked.settings, backbone, 200, length, batches)


def test_too_many_shots_are_refused_unless_the_run_ends_before_it_could_grow_large() -> None:
    asked, short = (read_form({"memory_shots": 64, "batches": batches, "batch_size": 128}) for batches in (100, 10))
    size = bound_of(asked)
    assert size.memory == 12_800 * (3 * 224 * 224 + 12)
    with pytest.raises(UserError) as caught:
        check_size(size, asked, 200, LIMITS)
    assert str(caught.value) == (
        "64 shots × 200 classes at 224 pixels keep up to 1.9 GB; this page keeps at most 600 MB per visitor: "
        "choose fewer shots, classes or batches."
    )
    check_size(bound_of(asked, length=500), asked, 200, LIMITS)  # so many images there are
    check_size(bound_of(asked, batches=2), asked, 200, LIMITS)  # Step
    check_size(bound_of(short), short, 200, LIMITS)


def test_a_refused_run_takes_no_step_and_keeps_the_session() -> None:
    first, _ = press()
    host = Host.of(gr.Blocks(), Limits(session_megabytes=1))
    kept, updates = press(first, batches=None, host=host, memory_shots=64, batch_size=256)
    assert kept is first
    assert "64 shots × 12 classes at 32 pixels keep up to" in message(updates)
    assert 'role="alert"' in message(updates)
    assert host.visitors._aside == {}
