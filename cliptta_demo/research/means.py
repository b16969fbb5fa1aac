"""Means of a few seeds and how far they can be trusted, by Student's t; frames as Markdown."""

import math
from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd

LEVEL = 0.95  # of the intervals that texts give


@cache
def t_quantile(degrees: int) -> float:
    """How many standard errors :data:`LEVEL` of Student's t lies within: 4.30 for 2 degrees, 1.96 for very many."""
    t, step = np.linspace(0, 20, 200_001, retstep=True)
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    density = scale * (1 + t**2 / degrees) ** (-(degrees + 1) / 2)
    found = np.interp(LEVEL, np.cumsum(density[1:] + density[:-1]) * step, t[1:])
    return round(float(found), 6)  # the same on every machine


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


def in_points(mean: float, error: float | None = None, sign: str = "") -> str:
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
