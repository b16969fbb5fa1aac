"""The outcomes of an ablation: what each combination of terms gains, what each term adds, and both as a page."""

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from cliptta_demo.research.student import LEVEL, is_told, margin_of
from cliptta_demo.research.text import markdown_table

YES, NO = "on", "–"


class Terms(NamedTuple):
    """Which terms a loss has: "contrastive", "entropy" or "none", regulariser, memory."""

    objective: str
    regulariser: bool = False
    memory: bool = False


@dataclass(frozen=True)
class Outcome:
    """One combination of terms on one stream.

    Attributes:
        setting: data set, classes and batch size, in words.
        objective, regulariser, memory: the terms; rate: that was chosen, as a share of the model's own.
        corruption, seed: of the stream; accuracy, before: its own and zero-shot's, shares of the same images.
        collapsed: whether the stream ended in a collapse.
    """

    setting: str
    objective: str
    regulariser: bool
    memory: bool
    rate: float
    corruption: str
    seed: int
    accuracy: float
    before: float
    collapsed: bool

    @property
    def terms(self) -> Terms:
        """Those of its loss."""
        return Terms(self.objective, self.regulariser, self.memory)


KINDS = {field.name: field.type for field in fields(Outcome)}
BARE = Terms("entropy")  # TENT
PULLED = Terms("entropy", regulariser=True)  # TENT + regulariser
WHOLE = Terms("contrastive", regulariser=True, memory=True)  # CLIPTTA
ADDED = {  # words → with, without
    "the regulariser, to entropy": (PULLED, BARE),
    "the contrast in place of entropy": (Terms("contrastive"), BARE),
    "the same, both with the regulariser": (Terms("contrastive", True), PULLED),
    "the regulariser, to the contrast": (Terms("contrastive", True), Terms("contrastive")),
    "entropy, to the regulariser": (PULLED, Terms("none", True)),
    "the contrast, to the regulariser": (Terms("contrastive", True), Terms("none", True)),
    "the memory, to both": (WHOLE, Terms("contrastive", True)),
    "the memory, to entropy + regulariser": (Terms("entropy", True, True), PULLED),
    "all of CLIPTTA, against TENT + regulariser": (WHOLE, PULLED),
}


def settings_of(outcomes: Iterable[Outcome]) -> list[str]:
    """The settings, in their order."""
    return list(dict.fromkeys(outcome.setting for outcome in outcomes))


def gains(outcomes: Iterable[Outcome], setting: str, terms: Terms) -> list[float]:
    """Seed by seed, the mean gain over zero-shot under all corruptions, as a share."""
    by_seed: dict[int, list[float]] = {}
    for outcome in outcomes:
        if (outcome.setting, outcome.terms) == (setting, terms):
            by_seed.setdefault(outcome.seed, []).append(outcome.accuracy - outcome.before)
    return [statistics.fmean(values) for _, values in sorted(by_seed.items())]


def added(outcomes: Sequence[Outcome], setting: str, with_it: Terms, without: Terms) -> list[float]:
    """Seed by seed, what the one has more than the other on the same streams, as a share."""
    pairs = zip(gains(outcomes, setting, with_it), gains(outcomes, setting, without), strict=True)
    return [one - other for one, other in pairs]


def ablation_page(outcomes: Sequence[Outcome]) -> str:
    """All of it as Markdown."""
    seeds, corruptions = ({getattr(o, name) for o in outcomes} for name in ("seed", "corruption"))
    parts = [
        "# Which term does what",
        "Written by `cliptta-demo ablation --record docs`. The built-in model; CLIPTTA's objective (contrastive), "
        "TENT's in its place (entropy) or none, with and without the regulariser and the memory of confident images. "
        "Entropy alone is TENT. Each combination has the learning rate that did best on the four held-out corruptions "
        "at severity 4, one seed; the steps on a batch are the page's three. Points of accuracy over zero-shot on the "
        f"same images, {', '.join(sorted(corruptions)).replace('_', ' ')} at severity 5, mean over {len(seeds)} seeds "
        f"± half of its {LEVEL:.0%} interval (Student's t). **Bold**: the interval leaves 0 out.".replace("%", " %"),
        answer(outcomes),
        "## What each term adds",
        _added_table(outcomes),
        "## All combinations",
        *(
            f"### {setting[0].upper()}{setting[1:]}\n\n{_gains_table(outcomes, setting)}"
            for setting in settings_of(outcomes)
        ),
    ]
    return "\n\n".join(parts) + "\n"


