"""The ranking as a picture (SVG), light and dark: what each method gains on each table, and what it costs."""

import math
from collections.abc import Iterable
from html import escape

import pandas as pd

from cliptta_demo.research.ranking import by_seed, ranking_table

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
