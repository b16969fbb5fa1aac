"""Whole runs: snapshots, pausing, resetting, and the same numbers from the same settings."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import CLASSES, OWN_SETTINGS, SHAPES, labelled_source, random_images, small_backbone

from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.data.stream import CLEAN_BATCH
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.own_settings import build_own
from cliptta_demo.backend.run.arithmetic import Towers, Turn
from cliptta_demo.backend.run.experiment import Experiment, RunState
from cliptta_demo.backend.run.snapshot import LiveStep, Snapshot
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

SETTINGS = RunSettings(
    methods=SHAPES,
    stream=StreamSettings(batch_size=10, batches=3, ood_share=0.2, corruption="contrast"),
    adaptation=AdaptationSettings(learning_rate=1e-2, steps=2, memory_shots=2),
    own=OWN_SETTINGS,
)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


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


def test_the_same_settings_give_the_same_run(backbone: Backbone) -> None:
    first = [fingerprint(snapshot) for _, snapshot in experiment(backbone).run()]
    again = [fingerprint(snapshot) for _, snapshot in experiment(small_backbone()).run()]
    assert first == again


def test_a_cancelled_batch_leaves_no_trace(backbone: Backbone) -> None:
    run = experiment(backbone)
    state, _ = next(run.run())
    work = run.advance(state)
    next(work)
    work.close()
    assert fingerprint(finish(run, state)) == fingerprint(finish(experiment(backbone), state))


def finish(run: Experiment, state: RunState) -> Snapshot:
    *_, (_, snapshot) = run.advance(state)
    return snapshot


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


def test_methods_move_in_step_and_live_views_have_the_batch(backbone: Backbone) -> None:
    run = experiment(backbone)
    *moments, (state, snapshot) = run.advance(run.start())
    live = [step for _, step in moments if step is not None]
    assert all(new_state is None for new_state, _ in moments)
    most = max(method.steps(method.task.outline) for method in run.methods.values())
    assert [step.step for step in live] == [*range(most)]
    assert {step.steps for step in live} == {most}
    assert all(isinstance(step, LiveStep) for step in live)
    assert set(live[0].methods) == set(SHAPES)
    assert live[0].methods["tent"].predicted.shape == (10,)
    assert isinstance(snapshot, Snapshot)
    assert state.next_batch == 1


def test_views_are_built_for_steps_that_somebody_looks_at(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    run = experiment(backbone, replace(SETTINGS, methods=("zero-shot", "tent", "cliptta")))
    built = 0
    view = run._view

    def counted(*arguments: object) -> object:
        nonlocal built
        built += 1
        return view(*arguments)

    monkeypatch.setattr(run, "_view", counted)
    wanted = iter((False, True))
    *moments, _ = run.advance(run.start(), live=lambda: next(wanted))
    assert [step.step for _, step in moments if step is not None] == [1]
    assert built == 2 * 3  # of that step, and of the batch's end


def test_a_run_in_pieces_gives_the_same_numbers(backbone: Backbone) -> None:
    fresh = small_backbone()  # one that remembers no class names
    run = Experiment(SETTINGS, fresh, labelled_source(60), labelled_source(30, seed=5), turn=Turn(4, 3))
    assert list(run.prepare()) == [(3, 25), (6, 25), (9, 25), (12, 25), (15, 25), (18, 25), (21, 25), (24, 25)]
    *_, (_, whole) = experiment(backbone).run()
    *_, (_, cut) = run.run()
    for name, method in whole.methods.items():
        assert cut.methods[name].id_scores == pytest.approx(method.id_scores, abs=1e-4)


def test_one_method_gives_the_same_numbers_alone_and_beside_others(backbone: Backbone) -> None:
    alone = [s for _, s in experiment(backbone, replace(SETTINGS, methods=("cliptta",))).run()][-1]
    beside = [s for _, s in experiment(backbone).run()][-1]
    assert np.array_equal(alone.methods["cliptta"].id_scores, beside.methods["cliptta"].id_scores)
    assert alone.methods["cliptta"].improvement == beside.methods["cliptta"].improvement


def test_unlabelled_images_have_predictions_and_no_accuracy(backbone: Backbone) -> None:
    source = GivenImages(random_images(5), CLASSES, names=tuple("abcde"))
    settings = replace(SETTINGS, stream=StreamSettings(batch_size=64))
    (_, snapshot), *more = Experiment(settings, backbone, source).run()
    assert not more
    assert snapshot.methods["cliptta"].accuracy is None
    assert snapshot.methods["cliptta"].auroc is None
    assert snapshot.methods["cliptta"].batch.predicted.shape == (5,)
    assert snapshot.methods["cliptta"].histogram.sum() == 5
    assert sorted(snapshot.names) == list("abcde")


def test_one_class_is_refused_in_a_sentence(backbone: Backbone) -> None:
    source = GivenImages(random_images(3), ("cat",))
    with pytest.raises(UserError, match="at least two class names"):
        Experiment(SETTINGS, backbone, source)
