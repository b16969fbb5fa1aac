"""The measured numbers of all studies in one file, what they say of a claim, and the margins of all as Markdown."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from cliptta_demo.page.lessons.lesson import Claim, numbers_of
from cliptta_demo.page.lessons.lessons import LESSONS, Lesson
from cliptta_demo.research.documents import DOCUMENTS
from cliptta_demo.research.means import LEVEL, markdown, t_quantile
from cliptta_demo.research.runs import Row
from cliptta_demo.research.studies import COMBINATIONS, Combination
from cliptta_demo.research.text import CLEAN

MARGIN = 1.0  # a claim's mean is as far from its limit as its interval reaches, at least


@dataclass(frozen=True)
class Reading:
    """A quantity in one combination.

    Attributes:
        mean, error: over seeds (streams of one seed share images, so they are no units of their own), with its
            standard error; degrees: of freedom of that; sampled: from a sample of the streams.
        values: by the seeds; with a sample, those of the first combination.
    """

    mean: float
    error: float
    degrees: int
    values: pd.Series
    sampled: bool = False

    @property
    def reach(self) -> float:
        """Half the width of the mean's interval, by Student's t."""
        return t_quantile(self.degrees) * self.error if self.degrees else math.inf


@dataclass(frozen=True)
class Record:
    """What was measured.

    Attributes:
        fingerprint: what it was measured with; digests: study → digest of its settings.
        runs: study → combination's name → its streams: a frame by corruption and seed, whose columns are a method's
            column and its measure, so that it is a :data:`.lesson.Columns` of many streams.
    """

    fingerprint: dict[str, Any]
    digests: dict[str, str] = field(default_factory=dict)
    runs: dict[str, dict[str, pd.DataFrame]] = field(default_factory=dict)

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
        mean, error = _mean_and_error(values)
        if not sampled:
            return Reading(mean, error, len(values) - 1, values)
        shifts = (claim.quantity.of(runs) - first).dropna()
        shift, shift_error = _mean_and_error(shifts)
        both = math.hypot(error, shift_error)
        parts = error**4 / max(len(values) - 1, 1) + shift_error**4 / max(len(shifts) - 1, 1)
        degrees = int(both**4 / parts) if 0 < both < math.inf else len(values) - 1
        return Reading(mean + shift, both, degrees, values, sampled=True)

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


def _mean_and_error(values: pd.Series) -> tuple[float, float]:
    return values.mean(), values.sem() if len(values) > 1 else math.inf


def frame_of(streams: Mapping[tuple[str, int], Mapping[str, Mapping[str, float | None]]]) -> pd.DataFrame:
    """Streams by corruption and seed, each with the numbers of its columns, as :class:`Record` keeps them."""
    lines = [
        {(name, measure): value for name, numbers in columns.items() for measure, value in numbers.items()}
        for columns in streams.values()
    ]
    index = pd.MultiIndex.from_tuples(streams, names=["corruption", "seed"])
    frame = pd.DataFrame(lines, index, dtype=float)
    return frame.set_axis(pd.MultiIndex.from_tuples(frame.columns), axis=1)


def runs_of(rows: Iterable[Row]) -> pd.DataFrame:
    """The numbers of finished streams."""
    return frame_of(
        {(row.corruption, row.seed): {name: numbers_of(own) for name, own in row.columns.items()} for row in rows}
    )


def to_text(record: Record) -> str:
    """The record as JSON, a line for each measure of a column."""
    studies = {
        study: {"settings": record.digests[study], "runs": {name: _plain(runs) for name, runs in parts.items()}}
        for study, parts in record.runs.items()
    }
    text = json.dumps({"fingerprint": record.fingerprint, "studies": studies}, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text) + "\n"


def _plain(runs: pd.DataFrame) -> dict[str, Any]:
    columns: dict[str, dict[str, list[float]]] = {name: {} for name, _ in runs.columns}
    for name, measure in runs.dropna(axis=1):
        columns[name][measure] = runs[name, measure].tolist()
    return {level: runs.index.get_level_values(level).tolist() for level in runs.index.names} | {"columns": columns}


def load_record(path: Path) -> Record:
    """Reads what :func:`to_text` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    studies = data["studies"].items()
    runs = {study: {name: _runs(plain) for name, plain in part["runs"].items()} for study, part in studies}
    return Record(data["fingerprint"], {study: part["settings"] for study, part in studies}, runs)


def _runs(plain: dict[str, Any]) -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays([plain["corruption"], plain["seed"]], names=["corruption", "seed"])
    columns = {(name, key): values for name, numbers in plain["columns"].items() for key, values in numbers.items()}
    return pd.DataFrame(columns, index)


