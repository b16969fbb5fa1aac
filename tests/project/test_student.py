"""Student's t against the numbers of every printed table."""

import math

import pytest

from cliptta_demo.research.means import interval_words, is_told, margin_of, t_quantile, t_within

TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 19: 2.093, 30: 2.042, 120: 1.980}


def test_quantiles_are_those_of_the_tables() -> None:
    assert {degrees: round(t_quantile(degrees), 3) for degrees in TABLE} == TABLE
    assert [t_within(t, 2) for t in (0.0, 2.0, 4.303)] == pytest.approx([0.0, 0.8165, 0.95], abs=1e-4)  # p ≈ 0.18
    assert t_within(1.0, 1) == pytest.approx(0.5)  # Cauchy's quartile


def test_few_seeds_reach_further_than_two_standard_errors() -> None:
    three = [0.001, 0.002, 0.003]  # 3.5 standard errors above 0
    assert margin_of(three) == pytest.approx(4.3027 * 0.001 / math.sqrt(3), rel=1e-4)
    assert not is_told(three)
    assert is_told([*three, *three])
    assert not is_told([0.5])  # one seed tells nothing
    assert interval_words(three) == "0.2 points (95 %: 0.0 to 0.4)"
    assert interval_words([0.5]) == "50.0 points"