def answer(outcomes: Sequence[Outcome]) -> str:
    """The one answer, as README and documents give it: sizes, and only what can be told from 0."""
    alone = [gains(outcomes, setting, BARE) for setting in settings_of(outcomes)]
    pulled = [outcome.collapsed for outcome in outcomes if outcome.regulariser]
    contrast = Terms("contrastive", regulariser=True)
    return " ".join(
        (
            f"Entropy alone gains {_span(alone)} points over zero-shot at the best of its rates.",
            _what_adds(outcomes, "To it, the regulariser", PULLED, BARE),
            _what_adds(outcomes, "In its place, the contrast", Terms("contrastive"), BARE),
            f"With the regulariser {sum(pulled)} of {len(pulled)} streams end in a collapse.",
            _what_adds(outcomes, "Beside the regulariser, the contrast in the place of entropy", contrast, PULLED),
            _what_adds(outcomes, "To contrast and regulariser, the memory", WHOLE, contrast),
            _what_adds(outcomes, "So to TENT + regulariser all of CLIPTTA", WHOLE, PULLED),
        )
    )


def headline(outcomes: Sequence[Outcome]) -> str:
    """The same for the README's first pages."""
    settings, contrast = settings_of(outcomes), Terms("contrastive", regulariser=True)
    lent = [added(outcomes, setting, PULLED, BARE) for setting in settings]
    apart = [added(outcomes, setting, contrast, PULLED) for setting in settings]
    return (
        f"The regulariser holds it up: lent to TENT it adds {_span(lent)} points, and beside it the contrast in the "
        f"place of entropy adds {_span(apart)}. {_what_adds(outcomes, 'The memory', WHOLE, contrast)}"
    )


def _what_adds(outcomes: Sequence[Outcome], subject: str, with_it: Terms, without: Terms) -> str:
    """What one has more than the other, in a sentence."""
    apart = {setting: added(outcomes, setting, with_it, without) for setting in settings_of(outcomes)}
    told = {setting: values for setting, values in apart.items() if is_told(values)}
    if len(told) == len(apart):
        return f"{subject} adds {_span(apart.values())}."
    rest = _span(values for setting, values in apart.items() if setting not in told)
    if not told:
        return f"{subject} adds nothing that can be told from 0 ({rest})."
    where = "; ".join(f"{points(values).strip('*')} on {setting}" for setting, values in told.items())
    return f"{subject} adds {where}; elsewhere nothing that can be told from 0 ({rest})."


def _span(several: Iterable[Sequence[float]]) -> str:
    """The least and the largest of several means, in points."""
    means = [100 * statistics.fmean(values) for values in several]
    least, most = f"{min(means):+.1f}", f"{max(means):+.1f}"
    return least if least == most else f"{least} to {most}"


def points(values: Sequence[float]) -> str:
    """Mean and half of its interval, in points; bold where it can be told from 0."""
    text = f"{100 * statistics.fmean(values):+.1f} ± {100 * margin_of(values):.1f}"
    return f"**{text}**" if is_told(values) else text


def _added_table(outcomes: Sequence[Outcome]) -> str:
    settings = settings_of(outcomes)
    rows = [
        [words, *(points(added(outcomes, setting, *pair)) for setting in settings)] for words, pair in ADDED.items()
    ]
    return markdown_table(["added", *settings], rows)


def _gains_table(outcomes: Sequence[Outcome], setting: str) -> str:
    here = [outcome for outcome in outcomes if outcome.setting == setting]
    before = statistics.fmean({(o.corruption, o.seed): o.before for o in here}.values())
    rows = []
    for terms in dict.fromkeys(outcome.terms for outcome in here):
        own = [outcome for outcome in here if outcome.terms == terms]
        ends = f"{sum(outcome.collapsed for outcome in own)} of {len(own)}"
        switched = [YES if term else NO for term in (terms.regulariser, terms.memory)]
        gain = points(gains(here, setting, terms))
        rows.append([terms.objective.replace("none", NO), *switched, f"{own[0].rate:g}", gain, ends])
    head = ["objective", "regulariser", "memory", "rate", f"gain (zero-shot: {100 * before:.1f} %)", "collapses"]
    return markdown_table(head, rows)


def to_csv(outcomes: Iterable[Outcome]) -> str:
    """A line for each stream and combination."""
    file = io.StringIO()
    writer = csv.DictWriter(file, KINDS, lineterminator="\n")
    writer.writeheader()
    for outcome in outcomes:
        writer.writerow({name: int(v) if KINDS[name] is bool else v for name, v in asdict(outcome).items()})
    return file.getvalue()


def read_csv(path: Path) -> list[Outcome]:
    """What :func:`to_csv` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    return [Outcome(**{name: kind(int(line[name]) if kind is bool else line[name]) for name, kind in KINDS.items()})
            for line in lines]  # fmt: skip
