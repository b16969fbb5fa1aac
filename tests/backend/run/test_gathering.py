"""Small batches that stand together: when methods move, what is kept in between, and what it costs."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import labelled_source, small_backbone

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK, Towers, cost_of
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.size import run_size
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

SETTINGS = RunSettings(
    methods=("zero-shot", "tent", "tda"),
    stream=StreamSettings(batch_size=2, batches=5),
    adaptation=AdaptationSettings(learning_rate=1e-2, steps=3, window=2),
)


def test_methods_move_once_a_window_and_a_run_goes_on_in_the_middle_of_one() -> None:
    run = Experiment(SETTINGS, small_backbone(), labelled_source(20))
    states, snapshots = zip(*run.run(), strict=True)
    assert [int(state.adaptations["tent"].updates) for state in states] == [0, 3, 3, 6, 6]
    assert [sum(map(len, state.waiting)) for state in states] == [2, 0, 2, 0, 2]
    assert [len(snapshot.methods["tent"].batch.predicted) for snapshot in snapshots] == [2] * 5
    *_, (_, last) = run.run(pickle.loads(pickle.dumps(states[2].to("cpu"))))
    assert np.array_equal(last.methods["tent"].batch.confidence, snapshots[-1].methods["tent"].batch.confidence)
    looks = [look for _, look in run.advance(states[0]) if hasattr(look, "step")]
    assert len(looks) == 3
    assert not [look for _, look in run.advance(states[1]) if hasattr(look, "step")]  # it only predicts


def test_a_window_costs_as_much_a_batch_and_a_look_between() -> None:
    together = replace(SETTINGS, methods=("tent",), adaptation=replace(SETTINGS.adaptation, window=4))
    tower = Towers(1.0, 0.0)
    assert cost_of(together, tower, 3, 1).batch == pytest.approx(2 + THERE_AND_BACK * 3 * 2 + 2 * 3 / 4)
    alone = replace(together, adaptation=replace(together.adaptation, window=1))
    backbone = small_backbone()
    assert run_size(together, backbone, 3).rest - run_size(alone, backbone, 3).rest == 3 * 2 * 3 * 32**2


def test_more_images_than_a_batch_may_have_are_refused() -> None:
    with pytest.raises(UserError, match="window is 300 batches of 2 images; together they may be at most 512 images"):
        replace(SETTINGS, adaptation=AdaptationSettings(window=300))
