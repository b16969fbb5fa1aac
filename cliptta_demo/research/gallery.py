"""Every method on every corruption, and on streams that change: the work of the ``gallery`` command."""

import argparse
import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, replace
from functools import cache
from html import escape
from pathlib import Path

import pandas as pd

from cliptta_demo.backend.declare import unusual
from cliptta_demo.backend.methods.recorded import MEASURED_FILE, chosen
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, TINY_DIRECTORY, load_backbone
from cliptta_demo.backend.settings import StreamSettings, method_names
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research import ranking
from cliptta_demo.research.gallery_tables import FEW_IMAGES, TABLES
from cliptta_demo.research.ranking import by_seed, ranking_table
from cliptta_demo.research.runs import TableSettings, run_here

SEEDS = (0, 1, 2)
STREAMS_FILE = "streams.csv"
# Methods that start anew with each batch or image: a short stream tells as much of them as a long one.
SINGLE_IMAGES = tuple(name for name, method in METHODS.items() if method.family == "single")
FORGETFUL = (*SINGLE_IMAGES, "zero", "watt-p", "watt-s")
FEW_BATCHES = 1  # an image takes them up to a hundred times as long as others


def run_gallery(arguments: argparse.Namespace) -> None:
    """The ``gallery`` command, whose words have been checked."""
    others = [name for name in method_names() if name != REFERENCE]
    record = arguments.record
    streams = ranking.read_streams((record or arguments.out) / STREAMS_FILE)
    for name in arguments.tables.split(","):
        for method in arguments.methods.split(",") if arguments.methods else others:
            if TABLES[name].group == "schedules" and method in FORGETFUL:
                continue  # what came before is nothing to them
            here, digest = (streams.table == name) & (streams.method == method), digest_of(name, method)
            if set(streams.settings[here]) != {digest}:
                found = run(name, method, digest, arguments.out)
                streams = found if streams.empty else pd.concat([streams[~here], found])
    place = {name: number for number, name in enumerate([*TABLES, *others])}  # as declared, whichever ran first
    streams = streams.sort_values(["table", "method"], key=lambda names: names.map(place), kind="stable")
    page = ranking.ranking_page(streams)
    print(page)
    if not ranking.ranking(ranking.group_of(streams, "corruptions")).empty:
        print(ranking.readme(streams))
    if record:
        csv = streams.to_csv(index=False, lineterminator="\n")
        for file, text in ((STREAMS_FILE, csv), ("ranking.md", page), ("ranking.svg", picture_of(streams))):
            if text:
                (record / file).write_text(text, encoding="utf-8")
            else:  # nothing to draw yet, and what was drawn of other tables no longer holds
                (record / file).unlink(missing_ok=True)
        MEASURED_FILE.write_text(measured_of(streams), encoding="utf-8")


def picture_of(streams: pd.DataFrame) -> str:
    """The ranking under the fifteen corruptions as SVG; empty as long as no method has run on all of their tables."""
    found = ranking.group_of(streams, "corruptions")
    ranked = ranking.ranking(found)
    title = "What each method gains over zero-shot under fifteen corruptions."
    return "" if ranked.empty else ranking_picture(found, ranked, title)


def measured_of(streams: pd.DataFrame) -> str:
    """What the page tells of each method's gain under the fifteen corruptions, as JSON."""
    found = ranking.measured(ranking.ranking(ranking.group_of(streams, "corruptions")))
    return json.dumps({"methods": {name: asdict(one) for name, one in found.items()}}, indent=1) + "\n"


def shortened(stream: StreamSettings, method: str) -> StreamSettings:
    """The stream for a method: one batch where it forgets each."""
    return replace(stream, batches=FEW_BATCHES) if method in FORGETFUL else stream


def settings_of_run(name: str, method: str) -> TableSettings:
    """A method beside zero-shot on a table."""
    table, changes = TABLES[name], {"rates": "own"} if method in chosen() else {}
    stream = shortened(table.stream, method)
    if table.dataset in FEW_IMAGES and method in SINGLE_IMAGES:
        stream = replace(stream, batch_size=FEW_IMAGES[table.dataset])
    return TableSettings(
        backbone=TINY,
        dataset=table.dataset,
        variants=(Variant(REFERENCE, REFERENCE, REFERENCE), Variant(method, METHODS[method].label, method, changes)),
        corruptions=table.corruptions,
        seeds=SEEDS,
        stream=stream,
    )


