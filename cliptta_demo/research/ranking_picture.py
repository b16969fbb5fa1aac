"""The ranking as a picture (SVG), light and dark: what each method gains on each table, and what it costs."""

import math
import statistics
from collections.abc import Sequence
from html import escape

from cliptta_demo.research.ranking import Standing
from cliptta_demo.research.ranking_page import gain_words, milliseconds, name_of, whole
from cliptta_demo.research.text import standard_error

ROW, TOP, BOTTOM = 20, 56, 34  # pixels; above and below the rows stand the names of what is drawn
LABELS, LEFT, RIGHT = 196, 212, 590  # where labels end, and the field of the points
COLUMNS = {"gain": 690, "collapses": 770, "ms / image": 850}  # where they end
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


def ranking_picture(ranked: Sequence[Standing], title: str) -> str:
    """An SVG with a row for each method, in the order given: a dot for each table, a diamond for their mean.

    Args:
        ranked: all of the same tables; title: what it shows, read out in place of the picture.
    """
    means = {s.method: {t: 100 * statistics.fmean(of.values()) for t, of in s.gains.items()} for s in ranked}
    every = [0.0, *(value for of_tables in means.values() for value in of_tables.values())]
    low, high = GRID * math.floor(min(every) / GRID), max(GRID, GRID * math.ceil(max(every) / GRID))

    def x(points: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (points - low) / (high - low), 1)

    tables = list(ranked[0].gains)
    height = TOP + ROW * len(ranked) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img"><title>{escape(title)}</title><style>{STYLE}</style>',
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        _legend(tables),
        *(f'<text class="muted end" x="{end}" y="{TOP - 12}">{name}</text>' for name, end in COLUMNS.items()),
    ]
    for points in range(low, high + 1, GRID):
        kind = "grid" if points else "zero"
        parts.append(f'<path class="{kind}" d="M{x(points)} {TOP - 6}V{height - BOTTOM + 4}"/>')
        parts.append(f'<text class="muted middle" x="{x(points)}" y="{height - BOTTOM + 20}">{_signed(points)}</text>')
    for number, standing in enumerate(ranked):
        y = TOP + ROW * number + ROW // 2
        gains = [100 * gain for gain in standing.by_seed.values()]
        mean, error = statistics.fmean(gains), standard_error(gains) or 0.0
        parts += [
            f'<text class="end" x="{LABELS}" y="{y + 4}">{escape(name_of(standing, ranked))}</text>',
            *(
                f'<circle cx="{x(means[standing.method][table])}" cy="{y}" r="4" fill="{colour}"/>'
                for table, colour in zip(tables, COLOURS, strict=False)
            ),
            f'<path class="error" d="M{x(mean - error)} {y}H{x(mean + error)}"/>',
            f'<path class="mean" d="M{x(mean)} {y - 6}l5 6l-5 6l-5 -6z"/>',
            *(
                f'<text class="end" x="{end}" y="{y + 4}">{words}</text>'
                for end, words in zip(
                    COLUMNS.values(),
                    (
                        gain_words(standing),
                        f"{standing.collapsed} of {standing.streams}",
                        milliseconds(standing),
                    ),
                    strict=True,
                )
            ),
        ]
    few, most = min(standing.images for standing in ranked), whole(ranked)[0].images
    if few < most:
        note = f"* saw {few} images of a stream, not {most}"
        parts.append(f'<text class="muted end" x="{WIDTH - 16}" y="{height - BOTTOM + 20}">{note}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _signed(points: int) -> str:
    return f"{points:+d}" if points else "0"


def _legend(tables: Sequence[str]) -> str:
    parts, left = [], 16
    for table, colour in zip(tables, COLOURS, strict=False):
        parts.append(f'<circle cx="{left}" cy="20" r="4" fill="{colour}"/>')
        parts.append(f'<text class="muted" x="{left + 9}" y="24">{escape(table)}</text>')
        left += 24 + round(6.2 * len(table))
    parts.append(f'<path class="mean" d="M{left} 14l5 6l-5 6l-5 -6z"/>')
    parts.append(f'<text class="muted" x="{left + 10}" y="24">mean; points gained over zero-shot</text>')
    return "".join(parts)
