"""Methods in the order of what they gain over zero-shot, with what it costs."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.tables.runs import Row
from cliptta_demo.tables.text import markdown_table, standard_error

MARGIN = 2.0  # standard errors by which one method has to be ahead to be called better
TITLES = {
    "corruptions": "Fifteen corruptions",
    "schedules": "Streams that change",
}


@dataclass(frozen=True)
class Outcome:
    """What a ranking takes of a method on one stream.

    Attributes:
        corruption, seed: of the stream.
        accuracy, before: the method's, and zero-shot's on the same images.
        collapsed: whether the stream ended in a collapse.
        calibration, calibration_before: expected calibration error, and zero-shot's.
        seconds: for an image; kept: bytes that it remembers, beside the model.
    """

    corruption: str
    seed: int
    accuracy: float
    before: float
    collapsed: bool
    calibration: float
    calibration_before: float
    seconds: float
    kept: int

    @property
    def gain(self) -> float:
        """Over zero-shot, as a share."""
        return self.accuracy - self.before


def outcome_of(row: Row, method: str) -> Outcome:
    """What a ranking takes of a finished stream."""
    own, before = row.columns[method], row.columns[REFERENCE]
    images = sum(own["histogram"]) / len(own["series"]["seconds"])
    return Outcome(
        corruption=row.corruption,
        seed=row.seed,
        accuracy=round(own["accuracy"], 5),
        before=round(before["accuracy"], 5),
        collapsed=bool(own["collapsed"]),
        calibration=round(own["calibration_error"] or 0.0, 5),
        calibration_before=round(before["calibration_error"] or 0.0, 5),
        seconds=round(own["seconds_per_batch"] / images, 6),
        kept=own["kept_bytes"],
    )


OutcomesOfTables = Mapping[str, Mapping[str, Sequence[Outcome]]]  # title of a table → method → its streams


@dataclass(frozen=True)
class Standing:
    """One method over several tables.

    Attributes:
        gains: title of a table → seed → mean gain over zero-shot under its corruptions, as a share.
        worst: the least of the corruptions' gains, mean over seeds, with its words.
        collapsed, streams: how many streams end in a collapse, of how many.
        calibration: expected calibration error, and zero-shot's on the same streams.
        seconds: for an image; kept: bytes that it remembers, beside the model, at most.
    """

    method: str
    gains: dict[str, dict[int, float]]
    worst: tuple[float, str]
    collapsed: int
    streams: int
    calibration: tuple[float, float]
    seconds: float
    kept: int

    @property
    def by_seed(self) -> dict[int, float]:
        """Seed → mean gain over the tables."""
        seeds = next(iter(self.gains.values()))
        return {seed: statistics.fmean(of_table[seed] for of_table in self.gains.values()) for seed in seeds}

    @property
    def gain(self) -> float:
        """Mean over tables and seeds."""
        return statistics.fmean(self.by_seed.values())

    def behind(self, other: "Standing") -> tuple[float, float]:
        """How far it is behind another one, over the tables that both have a part in, and the standard error."""
        shared = [title for title in self.gains if title in other.gains]
        seeds = self.by_seed
        apart = [statistics.fmean(other.gains[t][seed] - self.gains[t][seed] for t in shared) for seed in seeds]
        return statistics.fmean(apart), standard_error(apart) or 0.0


def standings(tables: OutcomesOfTables) -> list[Standing]:
    """All methods that have run on one of the tables, the one that gains most first."""
    methods = dict.fromkeys(method for found in tables.values() for method in found)
    ranked = [
        _standing(name, {title: found[name] for title, found in tables.items() if name in found}) for name in methods
    ]
    return sorted(ranked, key=lambda standing: -standing.gain)


def _standing(method: str, tables: Mapping[str, Sequence[Outcome]]) -> Standing:
    every = [outcome for found in tables.values() for outcome in found]
    gains: dict[str, list[float]] = {}
    for title, found in tables.items():
        several = len({outcome.corruption for outcome in found}) > 1
        for outcome in found:
            words = f"{title}, {outcome.corruption.replace('_', ' ')}" if several else title
            gains.setdefault(words, []).append(outcome.gain)
    worst = min(gains, key=lambda words: statistics.fmean(gains[words]))
    return Standing(
        method=method,
        gains={title: _by_seed(found) for title, found in tables.items()},
        worst=(statistics.fmean(gains[worst]), worst),
        collapsed=sum(outcome.collapsed for outcome in every),
        streams=len(every),
        calibration=(
            statistics.fmean(outcome.calibration for outcome in every),
            statistics.fmean(outcome.calibration_before for outcome in every),
        ),
        seconds=statistics.fmean(outcome.seconds for outcome in every),
        kept=max(outcome.kept for outcome in every),
    )


def _by_seed(found: Sequence[Outcome]) -> dict[int, float]:
    seeds = dict.fromkeys(outcome.seed for outcome in found)
    return {seed: statistics.fmean(outcome.gain for outcome in found if outcome.seed == seed) for seed in seeds}


def ranking_table(ranked: Sequence[Standing]) -> str:
    """One line a method: gain in points with its standard error, the worst case, collapses, calibration, cost."""
    head = ["method", "gain", "worst", "collapses", "calibration error", "ms per image", "remembers"]
    lines = []
    for standing in ranked:
        own, before = standing.calibration
        lines.append(
            [
                METHODS[standing.method].label,
                _points(list(standing.by_seed.values())),
                f"{100 * standing.worst[0]:+.1f} ({standing.worst[1]})",
                f"{standing.collapsed} of {standing.streams}",
                f"{100 * own:.1f} (before {100 * before:.1f})",
                f"{1000 * standing.seconds:.1f}",
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
    behind = {standing.method: standing.behind(first) for standing in rest}
    level = [name for name, (points, error) in behind.items() if points <= MARGIN * error]
    words = f"{METHODS[first.method].label} gains most, {_points(list(first.by_seed.values()))} points."
    if level:
        words += f" {_listed(level)} can't be told from it (no more than two standard errors behind)."
    losing = [s.method for s in ranked if s.gain < -MARGIN * (standard_error(list(s.by_seed.values())) or 0.0)]
    if losing:
        words += f" {_listed(losing)} end{'s' if len(losing) == 1 else ''} below zero-shot."
    return words


def ranking_page(groups: Mapping[str, Sequence[Standing]]) -> str:
    """All groups as Markdown."""
    parts = [
        "# All methods",
        "Written by `cliptta-demo gallery`. Gain: accuracy over zero-shot's on the same streams, in points, mean ± "
        "standard error over seeds. Slow methods that start anew with each batch or image ran on shorter streams.",
    ]
    for group, ranked in groups.items():
        parts += [f"## {TITLES[group]}", winners(ranked), ranking_table(ranked), gains_table(ranked)]
    return "\n\n".join(parts) + "\n"


def _points(values: Sequence[float]) -> str:
    error = standard_error(values)
    return f"{100 * statistics.fmean(values):+.1f}" + (f" ± {100 * error:.1f}" if error is not None else "")


def _listed(names: Sequence[str]) -> str:
    labels = [METHODS[name].label for name in names]
    return " and ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))
