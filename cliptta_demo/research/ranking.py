"""Methods in the order of what they gain over zero-shot."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.research.runs import Row

LITTLE, MUCH = 0.5, 0.8  # accuracies of zero-shot that part streams with much to repair from those with little


@dataclass(frozen=True)
class Outcome:
    """What a ranking takes of a method on one stream.

    Attributes:
        corruption, seed: of the stream.
        accuracy, before: the method's, and zero-shot's on the same images.
        collapsed: whether the stream ended in a collapse.
        calibration, calibration_before: expected calibration error, and zero-shot's.
        seconds: for an image; kept: bytes that it remembers, beside the model.
        images: of the stream; machine: what it ran on, with the precision and the threads.
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
    images: int
    machine: str

    @property
    def gain(self) -> float:
        """Over zero-shot, as a share."""
        return self.accuracy - self.before


def outcome_of(row: Row, method: str) -> Outcome:
    """What a ranking takes of a finished stream."""
    own, before = row.columns[method], row.columns[REFERENCE]
    images = sum(own["histogram"])
    return Outcome(
        corruption=row.corruption,
        seed=row.seed,
        accuracy=round(own["accuracy"], 5),
        before=round(before["accuracy"], 5),
        collapsed=bool(own["collapsed"]),
        calibration=round(own["calibration_error"] or 0.0, 5),
        calibration_before=round(before["calibration_error"] or 0.0, 5),
        seconds=round(own["seconds_per_batch"] * len(own["series"]["seconds"]) / images, 6),
        kept=own["kept_bytes"],
        images=images,
        machine=row.device,
    )


OutcomesOfTables = Mapping[str, Mapping[str, Sequence[Outcome]]]  # title of a table → method → its streams


@dataclass(frozen=True)
class Standing:
    """One method over several tables.

    Attributes:
        gains: title of a table → seed → mean gain over zero-shot under its corruptions, as a share.
        by_stream: title of a table, corruption, seed → gain.
        lost, read: seed → mean gain over the streams of which zero-shot reads less than :data:`LITTLE`, and at least
            :data:`MUCH`; empty where there is none.
        worst: the least of the corruptions' gains, mean over seeds, with its words.
        collapsed, streams: how many streams end in a collapse, of how many.
        calibration: expected calibration error, and zero-shot's on the same streams.
        seconds: for an image, the median of the streams (the machine may have been busy in some); kept: bytes that it
            remembers, beside the model, at most.
        images: of its longest stream; machine: what most of its streams ran on.
    """

    method: str
    gains: dict[str, dict[int, float]]
    by_stream: dict[tuple[str, str, int], float]
    lost: dict[int, float]
    read: dict[int, float]
    worst: tuple[float, str]
    collapsed: int
    streams: int
    calibration: tuple[float, float]
    seconds: float
    kept: int
    images: int
    machine: str

    @property
    def by_seed(self) -> dict[int, float]:
        """Seed → mean gain over the tables."""
        seeds = next(iter(self.gains.values()))
        return {seed: statistics.fmean(of_table[seed] for of_table in self.gains.values()) for seed in seeds}

    @property
    def gain(self) -> float:
        """Mean over tables and seeds."""
        return statistics.fmean(self.by_seed.values())

    def beyond(self, other: "Standing", table: str | None = None) -> list[float]:
        """By how much it gains more than another one on the same streams, seed by seed, as shares.

        A seed's streams share images, and seeds alone are units of their own. ``table``: on that one only.
        """
        more: dict[int, list[float]] = {}
        for (title, _, seed), apart in self._pairs(other).items():
            if table in (None, title):
                more.setdefault(seed, []).append(apart)
        return [statistics.fmean(values) for values in more.values()]

    def ahead(self, other: "Standing") -> tuple[float, int]:
        """On which share of the streams of both it gains more, and how many these are."""
        pairs = self._pairs(other)
        return statistics.fmean(apart > 0 for apart in pairs.values()), len(pairs)

    def _pairs(self, other: "Standing") -> dict[tuple[str, str, int], float]:
        return {key: gain - other.by_stream[key] for key, gain in self.by_stream.items() if key in other.by_stream}


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
        by_stream={(title, one.corruption, one.seed): one.gain for title, found in tables.items() for one in found},
        lost=_by_seed([outcome for outcome in every if outcome.before < LITTLE]),
        read=_by_seed([outcome for outcome in every if outcome.before >= MUCH]),
        worst=(statistics.fmean(gains[worst]), worst),
        collapsed=sum(outcome.collapsed for outcome in every),
        streams=len(every),
        calibration=(
            statistics.fmean(outcome.calibration for outcome in every),
            statistics.fmean(outcome.calibration_before for outcome in every),
        ),
        seconds=statistics.median(outcome.seconds for outcome in every),
        kept=max(outcome.kept for outcome in every),
        images=max(outcome.images for outcome in every),
        machine=statistics.mode(outcome.machine for outcome in every),
    )


def _by_seed(found: Sequence[Outcome]) -> dict[int, float]:
    seeds = dict.fromkeys(outcome.seed for outcome in found)
    return {seed: statistics.fmean(outcome.gain for outcome in found if outcome.seed == seed) for seed in seeds}
