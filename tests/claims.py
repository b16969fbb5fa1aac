"""The record of what was measured, and how to find what a text claims."""

import math
import re
from pathlib import Path

import pandas as pd

from cliptta_demo.page.lessons.lesson import Quantity
from cliptta_demo.research.claims import Record
from cliptta_demo.research.text import read_streams

ROOT = Path(__file__).parents[1]
_METHOD = re.compile(r"\b(TENT|CLIPTTA|OCE|[Zz]ero-shot|[Aa]dapting|regulariser)\b")
_COMPARES = re.compile(
    r"\b(more|less|fewer|most|least|better|best|worse|worst|above|below|higher|lower|than|well|while|little|nothing|"
    r"rises?|falls?|gains?|gained|loses?|lost|costs?|wins?|won|helps?|climbs?|collapses?|survives?|repairs?|breaks?|"
    r"beats?|grows?|nears?|near|same|close)\b"
)


def words_of(text: str) -> str:
    """Prose without front matter, code, tables, tags and marks of Markdown, on one line."""
    text = re.sub(r"\A---\n.*?\n---\n|```.*?```|<[^>]*>", "", text, flags=re.S)
    lines = [line for line in text.splitlines() if not line.startswith(("|", "    ", "#"))]
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", "\n".join(lines))
    return " ".join(plain.replace("*", "").replace("`", "").split())


def comparing_sentences(words: str) -> list[str]:
    """Sentences that name a method and a word of comparison."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z“(-])", words)
    return [sentence for sentence in sentences if _METHOD.search(sentence) and _COMPARES.search(sentence)]


STREAMS = read_streams(ROOT / "docs" / "claims.csv")
RECORD = Record(STREAMS)


def rounding(study: str, quantity: Quantity) -> float:
    """Standard deviation of what a combination changes on one and the same stream: threads and precision alone."""
    first, *others = RECORD.runs[study].values()
    changes = pd.concat([(quantity.of(runs) - quantity.of(first)).dropna() for runs in others])
    return math.sqrt((changes**2).mean())
