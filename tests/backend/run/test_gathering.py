"""When methods move and when they start from the source model again; accuracies by shift."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import labelled_source, small_backbone

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK, Towers, cost_of
from cliptta_demo.backend.run.between import Resets
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.size import run_size
from cliptta_demo.backend.run.summary import summarise
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


def test_methods_start_anew_every_so_many_batches_or_at_each_new_shift_which_the_first_batch_is_not() -> None:
    for every, due in ((AdaptationSettings(reset_every=3), [3, 6]), (AdaptationSettings(), [])):
        assert [index for index in range(8) if Resets().due(every, index, "fog", ["tent"])] == due
    settings = AdaptationSettings(reset="shift", reset_every=1)  # the number is of no account then
    assert Resets().due(settings, 0, "fog", ["tent"]) == Resets(shift="fog").due(settings, 1, "fog", ["tent"]) == []
    assert Resets(shift="fog").due(settings, 1, "snow", ["tent", "cliptta"]) == ["tent", "cliptta"]


def test_a_method_is_astray_when_sar_s_average_is_low_and_it_begins_anew_with_its_average() -> None:
    settings = AdaptationSettings(reset="astray")
    resets = Resets().after("fog", {"tent": 1.0, "cliptta": 1.0})
    averages = []
    for _ in range(20):
        resets = resets.after("fog", {"tent": 0.0, "cliptta": 1.0})
        averages.append(resets.entropies["tent"])
    assert averages == pytest.approx([0.9**power for power in range(1, 21)])
    assert resets.due(settings, 21, "fog", ["tent", "cliptta"]) == ["tent"]
    renewed = resets.renewed(["tent"])
    assert renewed.due(settings, 22, "fog", ["tent", "cliptta"]) == []
    assert (renewed.counts, set(renewed.entropies)) == ({"tent": 1}, {"cliptta"})


def test_a_run_resets_at_shifts_and_tells_accuracy_by_shift() -> None:
    settings = RunSettings(
        methods=("tent",),
        stream=StreamSettings(schedule="continual", shift_batches=2, batch_size=4, batches=5),
        adaptation=AdaptationSettings(steps=2, memory_shots=0, reset="shift"),
    )
    *_, (_, snapshot) = (steps := list(Experiment(settings, small_backbone(), labelled_source()).run()))
    assert [int(state.adaptations["tent"].updates) for state, _ in steps] == [2, 4, 2, 4, 2]
    method = summarise(snapshot)["methods"]["tent"]
    assert method["resets"] == 2
    assert list(method["shift_accuracy"]) == ["gaussian_noise", "shot_noise", "impulse_noise"]
    weights = {"gaussian_noise": 8, "shot_noise": 8, "impulse_noise": 4}
    mean = sum(weights[name] * value for name, value in method["shift_accuracy"].items()) / 20
    assert mean == pytest.approx(method["accuracy"])


def test_a_mixed_stream_counts_each_image_under_its_own_shift() -> None:
    settings = RunSettings(
        methods=("tent",),
        stream=StreamSettings(schedule="mixed", batch_size=20, batches=1),
        adaptation=AdaptationSettings(steps=1, memory_shots=0, reset="astray"),
    )
    state, snapshot = next(Experiment(settings, small_backbone(), labelled_source()).run())
    counts = state.tallies["tent"].by_shift
    assert sum(seen for seen, _ in counts.values()) == 20
    assert {name: seen for name, (seen, _) in counts.items()} == {n: snapshot.mixed.count(n) for n in snapshot.mixed}
    assert state.resets.entropies["tent"] == pytest.approx(snapshot.methods["tent"].batch.entropy)
