"""The margins of all claims as Markdown."""

import math
from collections.abc import Iterable

import pandas as pd

from cliptta_demo.page.lessons.claim import Claim
from cliptta_demo.page.lessons.lessons import LESSONS, Lesson
from cliptta_demo.research.documents import DOCUMENTS
from cliptta_demo.research.means import LEVEL, markdown
from cliptta_demo.research.record import MARGIN, Reading, Record
from cliptta_demo.research.studies import Combination

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
