"""Methods in the order of what they gain over zero-shot, with what it costs."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.tables.runs import Row
from cliptta_demo.tables.text import markdown_table, mean_of, standard_error

MARGIN = 2.0  # standard errors by which one method has to be ahead to be called better
MEASURES = ("accuracy", "calibration_error", "seconds_per_batch", "kept_bytes")
TITLES = {
    "corruptions": "Fifteen corruptions",
    "schedules": "Streams that change",
}
RowsOfTables = Mapping[str, Mapping[str, Sequence[Row]]]  # title of a table → method → its streams


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


def standings(tables: RowsOfTables) -> list[Standing]:
    """All methods that have run on one of the tables, the one that gains most first."""
    methods = dict.fromkeys(method for rows in tables.values() for method in rows)
    found = [_standing(name, {title: rows[name] for title, rows in tables.items() if name in rows}) for name in methods]
    return sorted(found, key=lambda standing: -standing.gain)


def _standing(method: str, tables: Mapping[str, Sequence[Row]]) -> Standing:
    every = [(title, row) for title, rows in tables.items() for row in rows]
    own = [row.columns[method] for _, row in every]
    before = [row.columns[REFERENCE] for _, row in every]
    by_corruption: dict[str, list[float]] = {}
    for title, row in every:
        by_corruption.setdefault(f"{title}, {row.corruption.replace('_', ' ')}", []).append(_gain(row, method))
    worst = min(by_corruption, key=lambda words: statistics.fmean(by_corruption[words]))
    images = [sum(summary["histogram"]) / len(summary["series"]["seconds"]) for summary in own]
    return Standing(
        method=method,
        gains={title: _by_seed(rows, method) for title, rows in tables.items()},
        worst=(statistics.fmean(by_corruption[worst]), worst),
        collapsed=sum(bool(summary["collapsed"]) for summary in own),
        streams=len(own),
        calibration=(_mean(own, "calibration_error"), _mean(before, "calibration_error")),
        seconds=statistics.fmean(s["seconds_per_batch"] / count for s, count in zip(own, images, strict=True)),
        kept=max(summary["kept_bytes"] for summary in own),
    )


def _gain(row: Row, method: str) -> float:
    return row.columns[method]["accuracy"] - row.columns[REFERENCE]["accuracy"]


def _by_seed(rows: Sequence[Row], method: str) -> dict[int, float]:
    seeds = dict.fromkeys(row.seed for row in rows)
    return {seed: statistics.fmean(_gain(row, method) for row in rows if row.seed == seed) for seed in seeds}


def _mean(summaries: Sequence[Mapping], measure: str) -> float:
    return mean_of(summary[measure] for summary in summaries) or 0.0


def ranking_table(ranked: Sequence[Standing]) -> str:
    """One line a method: gain in points with its standard error, the worst case, collapses, calibration, cost."""
    head = ["method", "gain", "worst corruption", "collapses", "calibration error", "ms per image", "remembers"]
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


def to_csv(tables: RowsOfTables) -> str:
    """A line for each table, method and corruption: means over seeds, and how sure gain and accuracy are."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", "corruption", "method", "gain", "gain_error", "accuracy_error", "collapsed", *MEASURES])
    for name, methods in tables.items():
        for method, rows in methods.items():
            for corruption in dict.fromkeys(row.corruption for row in rows):
                shown = [row for row in rows if row.corruption == corruption]
                own, gains = [row.columns[method] for row in shown], [_gain(row, method) for row in shown]
                errors = standard_error(gains), standard_error([summary["accuracy"] for summary in own])
                values = [statistics.fmean(gains), *errors, sum(bool(s["collapsed"]) for s in own)]
                values += [_mean(own, measure) for measure in MEASURES]
                writer.writerow([name, corruption, method, *("" if v is None else round(v, 5) for v in values)])
    return file.getvalue()


def _points(values: Sequence[float]) -> str:
    error = standard_error(values)
    return f"{100 * statistics.fmean(values):+.1f}" + (f" ± {100 * error:.1f}" if error is not None else "")


def _listed(names: Sequence[str]) -> str:
    labels = [METHODS[name].label for name in names]
    return " and ".join(filter(None, [", ".join(labels[:-1]), labels[-1]]))