def digest_of(name: str, method: str) -> str:
    """Of all that decides the outcomes but the code. A setting at its default is left out: new ones change nothing."""
    settings = settings_of_run(name, method)
    choice = asdict(chosen()[method]) if method in chosen() else None
    about = [settings.dataset, settings.corruptions, settings.seeds, unusual(settings.stream), settings.class_names]
    text = json.dumps([*about, method, choice, unusual(TINY_ADAPTATION), weights_digest()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def run(name: str, method: str, digest: str, out: Path) -> pd.DataFrame:
    """The streams of one method on one table; what is missing is run."""
    settings, folder = settings_of_run(name, method), out / name / f"{method}-{digest}"
    rows = run_here(settings, load_backbone(TINY), folder, f"{name}, {method}: ").rows()
    about = {"table": name, "method": method, "settings": digest}
    return pd.DataFrame([about | ranking.outcome_of(row, method) for row in rows])


@cache
def weights_digest() -> str:
    """Of the built-in model's file."""
    return hashlib.sha256((TINY_DIRECTORY / "open_clip_model.safetensors").read_bytes()).hexdigest()[:16]


ROW, TOP, BOTTOM = 20, 56, 34  # pixels; above and below the rows stand the names of what is drawn
LABELS, LEFT, RIGHT = 196, 212, 590  # where labels end, and the field of the points
COLUMNS = {"gain": 690, "collapses": 770, "ms per image": 850}  # where they end
WIDTH = 866
GRID = 5  # points
# Told apart with any kind of colour vision; the second of each pair is the stronger shift.
COLOURS = ("#e8b04a", "#b45f06", "#7fb8e0", "#0067a3", "#a8d8b9", "#00795a")
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1d242d } .muted { fill: #5d6773; font-size: 12px }
  .end { text-anchor: end } .middle { text-anchor: middle }
  .ground { fill: #ffffff; stroke: #e1e2dd } .grid { stroke: #ecede8 } .zero { stroke: #5d6773 }
  .mean { fill: #1d242d } .error { stroke: #1d242d; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9ec } .muted { fill: #98a3ae } .ground { fill: #181e25; stroke: #2b333d }
    .grid { stroke: #252d36 } .zero { stroke: #98a3ae } .mean { fill: #e6e9ec } .error { stroke: #e6e9ec }
  }
"""


def ranking_picture(streams: pd.DataFrame, ranked: pd.DataFrame, title: str) -> str:
    """An SVG with a row for each ranked method: a dot for each table, a diamond for their mean; ``title`` in words."""
    tables = list(streams.title.unique())
    means = 100 * streams.groupby(["method", "title"]).gain.mean().unstack("title").loc[ranked.index, tables]
    low = GRID * math.floor(min(0, means.min(axis=None)) / GRID)
    high = max(GRID, GRID * math.ceil(means.max(axis=None) / GRID))
    seeds, words = 100 * by_seed(streams), ranking_table(ranked)

    def x(points: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (points - low) / (high - low), 1)

    height = TOP + ROW * len(ranked) + BOTTOM
    foot = height - BOTTOM + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img"><title>{escape(title)}</title><style>{STYLE}</style>',
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        *_legend(tables),
        *(_text(end, TOP - 12, name, "muted end") for name, end in COLUMNS.items()),
    ]
    for points in range(low, high + 1, GRID):
        kind, sign = ("grid", f"{points:+d}") if points else ("zero", "0")
        parts.append(f'<path class="{kind}" d="M{x(points)} {TOP - 6}V{height - BOTTOM + 4}"/>')
        parts.append(_text(x(points), foot, sign, "muted middle"))
    for y, (method, line) in zip(range(TOP + ROW // 2, height, ROW), words.iterrows(), strict=False):
        mean, error = seeds.loc[method].mean(), seeds.loc[method].sem()
        error = 0.0 if math.isnan(error) else error
        parts.append(_text(LABELS, y + 4, line["method"], "end"))
        for points, colour in zip(means.loc[method], COLOURS, strict=False):
            parts.append(f'<circle cx="{x(points)}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(f'<path class="error" d="M{x(mean - error)} {y}H{x(mean + error)}"/>')
        parts.append(f'<path class="mean" d="M{x(mean)} {y - 6}l5 6l-5 6l-5 -6z"/>')
        parts += [_text(end, y + 4, line[name], "end") for name, end in COLUMNS.items()]
    few, most = ranked.images.min(), ranked.images.max()
    if few < most:
        parts.append(_text(WIDTH - 16, foot, f"* saw {few} images of a stream, not {most}", "muted end"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: int, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(words)}</text>'


def _legend(tables: Iterable[str]) -> list[str]:
    parts, left = [], 16
    for table, colour in zip(tables, COLOURS, strict=False):
        parts += [f'<circle cx="{left}" cy="20" r="4" fill="{colour}"/>', _text(left + 9, 24, table, "muted")]
        left += 24 + round(6.2 * len(table))
    parts.append(f'<path class="mean" d="M{left} 14l5 6l-5 6l-5 -6z"/>')
    return [*parts, _text(left + 10, 24, "mean; points gained over zero-shot", "muted")]
