"""Whole runs, whose numbers come again, and windows of the last images: snapshots, pausing, starting anew."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from helpers import CLASSES, SHAPES, labelled_source, random_images, settings_for, small_backbone

from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.data.stream import CLEAN_BATCH
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.own_settings import build_own
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK, Towers, Turn, cost_of, nbytes, run_size
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.metrics import Resets
from cliptta_demo.backend.run.snapshot import LiveStep, Snapshot
from cliptta_demo.backend.run.summary import summarise
from cliptta_demo.backend.run.window import OVERLAYS, Window, overlaid
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

STREAM = {"batch_size": 10, "batches": 3, "ood_share": 0.2, "corruption": "contrast"}
SETTINGS = settings_for(*SHAPES, **STREAM, learning_rate=1e-2, steps=2, memory_shots=2)


def experiment(backbone: Backbone, settings: RunSettings = SETTINGS) -> Experiment:
    return Experiment(settings, backbone, labelled_source(60), labelled_source(30, seed=5))


def fingerprint(snapshot: Snapshot) -> list[bytes]:
    parts = [snapshot.images.tobytes(), snapshot.labels.tobytes()]
    for method in snapshot.methods.values():
        parts += [method.batch.predicted.tobytes(), method.batch.confidence.tobytes(), method.id_scores.tobytes()]
        parts += [method.histogram.tobytes(), str(method.threshold).encode()]
    return parts


def test_snapshots_count_what_happened(backbone: Backbone) -> None:
    snapshots = [snapshot for _, snapshot in experiment(backbone).run()]
    assert [snapshot.batch for snapshot in snapshots] == [0, 1, 2]
    end = snapshots[-1]
    assert tuple(end.methods) == SHAPES
    assert end.images_done == 30
    assert end.true_histogram.sum() == 24  # 8 of 10 are ID
    for method in end.methods.values():
        assert method.histogram.sum() == 24
        assert len(method.id_scores) == 24
        assert len(method.ood_scores) == 6
        assert len(method.series.accuracy) == 3
        assert method.series.accuracy[-1] == method.accuracy
        assert method.series.accuracy[-1] == pytest.approx(np.mean(method.series.batch_accuracy))
        assert 0 <= method.auroc <= 1
    assert end.methods["zero-shot"].deterioration == 0
    assert end.methods["zero-shot"].improvement == 0


def test_the_same_settings_give_the_same_run_and_a_cancelled_batch_leaves_no_trace(backbone: Backbone) -> None:
    snapshots = [snapshot for _, snapshot in experiment(backbone).run()]
    run = experiment(small_backbone())
    state, _ = next(run.run())
    cancelled = run.advance(state)
    next(cancelled)
    cancelled.close()
    assert [fingerprint(snapshot) for _, snapshot in run.run(state)] == [*map(fingerprint, snapshots[1:])]
    *_, (_, alone) = experiment(backbone, replace(SETTINGS, methods=("cliptta",))).run()
    assert set(fingerprint(alone)) <= set(fingerprint(snapshots[-1]))
    assert alone.methods["cliptta"].improvement == snapshots[-1].methods["cliptta"].improvement


def test_clean_images_are_read_and_learnt_from_once(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    own = build_own({"eata.fisher_batches": 1})
    run = experiment(backbone, replace(SETTINGS, methods=("eata",), own=own))
    read: list[int] = []
    clean = run.stream.clean
    monkeypatch.setattr(run.stream, "clean", lambda index: read.append(index) or clean(index))
    first, _ = next(run.run())
    later, _ = next(run.run(pickle.loads(pickle.dumps(first.to("cpu")))))
    assert read == [0]
    fisher = first.adaptations["eata"].kept["fisher"]
    assert fisher.max() > 0
    assert torch.equal(later.adaptations["eata"].kept["fisher"], fisher)
    again, _ = next(experiment(backbone, run.settings).run())
    assert torch.equal(again.adaptations["eata"].kept["fisher"], fisher)
    assert run.cost.clean == pytest.approx(3 * CLEAN_BATCH * Towers.of(backbone).image)


def test_methods_move_in_step_and_views_are_built_where_somebody_looks(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = experiment(backbone)
    *moments, (state, snapshot) = run.advance(run.start())
    live = [step for _, step in moments if step is not None]
    assert all(new_state is None for new_state, _ in moments)
    most = max(method.steps(method.task.outline) for method in run.methods.values())
    assert [(step.step, step.steps) for step in live] == [(step, most) for step in range(most)]
    assert all(isinstance(step, LiveStep) and set(step.methods) == set(SHAPES) for step in live)
    assert live[0].methods["tent"].predicted.shape == (10,)
    assert (isinstance(snapshot, Snapshot), state.next_batch) == (True, 1)
    run = experiment(backbone, replace(SETTINGS, methods=("zero-shot", "tent", "cliptta")))
    view = Mock(wraps=run._view)
    monkeypatch.setattr(run, "_view", view)
    *moments, _ = run.advance(run.start(), live=Mock(side_effect=(False, True)))
    assert [step.step for _, step in moments if step is not None] == [1]
    assert view.call_count == 2 * 3  # of that step, and of the batch's end


def test_a_run_in_pieces_gives_the_same_numbers(backbone: Backbone) -> None:
    fresh = small_backbone()  # one that remembers no class names
    run = Experiment(SETTINGS, fresh, labelled_source(60), labelled_source(30, seed=5), turn=Turn(4, 3))
    assert list(run.prepare()) == [(3, 25), (6, 25), (9, 25), (12, 25), (15, 25), (18, 25), (21, 25), (24, 25)]
    *_, (_, whole) = experiment(backbone).run()
    *_, (_, cut) = run.run()
    for name, method in whole.methods.items():
        assert cut.methods[name].id_scores == pytest.approx(method.id_scores, abs=1e-4)


def test_unlabelled_images_have_predictions_and_no_accuracy_and_one_class_is_refused(backbone: Backbone) -> None:
    source = GivenImages(random_images(5), CLASSES, names=tuple("abcde"))
    ((_, snapshot),) = Experiment(replace(SETTINGS, stream=StreamSettings(batch_size=64)), backbone, source).run()
    found = snapshot.methods["cliptta"]
    assert (found.accuracy, found.auroc, found.batch.predicted.shape, found.histogram.sum()) == (None, None, (5,), 5)
    assert sorted(snapshot.names) == list("abcde")
    with pytest.raises(UserError, match="at least two class names"):
        Experiment(SETTINGS, backbone, GivenImages(random_images(3), ("cat",)))


# ---------------------------------------------------------------- windows, starting anew, accuracies by shift

WINDOWS = settings_for("zero-shot", "tent", "tda", batch_size=2, batches=5, learning_rate=1e-2, steps=3, window=2)


def test_methods_move_once_a_window_and_a_run_goes_on_in_the_middle_of_one() -> None:
    run = Experiment(WINDOWS, small_backbone(), labelled_source(20))
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
    together = replace(WINDOWS, methods=("tent",), adaptation=replace(WINDOWS.adaptation, window=4))
    tower = Towers(1.0, 0.0)
    assert cost_of(together, tower, 3, 1).batch == pytest.approx(2 + THERE_AND_BACK * 3 * 2 + 2 * 3 / 4)
    alone = replace(together, adaptation=replace(together.adaptation, window=1))
    backbone = small_backbone()
    assert run_size(together, backbone, 3).rest - run_size(alone, backbone, 3).rest == 3 * 2 * 3 * 32**2


def test_more_images_than_a_batch_may_have_are_refused() -> None:
    with pytest.raises(UserError, match="window is 300 batches of 2 images; together they may be at most 512 images"):
        replace(WINDOWS, adaptation=AdaptationSettings(window=300))


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
    stream = {"schedule": "continual", "shift_batches": 2, "batch_size": 4, "batches": 5}
    settings = settings_for("tent", **stream, steps=2, memory_shots=0, reset="shift")
    *_, (_, snapshot) = (steps := list(Experiment(settings, small_backbone(), labelled_source()).run()))
    assert [int(state.adaptations["tent"].updates) for state, _ in steps] == [2, 4, 2, 4, 2]
    method = summarise(snapshot)["methods"]["tent"]
    assert method["resets"] == 2
    assert list(method["shift_accuracy"]) == ["gaussian_noise", "shot_noise", "impulse_noise"]
    weights = {"gaussian_noise": 8, "shot_noise": 8, "impulse_noise": 4}
    mean = sum(weights[name] * value for name, value in method["shift_accuracy"].items()) / 20
    assert mean == pytest.approx(method["accuracy"])


def test_a_mixed_stream_counts_each_image_under_its_own_shift() -> None:
    stream = {"schedule": "mixed", "batch_size": 20, "batches": 1}
    settings = settings_for("tent", **stream, steps=1, memory_shots=0, reset="astray")
    state, snapshot = next(Experiment(settings, small_backbone(), labelled_source()).run())
    counts = state.tallies["tent"].by_shift
    assert sum(seen for seen, _ in counts.values()) == 20
    assert {name: seen for name, (seen, _) in counts.items()} == {n: snapshot.mixed.count(n) for n in snapshot.mixed}
    assert state.resets.entropies["tent"] == pytest.approx(snapshot.methods["tent"].batch.entropy)


IMAGES = random_images(6)
NAMES = ("zero-shot", "tent", "cliptta", "rotta", "tda")


def window(most: int = 4, rest: Callable[[], None] | None = None) -> Window:
    settings = settings_for(*NAMES, steps=1, memory_shots=1)
    return Window(Experiment(settings, small_backbone(), labelled_source(2), rest=rest).methods, most)


def test_the_newest_is_predicted_in_the_company_of_the_last_ones() -> None:
    own = window()
    seen = [own.see(image)[1] for image in IMAGES]
    method = own.methods["zero-shot"]
    alone = method.backbone.logits(method.predict(IMAGES)).softmax(dim=1)
    answers = torch.stack([torch.from_numpy(each["zero-shot"].probabilities) for each in seen])
    assert torch.allclose(answers, alone, atol=1e-5)
    for name in NAMES:
        assert all(len(each[name].probabilities) == len(CLASSES) for each in seen)
        assert all(abs(each[name].probabilities.sum() - 1) < 1e-4 for each in seen)
    moved = own.methods["tent"].drift(own._states["tent"])
    assert max(moved) > 0


def test_a_long_stream_keeps_no_more_than_a_short_one() -> None:
    own, sizes = window(), []
    for rounds in (3, 1, 1):  # what methods remember is full after some
        for image in IMAGES.repeat(rounds, 1, 1, 1):
            own.see(image)
        sizes.append(nbytes((own._images, own._states)))
    assert own.seen == 30
    assert len(own._images) == 4
    assert sizes[1] == sizes[2]


def test_who_stops_in_the_middle_has_it_as_it_was() -> None:
    rest = Mock(return_value=None)
    own, other = window(rest=rest), window()
    for each in (own, other):
        each.see(IMAGES[0])
    rest.side_effect = (None, None, InterruptedError)
    with pytest.raises(InterruptedError):
        own.see(IMAGES[1], "frost", 5)
    rest.side_effect = None
    for name in NAMES:
        first, second = (each.see(IMAGES[2])[1][name].probabilities for each in (own, other))
        assert torch.equal(torch.from_numpy(first), torch.from_numpy(second))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_laid_over_an_image_changes_it_more_and_more(overlay: str) -> None:
    image = IMAGES[0]
    changes = [(overlaid(image, overlay, severity, 0).float() - image).abs().mean() for severity in (1, 5)]
    assert changes[0] < changes[1] or overlay == "none"
    for wrong in ({"overlay": "snow", "severity": 3}, {"overlay": overlay, "severity": 0}):
        with pytest.raises(UserError, match="must be"):
            overlaid(image, seed=0, **wrong)
