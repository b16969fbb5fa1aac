"""The two tables of the README, out of the record."""

from __future__ import annotations

from cliptta_demo.claims.claim import Claim, measure
from cliptta_demo.claims.margins import mean_and_error
from cliptta_demo.claims.record import CLEAN, Record
from cliptta_demo.claims.studies import COMBINATIONS
from cliptta_demo.tables.paper import PAPER_ACCURACY
from cliptta_demo.tables.text import markdown_table

STREAMS = {
    "pictures-3": "pictures, 76 classes, severity 3 (five corruptions)",
    "cifar10-5": "CIFAR-10, severity 5",
    "cifar10-clean": "CIFAR-10, clean",
}
STRANGERS = {
    "strangers-flags": "pictures against flags",
    "strangers-near-strangers": "pictures against other pictures",
    "cifar10-5-others": "CIFAR-10, six classes against four",
}


def streams_table(record: Record) -> str:
    """Accuracy of each method, mean ± standard error over seeds, and how many streams collapse."""
    columns = ("zero-shot", "tent", "tent-regularised", "cliptta")
    lines = [
        [title, *(_accuracy(record, study, name) for name in columns)]
        for study, title in STREAMS.items()
        if study in record.runs
    ]
    paper = PAPER_ACCURACY["CIFAR-10-C"]
    known = [f"*{paper[name]:.1f}*" if name in paper else "" for name in columns]
    lines.append(["*the paper: ViT-B/16, CIFAR-10-C, severity 5*", *known])
    return markdown_table(["stream", "zero-shot", "TENT", "TENT + CLIPTTA's regulariser", "CLIPTTA"], lines)


def strangers_table(record: Record) -> str:
    """AUROC of each method, mean ± standard error over seeds."""
    columns = ("zero-shot", "tent", "cliptta", "cliptta-oce")
    lines = [
        [title, *(_cell(record, study, name, "auroc") for name in columns)]
        for study, title in STRANGERS.items()
        if study in record.runs
    ]
    return markdown_table(["known images against strangers", "zero-shot", "TENT", "CLIPTTA", "CLIPTTA + OCE"], lines)


def _cell(record: Record, study: str, column: str, name: str) -> str:
    return mean_and_error(record.read(study, Claim(sentence="", quantity=measure(name, column))))


def _accuracy(record: Record, study: str, column: str) -> str:
    runs = record.runs[study][COMBINATIONS[0].name]
    if column not in runs[0].columns:
        return ""
    shifted = [run for run in runs if run.corruption != CLEAN] or runs
    fallen = sum(bool(run.columns[column]["collapsed"]) for run in shifted)
    return _cell(record, study, column, "accuracy") + (f" ({fallen} of {len(shifted)})" if fallen else "")
