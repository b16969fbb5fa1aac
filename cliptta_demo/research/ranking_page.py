"""The ranking of methods as a page: who gains most, where, and what it costs."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from cliptta_demo.backend.methods.chosen import chosen
from cliptta_demo.backend.methods.measured import Measured
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.research.ranking import LITTLE, MUCH, OutcomesOfTables, Standing, standings
from cliptta_demo.research.student import interval_words, is_told, margin_of
from cliptta_demo.research.text import markdown_table, standard_error

TITLES = {
    "corruptions": "Fifteen corruptions",
    "photographs": "Fifteen corruptions, 200 kinds of photographs",
    "schedules": "Streams that change",
}


SHOWN = 6  # methods in the README
_READ = (f"where zero-shot reads < {100 * LITTLE:.0f} %", f"where zero-shot reads ≥ {100 * MUCH:.0f} %")
INTRODUCTION = (
    "Written by `cliptta-demo gallery`. Gain: accuracy over zero-shot's on the same streams, in points, mean ± "
    "standard error over seeds; each method at the rate and the steps [chosen](chosen.md) for it on pictures and "
    "CIFAR-10 under four other corruptions. ms: the median of the streams, two runs at a time.",
    "Methods are compared on the same streams, seed by seed, with the 95 % interval that Student's t has for so many "
    "seeds: 4.3 standard errors of three, not two. Streams of one seed share their images, so seeds are the units, not "
    "streams. Each comparison stands alone: of a hundred between equals, five would show a difference.",
    "\\* starts anew with each batch or image, is slow, and saw the first batch of each stream alone (the column "
    "*images*). These are other images than the rest's, so it is not compared with the rest.",
    "Zero-shot is no stranger to these images: the built-in model has learnt from CIFAR-10's training photos, from "
    "Tiny ImageNet's, and from three of four styles of pictures, the three shown here; never from a corrupted image.",
)


def ranking_table(ranked: Sequence[Standing]) -> str:
    """One line a method: gain in points with its standard error, the worst case, collapses, calibration, cost."""
    head = ["method", "gain", *_READ, "worst", "collapses", "calibration error", "ms per image", "remembers", "images"]
    lines = []
    for standing in ranked:
        own, before = standing.calibration
        lines.append(
            [
                name_of(standing, ranked),
                gain_words(standing),
                *_read_words(standing),
                f"{100 * standing.worst[0]:+.1f} ({standing.worst[1]})",
                f"{standing.collapsed} of {standing.streams}",
                f"{100 * own:.1f} (before {100 * before:.1f})",
                milliseconds(standing),
                f"{standing.kept / 2**20:.1f} MB" if standing.kept else "nothing",
                f"{standing.images}",
            ]
        )
    return markdown_table(head, lines)


def _read_words(standing: Standing) -> list[str]:
    return [_points(list(part.values())) if part else "" for part in (standing.lost, standing.read)]


def gains_table(ranked: Sequence[Standing]) -> str:
    """Gains over zero-shot on each table, in points."""
    titles = list(dict.fromkeys(title for standing in ranked for title in standing.gains))
    lines = [
        [name_of(s, ranked), *(_points(list(s.gains[t].values())) if t in s.gains else "" for t in titles)]
        for s in ranked
    ]
    return markdown_table(["method", *titles], lines)


def winners(ranked: Sequence[Standing]) -> str:
    """Who gains most, by how much more than the next and than those that can't be told from it, and who loses."""
    first, *rest = whole(ranked)
    name = METHODS[first.method].label
    words = f"{name} gains most, {gain_words(first)} points."
    level = [standing for standing in rest if not is_told(first.beyond(standing))]
    if near := dict.fromkeys(standing.method for standing in [*rest[:1], *level]):
        of = {standing.method: standing for standing in rest}
        words += f" On the same streams it is ahead of {_and(_lead(first, of[method]) for method in near)}."
    if level:
        words += f" {_and(METHODS[standing.method].label for standing in level)} can't be told from it."
    named = {standing.method: f"{name_of(standing, ranked)} ({gain_words(standing)})" for standing in ranked}
    fewer = [s.method for s in ranked if s.images < first.images and s.gain >= first.gain / 2]
    if fewer:
        words += f" {_and(map(named.get, fewer))} saw fewer images: not compared."
    losing = [standing.method for standing in ranked if measured_gain(standing).told < 0]
    if losing:
        words += f" {_and(map(named.get, losing))} end{'s' if len(losing) == 1 else ''} below zero-shot."
    return words


