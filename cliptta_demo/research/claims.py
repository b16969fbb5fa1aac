"""The ``claims`` command: measures studies, keeps their numbers in one table, and says what they make of each claim."""

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from cliptta_demo.backend.errors import UserError
from cliptta_demo.page.lessons.lesson import MEASURES, Claim, numbers_of
from cliptta_demo.page.lessons.lessons import LESSONS, Lesson
from cliptta_demo.research.commands import NONE
from cliptta_demo.research.runs import run_here
from cliptta_demo.research.studies import (
    COMBINATIONS,
    DOCUMENTS,
    TABLES,
    Combination,
    Study,
    lesson_study,
    opening_study,
)
from cliptta_demo.research.text import CLEAN, LEVEL, STREAM, in_points, markdown, read_streams, t_quantile, to_csv
from cliptta_demo.research.text import to_markdown as table_markdown


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


RECORD_FILE = "claims.csv"
MARGIN = 1.0  # a claim's mean is as far from its limit as its interval reaches, at least
HOLDS = 0.95  # of the seeds show a whole lesson, at least
INTRODUCTION = f"""# Claims

Every sentence of a lesson, the README, [what was measured](measured.md) and the model card that compares methods, the
number that it is about, what it needs of it, and the margin: how far the mean is from that, as a multiple of the reach
of its {100 * LEVEL:.0f} % interval (Student's t over the seeds; differences are of the same streams), the least of the
combinations of one and two threads with bfloat16 and float32. Numbers are in %, differences in points; means, with
their standard error (SE), are with one thread and bfloat16; the other combinations ran a sample of the streams again,
and shift that mean by the difference on the sample, whose error is added. A claim stands with a margin of {MARGIN:g}
in every combination, a lesson where {HOLDS:.0%} of the seeds show all of it.

    python -m cliptta_demo claims --record docs

measures what has changed of this (CIFAR-10 is downloaded on first use) and writes this page, `{RECORD_FILE}` with the
numbers of each stream, and the tables. Where the code of a method has changed, remove `{RECORD_FILE}` before. Without
`--record` it prints the margins of the lessons, tables and seeds that are asked for."""


def measure(arguments: argparse.Namespace) -> None:
    """The ``claims`` command with its words; raises :class:`UserError` for a lesson or table that there is not."""
    record = arguments.record
    kept = read_streams((record or arguments.out) / RECORD_FILE)
    parts = []
    for study in chosen_studies(arguments):
        stands = kept[(kept.study == study.name) & (kept.settings == study.digest)]
        parts.append(run_study(study, arguments) if stands.empty else stands)
    streams = pd.concat(parts)
    text = to_markdown(Record(streams))
    print(text)
    if record:
        streams.to_csv(record / RECORD_FILE, index=False, lineterminator="\n")
        (record / "claims.md").write_text(text, encoding="utf-8")


def run_study(study: Study, arguments: argparse.Namespace) -> pd.DataFrame:
    """The lines of a study's streams in all combinations; what is missing is run."""
    parts, settings = [], study.settings
    for combination in COMBINATIONS:
        with combination.backbone() as backbone:
            folder, about = arguments.out / study.name / combination.name, f"{study.name}, {combination.words}: "
            table = run_here(settings, backbone, folder, about)
        frame = table.frame()
        numbers = pd.DataFrame(map(numbers_of, frame.to_dict("records")))
        parts.append(frame[[*STREAM, "method"]].join(numbers).assign(combination=combination.name))
        if arguments.record and combination == COMBINATIONS[0] and study.name in TABLES:
            kept = arguments.record / "tables" / study.name
            kept.mkdir(parents=True, exist_ok=True)
            text = table_markdown(frame, settings.variants, table.described)
            (kept / "table.md").write_text(text, encoding="utf-8")
            (kept / "table.csv").write_text(to_csv(frame), encoding="utf-8")
        settings = replace(settings, corruptions=study.sample[0], seeds=study.sample[1])  # of the other combinations
    found = pd.concat(parts).assign(study=study.name, settings=study.digest)
    first = ["study", "settings", "combination"]
    return found[[*first, *found.columns.drop(first)]]


