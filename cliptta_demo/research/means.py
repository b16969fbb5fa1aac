"""Means of a few seeds and how far they can be trusted, by Student's t; frames as Markdown."""

import math
from collections.abc import Iterable
from functools import cache

import pandas as pd

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


def margin_of(values: Iterable[float]) -> float:
    """Half the width of the mean's interval; infinite where there is but one value."""
    values = pd.Series(values, dtype=float)
    return t_quantile(len(values) - 1) * values.sem() if len(values) > 1 else math.inf


def is_told(values: Iterable[float]) -> bool:
    """Whether their mean can be told from 0: its interval leaves 0 out."""
    values = pd.Series(values, dtype=float)
    return bool(abs(values.mean()) > margin_of(values))


def interval_words(values: Iterable[float]) -> str:
    """Mean and interval of shares, in points: ``0.3 points (95 %: 0.0 to 0.7)``."""
    mean, margin = pd.Series(values, dtype=float).mean(), margin_of(values)
    middle, low, high = (f"{round(100 * share, 1) + 0.0:.1f}" for share in (mean, mean - margin, mean + margin))
    return f"{middle} points" + (f" ({100 * LEVEL:.0f} %: {low} to {high})" if math.isfinite(margin) else "")


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal."""
    return "–" if pd.isna(value) else f"{100 * value:.1f}"


def in_points(mean: float, error: float | None, sign: str = "") -> str:
    """A share's mean and, where there is one, its standard error: ``7.5 ± 0.2``; ``sign`` "+" for a difference."""
    if pd.isna(mean):
        return "" if sign else "–"
    return f"{100 * mean:{sign}.1f}" + ("" if pd.isna(error) else f" ± {100 * error:.1f}")


def spread(values: Iterable[float], sign: str = "") -> str:
    """Mean and standard error of the shares that are there, see :func:`in_points`."""
    values = pd.Series(values, dtype=float)
    return in_points(values.mean(), values.sem(), sign)


def markdown(frame: pd.DataFrame) -> str:
    """A frame of texts as a Markdown table, without its index."""
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
