"""Two groups of numbers: the best cut, and the two Gaussians that come of it."""

from __future__ import annotations

import numpy as np
import pytest

from cliptta_demo.backend.methods.unient import best_cut, upper_share


def apart(values: np.ndarray, upper: np.ndarray) -> float:
    """Summed squared distances from the own group's mean."""
    return sum(((part - part.mean()) ** 2).sum() for part in (values[upper], values[~upper]))


@pytest.mark.parametrize("count", [2, 3, 30])
def test_no_other_cut_is_better(count: int) -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).random(count)
        cuts = [values >= edge for edge in np.sort(values)[1:]]
        assert apart(values, best_cut(values)) == pytest.approx(min(apart(values, cut) for cut in cuts))


def test_two_heaps_are_told_apart_and_what_lies_between_belongs_to_both() -> None:
    draw = np.random.default_rng(0)
    values = np.concatenate([draw.normal(0.2, 0.05, 40), draw.normal(0.8, 0.05, 20), [0.5]])
    shares = upper_share(values, best_cut(values))
    assert shares[:40].max() < 0.01
    assert shares[40:60].min() > 0.99
    assert 0 < shares[-1] < 1
    assert upper_share(values, ~best_cut(values)) == pytest.approx(shares)  # which one is the upper is found out


def test_values_on_two_points_stay_finite() -> None:
    values = np.array([0.0, 0.0, 1.0])
    assert upper_share(values, best_cut(values)).tolist() == [0, 0, 1]
