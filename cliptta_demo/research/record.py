"""The measured numbers of all studies in one file, and what they say of a claim."""

import json
import math
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cliptta_demo.page.lessons.claim import Claim, Columns, numbers_of
from cliptta_demo.research.runs import Row
from cliptta_demo.research.student import t_quantile
from cliptta_demo.research.studies import COMBINATIONS, Combination

MARGIN = 1.0  # a claim's mean is as far from its limit as its interval reaches, at least
CLEAN = "none"


@dataclass(frozen=True)
class Run:
    """One stream: its corruption, its seed, and the numbers of its columns."""

    corruption: str
    seed: int
    columns: Columns


@dataclass(frozen=True)
class Reading:
    """A quantity in one combination.

    Attributes:
        mean, error: over seeds (streams of one seed share images, so they are no units of their own), with its
            standard error; degrees: of freedom of that; sampled: from a sample of the streams.
        values: of each seed; with a sample, those of the first combination.
    """

    mean: float
    error: float
    degrees: int
    values: dict[int, float]
    sampled: bool = False

    @property
    def reach(self) -> float:
        """Half the width of the mean's interval, by Student's t."""
        return t_quantile(self.degrees) * self.error if self.degrees else math.inf


@dataclass(frozen=True)
class Record:
    """What was measured.

    Attributes:
        fingerprint: what it was measured with.
        digests: study → digest of its settings; runs: study → combination's name → its streams.
    """

    fingerprint: dict[str, Any]
    digests: dict[str, str] = field(default_factory=dict)
    runs: dict[str, dict[str, list[Run]]] = field(default_factory=dict)

    def read(self, study: str, claim: Claim, combination: Combination = COMBINATIONS[0]) -> Reading:
        """A claim's quantity on a study.

        Where a combination ran a sample of the streams, its mean is the first combination's, shifted by the mean
        difference on those streams, and the error of that shift is added to the first one's (the degrees of freedom
        are Welch's and Satterthwaite's, rounded down).
        """
        first = _matching(self.runs[study][COMBINATIONS[0].name], claim)
        values = _by_seed(first, claim)
        mean, error = _mean_and_error(list(values.values()))
        runs = self.runs[study][combination.name]
        if len(runs) == len(self.runs[study][COMBINATIONS[0].name]):
            values = _by_seed(_matching(runs, claim), claim)
            return Reading(*_mean_and_error(list(values.values())), len(values) - 1, values)
        before = {(run.corruption, run.seed): claim.quantity.of(run.columns) for run in first}
        shifts = [
            claim.quantity.of(run.columns) - before[run.corruption, run.seed]
            for run in runs
            if (run.corruption, run.seed) in before
        ]
        shift, shift_error = _mean_and_error(shifts)
        whole = math.hypot(error, shift_error)
        parts = error**4 / max(len(values) - 1, 1) + shift_error**4 / max(len(shifts) - 1, 1)
        degrees = int(whole**4 / parts) if 0 < whole < math.inf else len(values) - 1
        return Reading(mean + shift, whole, degrees, values, sampled=True)

    def margins(self, study: str, claim: Claim) -> dict[Combination, float]:
        """Distance of the mean from the nearer limit, as a multiple of its reach, in each combination that was run."""
        found = {}
        for combination in self.combinations(study):
            reading = self.read(study, claim, combination)
            distance = claim.distance(reading.mean)
            found[combination] = distance / reading.reach if reading.error else math.copysign(math.inf, distance)
        return found

    def combinations(self, study: str) -> list[Combination]:
        """Those in which a study was run."""
        return [combination for combination in COMBINATIONS if combination.name in self.runs[study]]

    def failing_seeds(self, study: str, claims: tuple[Claim, ...], combination: Combination) -> list[int]:
        """Seeds with which one click would not show all that is claimed."""
        runs = self.runs[study][combination.name]
        return [r.seed for r in runs if not all(claim.holds(claim.quantity.of(r.columns)) for claim in claims)]


def _matching(runs: list[Run], claim: Claim) -> list[Run]:
    """The streams that a claim is about: under a corruption, unless a study has clean ones alone."""
    shifted = [run for run in runs if run.corruption != CLEAN] or runs
    return [run for run in shifted if claim.where is None or claim.where(run.columns)]


def _by_seed(runs: list[Run], claim: Claim) -> dict[int, float]:
    seeds = dict.fromkeys(run.seed for run in runs)
    return {
        seed: statistics.fmean(claim.quantity.of(run.columns) for run in runs if run.seed == seed) for seed in seeds
    }


def _mean_and_error(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return (values[0] if values else math.nan), math.inf
    return statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))


def runs_of(rows: list[Row]) -> list[Run]:
    """The numbers of finished streams."""
    return [
        Run(row.corruption, row.seed, {name: numbers_of(summary) for name, summary in row.columns.items()})
        for row in rows
    ]


def to_text(record: Record) -> str:
    """The record as JSON, a line for each measure of a column."""
    studies = {
        study: {"settings": record.digests[study], "runs": {name: _columns(runs) for name, runs in parts.items()}}
        for study, parts in record.runs.items()
    }
    text = json.dumps({"fingerprint": record.fingerprint, "studies": studies}, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def load_record(path: Path) -> Record:
    """Reads what :func:`to_text` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Record(
        data["fingerprint"],
        {study: part["settings"] for study, part in data["studies"].items()},
        {
            study: {name: list(_runs(columns)) for name, columns in part["runs"].items()}
            for study, part in data["studies"].items()
        },
    )


def _runs(part: dict[str, Any]) -> Iterator[Run]:
    for index, (corruption, seed) in enumerate(zip(part["corruption"], part["seed"], strict=True)):
        columns = {
            name: {measure: values[index] for measure, values in measures.items()}
            for name, measures in part["columns"].items()
        }
        yield Run(corruption, seed, columns)


def _columns(runs: list[Run]) -> dict[str, Any]:
    names, measures = runs[0].columns, next(iter(runs[0].columns.values()))
    return {
        "corruption": [run.corruption for run in runs],
        "seed": [run.seed for run in runs],
        "columns": {
            name: {
                measure: [run.columns[name][measure] for run in runs]
                for measure in measures
                if runs[0].columns[name][measure] is not None
            }
            for name in names
        },
    }