def _lead(first: Standing, other: Standing) -> str:
    share, streams = first.ahead(other)
    apart = interval_words(first.beyond(other))
    words = f"{METHODS[other.method].label} by {apart}, on {100 * share:.0f} % of the {streams}"
    if first.machine != other.machine:
        return words
    return f"{words}, at {first.seconds / other.seconds:.1f} times its time"


def where(ranked: Sequence[Standing]) -> str:
    """How the gain of the method that gains most parts, and where another one is ahead of it."""
    return " ".join(filter(None, (_much_or_little(ranked), _ahead(ranked))))


def _much_or_little(ranked: Sequence[Standing]) -> str:
    first, *rest = whole(ranked)
    if not (first.lost and first.read):
        return ""
    lost, read = (_points(list(part.values())) for part in (first.lost, first.read))
    words = (
        f"Where zero-shot reads less than {100 * LITTLE:.0f} % {METHODS[first.method].label} gains {lost}, "
        f"where it reads {100 * MUCH:.0f} % or more {read}"
    )
    same = [standing for standing in rest if standing.read.keys() == first.read.keys()]
    best = max(same, key=lambda standing: statistics.fmean(standing.read.values()), default=first)
    more = [best.read[seed] - gain for seed, gain in first.read.items()]
    if statistics.fmean(more) > 0 and is_told(more):
        words += f" (there {METHODS[best.method].label} gains {interval_words(more)} more)"
    return f"{words}."


def _ahead(ranked: Sequence[Standing]) -> str:
    first, *rest = whole(ranked)
    label, ahead = METHODS[first.method].label, []
    for title in first.gains:
        more = {standing.method: standing.beyond(first, title) for standing in rest}
        better = {method: apart for method, apart in more.items() if statistics.fmean(apart) > 0 and is_told(apart)}
        if better:
            best = max(better, key=lambda method, better=better: statistics.fmean(better[method]))
            ahead.append(f"{METHODS[best].label} on {title} by {interval_words(better[best])}")
    if not ahead:
        return f"On no table can another method be told to be ahead of {label}."
    return f"Ahead of {label}: {_and(ahead)}."


def duels(ranked: Sequence[Standing]) -> list[list[Standing]]:
    """Who is set side by side: the two that gain most, and CLIPTTA and TENT with its regulariser in any case."""
    compared = whole(ranked)
    usual = [standing for standing in compared if standing.method in ("cliptta", "tent-reg")]
    return [pair for pair in (compared[:2], usual if usual != compared[:2] else []) if len(pair) == 2]


def duel_words(pair: Sequence[Standing]) -> str:
    """By how much the first is ahead of the second, here and where their rates were chosen."""
    first, second = pair
    ahead = f"On the same streams {METHODS[first.method].label} is ahead of {_lead(first, second)}."
    return " ".join(filter(None, (ahead, held_out(pair))))


def held_out(pair: Sequence[Standing]) -> str:
    """What the two gained where their rates were chosen; empty where one has none to choose."""
    gains = [f"{METHODS[s.method].label} {chosen()[s.method].gain:+.1f}" for s in pair if s.method in chosen()]
    return f"On the corruptions held out for the choice of rates: {', '.join(gains)}." if len(gains) == 2 else ""


def cost(ranked: Sequence[Standing]) -> str:
    """What the method that gains most takes, which one is cheaper, and what becomes of calibration."""
    first, *_ = whole(ranked)
    own, before = (100 * error for error in first.calibration)
    surer = sum(standing.calibration[0] > standing.calibration[1] for standing in ranked)
    label = METHODS[first.method].label
    words = f"{label} takes {milliseconds(first)} ms an image."
    enough = [one for one in whole(ranked) if one.gain >= first.gain / 2 and one.machine == first.machine]
    cheap = min(enough, key=lambda one: one.seconds, default=first)
    if cheap is not first:
        words += (
            f" Of those that bring at least half as much {METHODS[cheap.method].label} is the cheapest: "
            f"{gain_words(cheap)} at {milliseconds(cheap)} ms."
        )
    return (
        f"{words} The expected calibration error of {label} is {own:.1f} %, zero-shot's {before:.1f} %; {surer} of "
        f"{len(ranked)} methods end with a larger one than zero-shot's."
    )


def summary(ranked: Sequence[Standing], *more: str) -> str:
    """Who wins, where, and at what cost; ``more``: what is said after who wins."""
    return " ".join(filter(None, (winners(ranked), *more, where(ranked), cost(ranked))))


