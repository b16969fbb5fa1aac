"""The page's ranking, out of a line for each stream: its numbers, for each choice of images and of streams."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict

import pandas as pd

from cliptta_demo.backend.declare import unusual
from cliptta_demo.research.gallery_tables import RANKED, TABLES
from cliptta_demo.research.ranking import LITTLE, MUCH, by_seed, group_of, ranking
from cliptta_demo.research.text import t_quantile

ONE = "corruptions"  # what streams are called whose schedule has one of the fifteen corruptions each


class Part(TypedDict):
    """Methods on some streams, the one that gains most first; of each a number, or several, in the methods' order.

    Attributes:
        stream, datasets: names; settings: of a link to one of the streams, beside data set and corruption.
        streams: how many there are; few: the methods that saw the first batch of each alone.
        gains: accuracy over zero-shot's in points, mean of each seed.
        hard, easy: mean and standard error where zero-shot reads less than 50 %, and 80 % or more; None: nowhere.
        collapsed: streams at whose end it had collapsed; milliseconds: an image, the median.
    """

    stream: str
    datasets: list[str]
    settings: dict[str, str | int]
    streams: int
    few: list[str]
    methods: list[str]
    gains: list[list[float]]
    hard: list[list[float] | None]
    easy: list[list[float] | None]
    collapsed: list[int]
    milliseconds: list[float]


class Ranked(TypedDict):
    """The file. ``t``: how many standard errors 95 % of Student's t lies within."""

    t: float
    parts: list[Part]


def kind_of(table: str) -> str:
    """Which streams a table has: ``corruptions``, or its schedule in :data:`.gallery_tables.SCHEDULES`."""
    own = TABLES[table]
    return ONE if own.stream.schedule == "one" else own.title.rpartition(", ")[2]


def choices() -> Iterator[tuple[str, tuple[str, ...], list[str]]]:
    """(kind of streams, data sets, tables): those of one group together, and each data set alone."""
    for kind in dict.fromkeys(map(kind_of, RANKED)):
        tables = [table for table in RANKED if kind_of(table) == kind]
        sets = dict.fromkeys(TABLES[table].dataset for table in tables)
        together = dict.fromkeys(TABLES[table].dataset for table in tables if TABLES[table].group != "photographs")
        for chosen in (tuple(together), *((one,) for one in sets)):
            yield kind, chosen, [table for table in tables if TABLES[table].dataset in chosen]


def ranking_data(streams: pd.DataFrame) -> Ranked:
    """What the browser fetches."""
    found = pd.concat([group_of(streams, group) for group in dict.fromkeys(own.group for own in RANKED.values())])
    parts = (part_of(kind, chosen, tables, found[found.table.isin(tables)]) for kind, chosen, tables in choices())
    return {"t": t_quantile(found.seed.nunique() - 1), "parts": [part for part in parts if part]}


def part_of(kind: str, datasets: Sequence[str], tables: Sequence[str], streams: pd.DataFrame) -> Part | None:
    """The streams of some tables, whose last says what a link's is; None where no method has run on all of them."""
    ranked, gains, linked = ranking(streams), by_seed(streams), TABLES[tables[-1]].stream
    if ranked.empty:
        return None
    hard = by_seed(streams[streams.before < LITTLE], each=False)
    easy = by_seed(streams[streams.before >= MUCH], each=False)
    said = {name: getattr(linked, name) for name in ("severity", "batch_size", "batches")}
    return {
        "stream": kind,
        "datasets": [*datasets],
        "settings": unusual(linked) | said,
        "streams": int(ranked.streams.max()),
        "few": [name for name, images in ranked.images.items() if images < ranked.images.max()],
        "methods": [*ranked.index],
        "gains": [_points(gains.loc[name]) for name in ranked.index],
        "hard": [_spread(hard, name) for name in ranked.index],
        "easy": [_spread(easy, name) for name in ranked.index],
        "collapsed": ranked.collapsed.tolist(),
        "milliseconds": [round(1000 * seconds, 2) for seconds in ranked.seconds],
    }


def _points(shares: Iterable[float], digits: int = 3) -> list[float]:
    return [round(100 * share, digits) + 0.0 for share in shares]


def _spread(gains: pd.DataFrame, name: str) -> list[float] | None:
    """Mean and standard error over seeds; None where no stream is of this kind."""
    if name not in gains.index:
        return None
    own = gains.loc[name].dropna()
    return _points([own.mean(), 0.0 if pd.isna(own.sem()) else own.sem()], 2)


def ranking_json(streams: pd.DataFrame) -> str:
    """The same as the file's text."""
    return json.dumps(ranking_data(streams), separators=(",", ":")) + "\n"
