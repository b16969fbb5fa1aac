"""AUROC, FPR95, entropies, the running counts, the batch matrix, beside numbers known otherwise."""

import math

import numpy as np
import pytest
import torch
from helpers import CLASSES, labelled_source, random_images, settings_for, small_backbone

from cliptta_demo.backend.methods.losses import pseudo_captions, soft_contrastive
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.insight import caption_matrix
from cliptta_demo.backend.run.metrics import Paired, Tally, auroc, entropy_of, fpr95


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_auroc_fpr95_and_entropy_are_those_worked_out_by_hand() -> None:
    for inside, outside, expected in (
        (scores(3, 4), scores(1, 2), 1),
        (scores(1, 2), scores(3, 4), 0),
        (scores(1, 3), scores(2), 0.5),
        (scores(2, 3), scores(1, 2), (1 + 1 + 1 + 0.5) / 4),  # a tie counts half
        (scores(1), scores(), None),
    ):
        assert auroc(inside, outside) == expected
    generator = np.random.default_rng(0)
    inside, outside = generator.normal(1, 1, 60).astype(np.float32), generator.normal(0, 1, 40).astype(np.float32)
    assert auroc(inside, outside) == pytest.approx((inside[:, None] > outside[None, :]).mean(), abs=1e-12)
    # Of 0 to 99, 95 % are accepted from 5 on.
    assert fpr95(np.arange(100, dtype=np.float32), scores(4.5, 5, 50, -1)) == 0.5
    assert fpr95(scores(), scores(1)) is None
    entropies = [entropy_of(np.array(counts)) for counts in ([5, 5, 0], [7, 0], [0, 0, 0])]
    assert entropies == [pytest.approx(math.log(2)), 0, 0]


def test_tally_counts_deterioration_and_improvement_over_batches() -> None:
    tally = Tally.start(3)
    #                 right before: yes  yes  no   no  (OOD)
    labels = np.array([0, 1, 2, 2, -1])
    zero_shot = np.array([0, 1, 0, 1, 2])
    adapted = np.array([0, 2, 2, 1, 2])  # kept, broken, fixed, still wrong, a stranger
    tally = tally.add(labels, adapted, zero_shot, scores(1, 2, 3, 4, -5), scores(0.9, 0.9, 0.5, 0.4, 0.99))
    assert (tally.seen, tally.right) == (4, 2)
    assert (tally.accuracy, tally.deterioration, tally.improvement) == (0.5, 0.5, 0.5)
    assert tally.histogram.tolist() == [1, 1, 2]  # the stranger is left out
    assert (tally.id_scores.tolist(), tally.ood_scores.tolist()) == ([1, 2, 3, 4], [-5])
    assert tally.reliability.count.sum() == 4  # the stranger is left out here too
    assert tally.reliability.error == pytest.approx((abs(1 - 1.8) + abs(1 - 0.5) + 0.4) / 4)
    tally = tally.add(np.array([0, 0]), np.array([0, 0]), np.array([0, 0]), scores(1, 1), scores(1, 1))
    assert tally.accuracy == pytest.approx(4 / 6)
    assert tally.deterioration == pytest.approx(1 / 4)
    assert tally.paired == Paired(6, 4, 1, 2, 1)


@pytest.mark.parametrize(
    ("fixed", "broken", "noise"), [(1, 0, True), (4, 0, True), (5, 0, False), (60, 45, True), (0, 0, True)]
)
def test_only_images_that_changed_tell_a_difference_from_noise(fixed: int, broken: int, noise: bool) -> None:
    paired = Paired(100, 50, broken, 50, fixed)
    assert paired.gain == pytest.approx((fixed - broken) / 100)
    assert paired.margin == pytest.approx(2 * math.sqrt(fixed + broken) / 100)
    assert paired.is_noise is noise
    assert Paired().is_noise


def test_unlabelled_images_count_in_the_histogram_only() -> None:
    tally = Tally.start(2).add(np.array([-2, -2]), np.array([1, 1]), np.array([0, 0]), scores(1, 2), scores(1, 1))
    assert (tally.accuracy, tally.deterioration, tally.reliability.error) == (None, None, None)
    assert tally.histogram.tolist() == [0, 2]


def test_the_mean_row_entropy_of_the_matrix_is_the_contrastive_loss() -> None:
    backbone = small_backbone()
    prototypes = backbone.prototypes(CLASSES)
    features = backbone.embed(random_images(20))
    cosines = features @ prototypes.T
    matrix = caption_matrix(cosines.numpy(), cosines.argmax(1).numpy(), backbone.logit_scale)
    entropy = -(matrix * np.log(np.maximum(matrix, 1e-30))).sum(1).mean()
    loss = soft_contrastive(features, pseudo_captions(cosines, prototypes), backbone.logit_scale)
    assert entropy == pytest.approx(float(loss), abs=1e-5)
    assert matrix.sum(1) == pytest.approx(np.ones(20), abs=1e-5)


def test_a_snapshot_carries_what_the_matrix_and_the_drift_need() -> None:
    backbone = small_backbone()
    settings = settings_for("zero-shot", "tent", "cliptta", batch_size=8, batches=1, steps=2, learning_rate=1e-2)
    *_, (state, snapshot) = Experiment(settings, backbone, labelled_source()).run()
    assert snapshot.logit_scale == backbone.logit_scale
    assert snapshot.methods["tent"].batch.cosines.shape == (8, len(CLASSES))
    assert len(snapshot.layers) == len(set(snapshot.layers)) > 4
    assert snapshot.methods["zero-shot"].drift == (0.0,) * len(snapshot.layers)
    moved = state.adaptations["tent"].values - backbone.source_parameters
    parts = backbone.layout.unflatten(moved)
    for layer, drift in zip(snapshot.layers, snapshot.methods["tent"].drift, strict=True):
        own = torch.cat([part.flatten() for name, part in parts.items() if name.rpartition(".")[0] == layer])
        assert drift == pytest.approx(float(own.square().mean().sqrt()), rel=1e-4)
        assert drift > 0
