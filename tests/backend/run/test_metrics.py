"""AUROC, FPR95, entropies and the running counts against values worked out by hand."""

import math

import numpy as np
import pytest

from cliptta_demo.backend.run.metrics import Paired, Tally, auroc, entropy_of, fpr95


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_auroc_counts_the_pairs_in_order() -> None:
    assert auroc(scores(3, 4), scores(1, 2)) == 1
    assert auroc(scores(1, 2), scores(3, 4)) == 0
    assert auroc(scores(1, 3), scores(2)) == 0.5
    assert auroc(scores(2, 3), scores(1, 2)) == pytest.approx((1 + 1 + 1 + 0.5) / 4)  # a tie counts half


def test_auroc_equals_the_pairwise_definition() -> None:
    generator = np.random.default_rng(0)
    inside, outside = generator.normal(1, 1, 60).astype(np.float32), generator.normal(0, 1, 40).astype(np.float32)
    pairs = (inside[:, None] > outside[None, :]).mean()
    assert auroc(inside, outside) == pytest.approx(pairs, abs=1e-12)


def test_fpr95_is_taken_where_95_percent_of_id_pass() -> None:
    inside = np.arange(100, dtype=np.float32)  # 95 % are accepted from 5 on
    assert fpr95(inside, scores(4.5, 5, 50, -1)) == 0.5


def test_without_strangers_there_is_no_auroc() -> None:
    assert auroc(scores(1), scores()) is None
    assert fpr95(scores(), scores(1)) is None


def test_entropy() -> None:
    assert entropy_of(np.array([5, 5, 0])) == pytest.approx(math.log(2))
    assert entropy_of(np.array([7, 0])) == 0
    assert entropy_of(np.zeros(3)) == 0


def test_tally_counts_deterioration_and_improvement_over_batches() -> None:
    tally = Tally.start(3)
    #                 right before: yes  yes  no   no  (OOD)
    labels = np.array([0, 1, 2, 2, -1])
    zero_shot = np.array([0, 1, 0, 1, 2])
    adapted = np.array([0, 2, 2, 1, 2])  # kept, broken, fixed, still wrong, a stranger
    tally = tally.add(labels, adapted, zero_shot, scores(1, 2, 3, 4, -5), scores(0.9, 0.9, 0.5, 0.4, 0.99))
    assert (tally.seen, tally.right) == (4, 2)
    assert tally.accuracy == 0.5
    assert tally.deterioration == 0.5
    assert tally.improvement == 0.5
    assert tally.histogram.tolist() == [1, 1, 2]  # the stranger is left out
    assert tally.id_scores.tolist() == [1, 2, 3, 4]
    assert tally.ood_scores.tolist() == [-5]
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
    assert tally.accuracy is None
    assert tally.deterioration is None
    assert tally.histogram.tolist() == [0, 2]
    assert tally.reliability.error is None
