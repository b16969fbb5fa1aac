"""The ranking of methods as a page: who gains most, where, and what it costs."""

import statistics
from collections.abc import Mapping, Sequence

from cliptta_demo.backend.methods.measured import MARGIN, Measured
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.tables.ranking import LITTLE, MUCH, OutcomesOfTables, Standing, standings
from cliptta_demo.tables.text import markdown_table, standard_error

TITLES = {
    "corruptions": "Fifteen corruptions",
    "photographs": "Fifteen corruptions, 200 kinds of photographs",
    "schedules": "Streams that change",
}


def ranking_table(ranked: Sequence[Standing]) -> str:
    """One line a method: gain in points with its standard error, the worst case, collapses, calibration, cost."""
    parts = [f"where zero-shot reads {words} %" for words in (f"< {100 * LITTLE:.0f}", f"≥ {100 * MUCH:.0f}")]
    head = ["method", "gain", *parts, "worst", "collapses", "calibration error", "ms per image", "remembers"]
    lines = []
    for standing in ranked:
        own, before = standing.calibration
        lines.append(
            [
                METHODS[standing.method].label,
                gain_words(standing),
                *(_points(list(part.values())) if part else "" for part in (standing.lost, standing.read)),
                f"{100 * standing.worst[0]:+.1f} ({standing.worst[1]})",
                f"{standing.collapsed} of {standing.streams}",
                f"{100 * own:.1f} (before {100 * before:.1f})",
                milliseconds(standing),
                f"{standing.kept / 2**20:.1f} MB" if standing.kept else "nothing",
            ]
        )
    return markdown_table(head, lines)


def gains_table(ranked: Sequence[Standing]) -> str:
    """Gains over zero-shot on each table, in points."""
    titles = list(dict.fromkeys(title for standing in ranked for title in standing.gains))
    lines = [
        [METHODS[s.method].label, *(_points(list(s.gains[t].values())) if t in s.gains else "" for t in titles)]
        for s in ranked
    ]
    return markdown_table(["method", *titles], lines)


def winners(ranked: Sequence[Standing]) -> str:
    """Who gains most, who can't be told from that one, and who loses, in sentences that the numbers allow."""
    first, rest = ranked[0], ranked[1:]
    level = [standing.method for standing in rest if not _is_behind(standing, first)]
    words = f"{METHODS[first.method].label} gains most, {gain_words(first)} points."
    if level:
        words += f" {_listed(level)} can't be told from it (no more than two standard errors behind)."
    losing = [standing.method for standing in ranked if measured_gain(standing).told < 0]
    if losing:
        words += f" {_listed(losing)} end{'s' if len(losing) == 1 else ''} below zero-shot."
    return words


def where(ranked: Sequence[Standing]) -> str:
    """How the gain of the method that gains most parts, and where another one is ahead of it."""
    return " ".join(filter(None, (_much_or_little(ranked), _ahead(ranked))))


def _much_or_little(ranked: Sequence[Standing]) -> str:
    first, rest = ranked[0], ranked[1:]
    if not (first.lost and first.read):
        return ""
    lost, read = (_points(list(part.values())) for part in (first.lost, first.read))
    words = (
        f"Where zero-shot reads less than {100 * LITTLE:.0f} % {METHODS[first.method].label} gains {lost}, "
        f"where it reads {100 * MUCH:.0f} % or more {read}"
    )
    same = [standing for standing in rest if standing.read.keys() == first.read.keys()]
    best = max(same, key=lambda standing: statistics.fmean(standing.read.values()), default=first)
    apart = [best.read[seed] - gain for seed, gain in first.read.items()]
    if statistics.fmean(apart) > MARGIN * (standard_error(apart) or 0.0):
        words += f" (there {METHODS[best.method].label} gains most, {_points(list(best.read.values()))})"
    return f"{words}."