def first_table(groups: Mapping[str, OutcomesOfTables]) -> str:
    """What the README shows: the :data:`SHOWN` methods that gain most, TENT among them, as Markdown."""
    ranked = of_all(standings(groups.get("corruptions", {})))
    tent = [standing for standing in ranked[SHOWN:] if standing.method == "tent"]
    lines = [
        [name_of(s, ranked), gain_words(s), *_read_words(s), f"{s.collapsed} of {s.streams}", milliseconds(s)]
        for s in [*ranked[: SHOWN - len(tent)], *tent]
    ]
    return markdown_table(["method", "gain", *_READ, "collapses", "ms per image"], lines)


def first_screen(groups: Mapping[str, OutcomesOfTables]) -> str:
    """What the README says under it: how far one is ahead of another, here, held out and with 200 classes; on what."""
    photographs = {one.method: one for one in of_all(standings(groups.get("photographs", {})))}
    tables = groups.get("corruptions", {})
    words = []
    for pair in duels(of_all(standings(tables))):
        words.append(duel_words(pair))
        first, second = (photographs.get(standing.method) for standing in pair)
        if first and second:
            more = first.beyond(second)
            way, more = ("behind", [-apart for apart in more]) if statistics.fmean(more) < 0 else ("ahead", more)
            label = METHODS[first.method].label
            words.append(f"With Tiny ImageNet's 200 classes {label} is {way} by {interval_words(more)}.")
    return " ".join(filter(None, [*words, machines({"": tables})]))


def whole(ranked: Sequence[Standing]) -> list[Standing]:
    """Those that saw as many images as any: they alone can be compared."""
    most = max((standing.images for standing in ranked), default=0)
    return [standing for standing in ranked if standing.images == most]


def of_all(ranked: Sequence[Standing]) -> list[Standing]:
    """Those that have run on every table: only they can be ranked."""
    tables = {title for standing in ranked for title in standing.gains}
    return [standing for standing in ranked if standing.gains.keys() == tables]


def ranking_page(groups: Mapping[str, OutcomesOfTables]) -> str:
    """All groups as Markdown; ``groups``: the name of each, with its tables."""
    parts = ["# All methods", *INTRODUCTION, _tent(), machines(groups)]
    for group in (name for name in TITLES if name in groups):
        every = standings(groups[group])
        parts.append(f"## {TITLES[group]}")
        if ranked := of_all(every):
            first, *others = (duels(ranked) if group == "corruptions" else []) or [[]]
            parts += [summary(ranked, held_out(first), *map(duel_words, others)), ranking_table(ranked)]
        parts.append(gains_table(every))
    return "\n\n".join(filter(None, parts)) + "\n"


def _tent() -> str:
    own = chosen()["tent"]
    return (
        f"TENT runs here at {own.rate:g} of the usual rate, {own.steps} step a batch. With one setting for all methods "
        "it ends below zero-shot: [by how much](../measured.md#streams)."
    )


def machines(groups: Mapping[str, OutcomesOfTables]) -> str:
    """What the streams ran on, the commonest first; empty where there are none."""
    found: dict[str, Counter[str]] = {}
    for name, of_streams in ((n, o) for tables in groups.values() for of in tables.values() for n, o in of.items()):
        for outcome in of_streams:
            found.setdefault(outcome.machine, Counter())[METHODS[name].label] += 1
    commonest = sorted(found, key=lambda machine: -found[machine].total())
    words = [machine if machine == commonest[0] else f"{machine}: {_and(found[machine])}" for machine in commonest]
    apart = " Times on different machines don't compare." if len(words) > 1 else ""
    return f"Measured on: {'; '.join(words)}.{apart}" if words else ""


def name_of(standing: Standing, ranked: Sequence[Standing]) -> str:
    """A method's label, with a star where it saw fewer images than others."""
    return METHODS[standing.method].label + "*" * (standing not in whole(ranked))


def gain_words(standing: Standing) -> str:
    """Points gained over all tables, with the standard error over seeds."""
    return _points(list(standing.by_seed.values()))


def measured_gain(standing: Standing) -> Measured:
    """The same as numbers, to be rounded where they are shown."""
    reach = 100 * margin_of(list(standing.by_seed.values()))
    return Measured(gain=100 * standing.gain, margin=reach, images=standing.images)


def milliseconds(standing: Standing) -> str:
    """What an image takes."""
    return f"{1000 * standing.seconds:.1f}"


def _points(values: Sequence[float]) -> str:
    error = standard_error(values)
    return f"{100 * statistics.fmean(values):+.1f}" + (f" ± {100 * error:.1f}" if error is not None else "")


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return " and ".join(filter(None, [", ".join(most), last]))
