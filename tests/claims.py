"""The record of what was measured, and how to find what a text claims."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cliptta_demo.claims.claim import Quantity
from cliptta_demo.claims.fingerprint import METHODS
from cliptta_demo.claims.record import Record, Run
from cliptta_demo.claims.studies import COMBINATIONS

ROOT = Path(__file__).parents[1]
# Of the length of that movement. In float32, one and two threads differ by less than 0.0001, a memory that is not
# drawn balanced over the classes makes 0.3 and more.
TOLERANCE = 0.1
PIXEL_TOLERANCE = 0.05  # of 255, on the mean of an image; libraries may round a pixel up or down

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


def load_record(path: Path) -> Record:
    """Reads what :func:`.record.to_text` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    return Record(
        data["fingerprint"],
        {study: part["settings"] for study, part in data["studies"].items()},
        {
            study: {name: list(_rows(columns)) for name, columns in part["runs"].items()}
            for study, part in data["studies"].items()
        },
    )


def _rows(part: dict[str, Any]) -> Iterator[Run]:
    for index, (corruption, seed) in enumerate(zip(part["corruption"], part["seed"], strict=True)):
        columns = {
            name: {measure: values[index] for measure, values in measures.items()}
            for name, measures in part["columns"].items()
        }
        yield Run(corruption, seed, columns)


RECORD = load_record(ROOT / "docs" / "claims.json")


def rounding(study: str, quantity: Quantity) -> float:
    """Standard deviation of what a combination changes on one and the same stream: threads and precision alone."""
    first = {(r.corruption, r.seed): quantity.of(r.columns) for r in RECORD.runs[study][COMBINATIONS[0].name]}
    changes = [
        quantity.of(run.columns) - first[run.corruption, run.seed]
        for combination in RECORD.combinations(study)[1:]
        for run in RECORD.runs[study][combination.name]
    ]
    return math.sqrt(statistics.fmean(change**2 for change in changes))


def differences(recorded: dict[str, Any], present: dict[str, Any]) -> list[str]:
    """In what two fingerprints differ beyond rounding."""
    found = [name for name in ("weights", "pictures") if recorded[name] != present[name]]
    old, new = recorded["corruptions"], present["corruptions"]
    if old.keys() != new.keys():
        return [*found, "corruptions"]
    found += [name for name in old if abs(old[name] - new[name]) > PIXEL_TOLERANCE]
    for name in METHODS:
        before, after = recorded["methods"][name], present["methods"][name]
        if math.dist(before, after) > TOLERANCE * math.hypot(*before):
            found.append(name)
    return found