def all_studies() -> list[Study]:
    """The opening experiment, those of all lessons that run, then of all tables."""
    return [opening_study(), *(lesson_study(lesson) for lesson in LESSONS if lesson.runs), *TABLES.values()]


def chosen_studies(arguments: argparse.Namespace) -> list[Study]:
    """What the words ask for; raises :class:`UserError`."""
    lessons = {study.name.removeprefix("lesson-"): study for study in all_studies() if study.name not in TABLES}
    found = []
    for name, words, known in (("lessons", arguments.lessons, lessons), ("tables", arguments.tables, TABLES)):
        for word in [*known] if words is None else dict.fromkeys(words.split(",")):
            if word not in (*known, NONE):
                raise UserError(f"{name} has {word!r}; it must be out of: {', '.join(known)}.")
            if word != NONE:
                found.append(known[word])
    if seeds := arguments.seeds:  # in every combination: what is compared has run on the same streams
        found = [Study(of.name, replace(of.settings, seeds=seeds), (of.sample[0], seeds)) for of in found]
    return found


def to_markdown(record: Record) -> str:
    """What a record says of every claim on its studies."""
    parts = [INTRODUCTION, "## Lessons"]
    for lesson in LESSONS:
        study = f"lesson-{lesson.key}"
        if lesson.claims and study in record.runs:
            parts += [f"### {lesson.title}", _held(record, lesson), markdown(_lines(record, study, lesson.claims))]
    for document, claims in DOCUMENTS.items():
        measured = {study: _lines(record, study, group) for study, group in claims.items() if study in record.runs}
        if measured:
            table = pd.concat(measured, names=["measured on", None]).reset_index(level=0)
            parts += [f"## {document}", markdown(table)]
    return "\n\n".join(parts) + "\n"


def _held(record: Record, lesson: Lesson) -> str:
    cells = []
    for combination in COMBINATIONS:
        failing = record.failing_seeds(f"lesson-{lesson.key}", lesson.claims, combination)
        count = len(record.runs[f"lesson-{lesson.key}"][combination.name])
        where = f" (not with seed {', '.join(map(str, failing))})" if failing else ""
        cells.append(f"{count - len(failing)} of {count} with {combination.words}{where}")
    return f"Seeds that show all of it: {'; '.join(cells)}."


def _lines(record: Record, study: str, claims: Iterable[Claim]) -> pd.DataFrame:
    lines = []
    for claim in claims:
        readings = record.readings(study, claim)
        margins = {combination: reading.margin(claim) for combination, reading in readings.items()}
        least = min(margins, key=margins.get)
        told, weakest = readings[COMBINATIONS[0]].words, readings[least]
        # The seed that is nearest to the limits, in whichever combination.
        _, value, seed, where = min(
            (claim.distance(value), value, seed, combination.words)
            for combination, reading in readings.items()
            if not reading.sampled
            for seed, value in reading.values.items()
        )
        lines.append(
            {
                "claim": claim.sentence.replace("{}", told),
                "number": claim.quantity.words,
                "needs": claim.limits,
                "mean ± SE": told,
                "margin": "no spread" if math.isinf(margins[least]) else f"{margins[least]:.1f}",
                "least in": least.words,
                "fails from": f"{100 * _breaking_point(claim, weakest):.1f}",
                "nearest seed": f"{100 * value:.1f} (seed {seed}, {where})",
            }
        )
    return pd.DataFrame(lines)


def _breaking_point(claim: Claim, reading: Reading) -> float:
    """The mean at which the interval would touch the nearer limit."""
    above = reading.mean - claim.above < claim.below - reading.mean
    return claim.above + MARGIN * reading.reach if above else claim.below - MARGIN * reading.reach
