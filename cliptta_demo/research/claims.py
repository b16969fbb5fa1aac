"""Measures all or some studies, prints the margins of their claims, and keeps them: the ``claims`` command."""

import argparse
import math
from collections.abc import Iterable

import pandas as pd

from cliptta_demo.backend.errors import UserError
from cliptta_demo.page.lessons.lesson import Claim
from cliptta_demo.page.lessons.lessons import LESSONS, Lesson
from cliptta_demo.research.commands import NONE
from cliptta_demo.research.means import LEVEL, markdown
from cliptta_demo.research.record import Reading, Record, lines_of, read_streams
from cliptta_demo.research.runs import run_here
from cliptta_demo.research.studies import COMBINATIONS, DOCUMENTS, TABLES, Study, lesson_study
from cliptta_demo.research.text import to_csv
from cliptta_demo.research.text import to_markdown as table_markdown

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
    kept = read_streams(record / RECORD_FILE) if record else pd.DataFrame(columns=["study", "settings"])
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
    parts = []
    for combination in COMBINATIONS:
        with combination.backbone() as backbone:
            folder, about = arguments.out / study.name / combination.name, f"{study.name}, {combination.words}: "
            table = run_here(study.settings_in(combination), backbone, folder, about)
        parts.append(lines_of(table.rows()).assign(combination=combination.name))
        if arguments.record and combination == COMBINATIONS[0] and study.name in TABLES:
            kept = arguments.record / "tables" / study.name
            kept.mkdir(parents=True, exist_ok=True)
            text = table_markdown(table.frame(), study.settings.variants, table.described)
            (kept / "table.md").write_text(text, encoding="utf-8")
            (kept / "table.csv").write_text(to_csv(table.frame()), encoding="utf-8")
    found = pd.concat(parts).assign(study=study.name, settings=study.digest)
    first = ["study", "settings", "combination"]
    return found[[*first, *found.columns.drop(first)]]


def all_studies() -> list[Study]:
    """Those of all lessons that run, then of all tables."""
    return [*(lesson_study(lesson) for lesson in LESSONS if lesson.runs), *TABLES.values()]


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
    return [study.with_seeds(arguments.seeds) for study in found] if arguments.seeds else found


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
