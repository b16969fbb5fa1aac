"""The margins of all claims as Markdown."""

import math

from cliptta_demo.page.lessons.claim import Claim
from cliptta_demo.page.lessons.lessons import LESSONS, Lesson
from cliptta_demo.research.documents import DOCUMENTS
from cliptta_demo.research.record import MARGIN, Reading, Record
from cliptta_demo.research.student import LEVEL
from cliptta_demo.research.studies import COMBINATIONS, Combination
from cliptta_demo.research.text import markdown_table

HOLDS = 0.95  # of the seeds show a whole lesson, at least
HEAD = ("claim", "number", "needs", "mean ± SE", "margin", "least in", "fails from", "nearest seed")
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
            table = markdown_table(HEAD, _lines(record, study, lesson.claims))
            parts += [f"### {lesson.title}", _held(record, lesson), table]
    for document, claims in DOCUMENTS.items():
        lines = [
            line
            for study, group in claims.items()
            if study in record.runs
            for line in _lines(record, study, group, name=study)
        ]
        if lines:
            parts += [f"## {document}", markdown_table(["measured on", *HEAD], lines)]
    parts += _samples(record)
    return "\n\n".join(parts) + "\n"


def _samples(record: Record) -> list[str]:
    """Which of the studies' streams were run again, where those are not all."""
    found: dict[str, str] = {}
    for study in record.runs:
        for combination in record.combinations(study):
            if _sampled(record, study, combination):
                runs = _runs(record, study, combination)
                names, seeds = (dict.fromkeys(getattr(run, part) for run in runs) for part in ("corruption", "seed"))
                words = f"of {', '.join(names).replace('_', ' ')}, seed{'s' if len(seeds) > 1 else ''} "
                found[study] = words + ", ".join(map(str, seeds))
    if not found:
        return []
    told = "; ".join(f"{study} {words}" for study, words in found.items())
    return [
        "With one thread and bfloat16 every stream was run. The other combinations ran a sample again, and their mean "
        "is the full one, shifted by the mean difference on the sample; the error of that shift is added to its error. "
        f"The samples: {told}."
    ]


def mean_and_error(reading: Reading) -> str:
    """In points, as it stands in a text: 7.5 ± 0.2."""
    return f"{100 * reading.mean:.1f} ± {100 * reading.error:.1f}"


def _held(record: Record, lesson: Lesson) -> str:
    study, cells = f"lesson-{lesson.key}", []
    for combination in record.combinations(study):
        failing = record.failing_seeds(study, lesson.claims, combination)
        count = len(_runs(record, study, combination))
        where = f" (not with seed {', '.join(map(str, failing))})" if failing else ""
        cells.append(f"{count - len(failing)} of {count} with {combination.words}{where}")
    return f"Seeds that show all of it: {'; '.join(cells)}."


def _lines(record: Record, study: str, claims: tuple[Claim, ...], name: str = "") -> list[list[str]]:
    lines = []
    for claim in claims:
        margins = record.margins(study, claim)
        readings = {combination: record.read(study, claim, combination) for combination in margins}
        least = min(margins, key=margins.get)
        first = readings[record.combinations(study)[0]]
        line = [
            claim.sentence.replace("{}", mean_and_error(first)),
            claim.quantity.words,
            claim.limits,
            mean_and_error(first),
            "no spread" if math.isinf(margins[least]) else f"{margins[least]:.1f}",
            least.words,
            _breaking_point(claim, readings[least]),
            _nearest(claim, readings),
        ]
        lines.append([name, *line] if name else line)
    return lines


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


def _runs(record: Record, study: str, combination: Combination) -> list:
    return record.runs[study][combination.name]


def _sampled(record: Record, study: str, combination: Combination) -> bool:
    parts = record.runs[study]
    return COMBINATIONS[0].name in parts and len(parts[combination.name]) < len(parts[COMBINATIONS[0].name])
