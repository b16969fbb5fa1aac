"""When methods start from the source model again, and accuracies by shift."""

from __future__ import annotations

import pytest
from helpers import labelled_source, small_backbone

from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.resets import Resets
from cliptta_demo.backend.run.summary import summarise
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings


def test_every_so_many_batches_or_never() -> None:
    every, never = AdaptationSettings(reset_every=3), AdaptationSettings()
    due = [index for index in range(8) if Resets().due(every, index, "fog", ["tent"])]
    assert due == [3, 6]
    assert not any(Resets().due(never, index, "fog", ["tent"]) for index in range(8))


def test_at_each_new_shift_which_the_first_batch_is_not() -> None:
    settings = AdaptationSettings(reset="shift", reset_every=1)  # the number is of no account then
    assert Resets().due(settings, 0, "fog", ["tent"]) == []
    assert Resets(shift="fog").due(settings, 1, "fog", ["tent"]) == []
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
