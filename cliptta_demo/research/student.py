"""Student's t: how far the mean of a few seeds can be trusted."""

import math
import statistics
from collections.abc import Sequence
from functools import cache

LEVEL = 0.95  # of the intervals that texts give


def t_within(t: float, degrees: int) -> float:
    """The chance that T is at most ``t`` away from 0, T of Student's distribution.

    Abramowitz and Stegun, *Handbook of Mathematical Functions*, 1964, 26.7.3 and 26.7.4.
    """
    angle = math.atan(t / math.sqrt(degrees))
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 + odd, degrees - 1, 2):
        term *= (k - 1) / k * math.cos(angle) ** 2
        total += term
    total *= math.sin(angle)
    return (angle + total) * 2 / math.pi if odd else total


@cache
def t_quantile(degrees: int) -> float:
    """How many standard errors :data:`LEVEL` of T lies within: 4.30 for 2 degrees of freedom, 1.96 for very many."""
    low, high = 0.0, 100.0
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if t_within(middle, degrees) < LEVEL else (low, middle)
    return high


def margin_of(values: Sequence[float]) -> float:
    """Half the width of the mean's interval; infinite where there is but one value."""
    if len(values) < 2:
        return math.inf
    return t_quantile(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


def is_told(values: Sequence[float]) -> bool:
    """Whether their mean can be told from 0: its interval leaves 0 out."""
    return abs(statistics.fmean(values)) > margin_of(values)


def interval_words(values: Sequence[float]) -> str:
    """Mean and interval of shares, in points: ``0.3 points (95 %: 0.0 to 0.7)``."""
    mean, margin = statistics.fmean(values), margin_of(values)
    middle, low, high = (f"{round(100 * share, 1) + 0.0:.1f}" for share in (mean, mean - margin, mean + margin))
    return f"{middle} points" + (f" ({100 * LEVEL:.0f} %: {low} to {high})" if math.isfinite(margin) else "")