HOLDS = 0.95  # of the seeds show a whole lesson, at least
INTRODUCTION = f"""# Claims

Every sentence of a lesson, the README, [what was measured](measured.md) and the model card that compares methods, the
number that it is about, what it needs of it, and the margin: how far the mean is from that, as a multiple of the reach
of its {100 * LEVEL:.0f} % interval (Student's t over the seeds; differences are of the same streams), the least of the
combinations of one and two threads with bfloat16 and float32. Numbers are in %, differences in points; means, with
their standard error (SE), are with one thread and bfloat16. A claim stands with a margin of {MARGIN:g} in every
combination, a lesson where {HOLDS:.0%} of the seeds show all of it.

    python -m cliptta_demo claims --record docs

measures all of this anew (CIFAR-10 is downloaded on first use) and writes this page, `claims.json` with the numbers of
each stream, and the tables. Without `--record` it prints the margins of the lessons, tables, seeds, threads and
precisions that are asked for."""


def to_markdown(record: Record) -> str:
    """What a record says of every claim on its studies."""
    parts = [INTRODUCTION, "## Lessons"]
    for lesson in LESSONS:
        study = f"lesson-{lesson.key}"
        if lesson.claims and study in record.runs:
            parts += [f"### {lesson.title}", _held(record, lesson), markdown(_lines(record, study, lesson.claims))]
    for document, claims in DOCUMENTS.items():
        if tables := [
            _lines(record, study, group).assign(study=study) for study, group in claims.items() if study in record.runs
        ]:
            table = pd.concat(tables)
            table.insert(0, "measured on", table.pop("study"))
            parts += [f"## {document}", markdown(table)]
    samples = "; ".join(filter(None, (_sample(record, study) for study in record.runs)))
    if samples:
        parts.append(
            "With one thread and bfloat16 every stream was run. The other combinations ran a sample again, and their "
            "mean is the full one, shifted by the mean difference on the sample; the error of that shift is added to "
            f"its error. The samples: {samples}."
        )
    return "\n\n".join(parts) + "\n"


def _sample(record: Record, study: str) -> str:
    """Which of a study's streams the last combination ran again; empty where those are all."""
    parts = [*record.runs[study].values()]
    first, last = parts[0], parts[-1]
    if len(last) == len(first):
        return ""
    names, seeds = (last.index.get_level_values(level).unique() for level in last.index.names)
    words = f"{study} of {', '.join(names).replace('_', ' ')}, seed{'s' if len(seeds) > 1 else ''} "
    return words + ", ".join(map(str, seeds))


def mean_and_error(reading: Reading) -> str:
    """In points, as it stands in a text: 7.5 ± 0.2."""
    return f"{100 * reading.mean:.1f} ± {100 * reading.error:.1f}"


def _held(record: Record, lesson: Lesson) -> str:
    study, cells = f"lesson-{lesson.key}", []
    for combination in record.combinations(study):
        failing = record.failing_seeds(study, lesson.claims, combination)
        count = len(record.runs[study][combination.name])
        where = f" (not with seed {', '.join(map(str, failing))})" if failing else ""
        cells.append(f"{count - len(failing)} of {count} with {combination.words}{where}")
    return f"Seeds that show all of it: {'; '.join(cells)}."


def _lines(record: Record, study: str, claims: Iterable[Claim]) -> pd.DataFrame:
    lines = []
    for claim in claims:
        margins = record.margins(study, claim)
        readings = {combination: record.read(study, claim, combination) for combination in margins}
        least = min(margins, key=margins.get)
        first = mean_and_error(next(iter(readings.values())))
        lines.append(
            {
                "claim": claim.sentence.replace("{}", first),
                "number": claim.quantity.words,
                "needs": claim.limits,
                "mean ± SE": first,
                "margin": "no spread" if math.isinf(margins[least]) else f"{margins[least]:.1f}",
                "least in": least.words,
                "fails from": _breaking_point(claim, readings[least]),
                "nearest seed": _nearest(claim, readings),
            }
        )
    return pd.DataFrame(lines)


def _breaking_point(claim: Claim, reading: Reading) -> str:
    """The mean at which the interval would touch the nearer limit."""
    if reading.mean - claim.above < claim.below - reading.mean:
        return f"{100 * (claim.above + MARGIN * reading.reach):.1f}"
    return f"{100 * (claim.below - MARGIN * reading.reach):.1f}"


def _nearest(claim: Claim, readings: dict[Combination, Reading]) -> str:
    """The seed that is nearest to the limits, in whichever combination."""
    values = [
        (claim.distance(value), value, seed, combination)
        for combination, reading in readings.items()
        if not reading.sampled
        for seed, value in reading.values.items()
    ]
    _, value, seed, combination = min(values, key=lambda entry: entry[0])
    return f"{100 * value:.1f} (seed {seed}, {combination.words})"