def _ahead(ranked: Sequence[Standing]) -> str:
    first, rest = ranked[0], ranked[1:]
    label, ahead = METHODS[first.method].label, []
    for title in first.gains:
        better = [standing for standing in rest if _is_behind(first, standing, (title,))]
        if better:
            best = max(better, key=lambda standing, title=title: statistics.fmean(standing.gains[title].values()))
            ahead.append(f"{METHODS[best.method].label} on {title} ({_points(list(best.gains[title].values()))})")
    if not ahead:
        return f"On no table is another method ahead of {label} by more than two standard errors."
    return f"Ahead of {label} by more than two standard errors: {', '.join(ahead)}."


def cost(ranked: Sequence[Standing]) -> str:
    """What the method that gains most takes, which one is cheaper, and what becomes of calibration."""
    first = ranked[0]
    own, before = (100 * error for error in first.calibration)
    surer = sum(standing.calibration[0] > standing.calibration[1] for standing in ranked)
    label = METHODS[first.method].label
    words = f"{label} takes {milliseconds(first)} ms an image."
    cheap = min((s for s in ranked if s.gain >= first.gain / 2), key=lambda one: one.seconds, default=first)
    if cheap is not first:
        words += (
            f" Of those that bring at least half as much {METHODS[cheap.method].label} is the cheapest: "
            f"{gain_words(cheap)} at {milliseconds(cheap)} ms."
        )
    return (
        f"{words} The expected calibration error of {label} is {own:.1f} %, zero-shot's {before:.1f} %; {surer} of "
        f"{len(ranked)} methods end with a larger one than zero-shot's."
    )


def summary(ranked: Sequence[Standing]) -> str:
    """Who wins, where, and at what cost."""
    return " ".join((winners(ranked), where(ranked), cost(ranked)))


def first_screen(groups: Mapping[str, OutcomesOfTables]) -> str:
    """What the README says first: who wins under the fifteen corruptions, and on photographs of many kinds."""
    words = summary(of_all(standings(groups["corruptions"])))
    photographs = of_all(standings(groups.get("photographs", {})))
    return f"{words} On Tiny ImageNet's 200 kinds of photographs {winners(photographs)}" if photographs else words


def of_all(ranked: Sequence[Standing]) -> list[Standing]:
    """Those that have run on every table: only they can be ranked."""
    tables = {title for standing in ranked for title in standing.gains}
    return [standing for standing in ranked if standing.gains.keys() == tables]


def ranking_page(groups: Mapping[str, OutcomesOfTables]) -> str:
    """All groups as Markdown; ``groups``: the name of each, with its tables."""
    parts = [
        "# All methods",
        "Written by `cliptta-demo gallery`. Gain: accuracy over zero-shot's on the same streams, in points, mean ± "
        "standard error over seeds; each method at the rate and the steps [chosen](chosen.md) for it on pictures and "
        "CIFAR-10 under four other corruptions. ms: the median of the streams, one thread, two runs at a time. Slow "
        "methods that start anew with each batch or image ran on one batch, and those for single images on 16 "
        "photographs of Tiny ImageNet, where each takes 200 prompts there and back.",
    ]
    for group in (name for name in TITLES if name in groups):
        every = standings(groups[group])
        parts.append(f"## {TITLES[group]}")
        if ranked := of_all(every):
            parts += [summary(ranked), ranking_table(ranked)]
        parts.append(gains_table(every))
    return "\n\n".join(parts) + "\n"


def _is_behind(one: Standing, other: Standing, tables: Sequence[str] | None = None) -> bool:
    points, error = one.behind(other, tables)
    return points > MARGIN * error


def gain_words(standing: Standing) -> str:
    """Points gained over all tables, with the standard error over seeds."""
    return _points(list(standing.by_seed.values()))


def measured_gain(standing: Standing) -> Measured:
    """The same as numbers."""
    error = standard_error(list(standing.by_seed.values())) or 0.0
    return Measured(gain=round(100 * standing.gain, 2), error=round(100 * error, 2))


def milliseconds(standing: Standing) -> str:
    """What an image takes."""
    return f"{1000 * standing.seconds:.1f}"


def _points(values: Sequence[float]) -> str:
    error = standard_error(values)
    return f"{100 * statistics.fmean(values):+.1f}" + (f" ± {100 * error:.1f}" if error is not None else "")


def _listed(names: Sequence[str]) -> str:
    labels = [METHODS[name].label for name in names]
    return " and ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))
