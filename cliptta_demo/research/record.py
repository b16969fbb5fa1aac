"""The measured numbers of all studies in one table, and what they say of a claim."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cliptta_demo.page.lessons.lesson import MEASURES, Claim, numbers_of
from cliptta_demo.research.means import in_points, t_quantile
from cliptta_demo.research.runs import Row
from cliptta_demo.research.studies import COMBINATIONS, Combination
from cliptta_demo.research.text import CLEAN

STREAM = ["corruption", "seed"]


@dataclass(frozen=True)
class Reading:
    """A quantity in one combination.

    Attributes:
        mean, error: over seeds (streams of one seed share images, so they are no units of their own), with its
            standard error; reach: half the width of the mean's interval, by Student's t.
        values: by the seeds; with a sample, those of the first combination; sampled: from a sample of the streams.
    """

    mean: float
    error: float
    reach: float
    values: pd.Series
    sampled: bool

    @property
    def words(self) -> str:
        """Mean and standard error in points, as they stand in a text: 7.5 ± 0.2."""
        return in_points(self.mean, self.error)

    def margin(self, claim: Claim) -> float:
        """Distance of the mean from the nearer limit, as a multiple of the reach."""
        distance = claim.distance(self.mean)
        return distance / self.reach if self.error else math.copysign(math.inf, distance)


class Record:
    """What was measured.

    Args:
        streams: a line for each stream and column, as ``docs/claims.csv`` has them: study, settings (a digest of the
            study), combination, corruption, seed, method (the column), and the measures of claims.

    Attributes:
        runs: study → combination's name → its streams: a frame by corruption and seed, whose columns are a method's
            column and its measure, so that it is a :data:`.lesson.Columns` of many streams.
    """

    def __init__(self, streams: pd.DataFrame) -> None:
        self.runs: dict[str, dict[str, pd.DataFrame]] = {}
        for (study, name), own in streams.groupby(["study", "combination"], sort=False):
            order = pd.MultiIndex.from_frame(own[STREAM].drop_duplicates())
            wide = own.pivot(index=STREAM, columns="method", values=[*MEASURES]).loc[order]
            self.runs.setdefault(study, {})[name] = wide.swaplevel(axis=1).sort_index(axis=1)

    def read(self, study: str, claim: Claim, combination: Combination = COMBINATIONS[0]) -> Reading:
        """A claim's quantity on a study.

        Where a combination ran a sample of the streams, its mean is the first combination's, shifted by the mean
        difference on those streams, and the error of that shift is added to the first one's (the degrees of freedom
        are Welch's and Satterthwaite's, rounded down).
        """
        whole, runs = (self.runs[study][name] for name in (COMBINATIONS[0].name, combination.name))
        sampled = len(runs) < len(whole)
        first = claim.quantity.of(_matching(whole if sampled else runs, claim))
        values = first.groupby("seed", sort=False).mean()
        mean, error, degrees = values.mean(), _error(values), len(values) - 1
        if sampled:
            shifts = (claim.quantity.of(runs) - first).dropna()
            own, shift_error = error, _error(shifts)
            mean, error = mean + shifts.mean(), math.hypot(own, shift_error)
            parts = own**4 / max(degrees, 1) + shift_error**4 / max(len(shifts) - 1, 1)
            degrees = int(error**4 / parts) if 0 < error < math.inf else degrees
        return Reading(mean, error, t_quantile(degrees) * error if degrees else math.inf, values, sampled)

    def readings(self, study: str, claim: Claim) -> dict[Combination, Reading]:
        """:meth:`read` in each combination in which the study was run."""
        return {one: self.read(study, claim, one) for one in COMBINATIONS if one.name in self.runs[study]}

    def failing_seeds(self, study: str, claims: Iterable[Claim], combination: Combination) -> list[int]:
        """Seeds with which one click would not show all that is claimed."""
        runs = self.runs[study][combination.name]
        holds = pd.DataFrame({claim.sentence: claim.quantity.of(runs).map(claim.holds) for claim in claims})
        return [*holds.index[~holds.all(axis=1)].get_level_values("seed")]


def _matching(runs: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    """The streams that a claim is about: under a corruption, unless a study has clean ones alone."""
    under = runs[runs.index.get_level_values("corruption") != CLEAN]
    found = runs if under.empty else under
    return found if claim.where is None else found[claim.where(found)]


def _error(values: pd.Series) -> float:
    return values.sem() if len(values) > 1 else math.inf


def lines_of(rows: Iterable[Row]) -> pd.DataFrame:
    """The numbers of finished streams, a line for each and each column."""
    return pd.DataFrame(
        [
            {"corruption": row.corruption, "seed": row.seed, "method": name, **numbers_of(own)}
            for row in rows
            for name, own in row.columns.items()
        ]
    )


def read_streams(path: Path) -> pd.DataFrame:
    """What ``claims --record`` wrote, see :class:`Record`; nothing where there is no such file."""
    if not path.exists():
        return pd.DataFrame(columns=["study", "settings"])
    return pd.read_csv(path, dtype={"settings": str}, keep_default_na=False, na_values=[""]).round(5)
