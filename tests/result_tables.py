"""The tables of results in the README and in docs/measured.md, out of the record; the README's ranking."""

from __future__ import annotations

from paths import ROOT

from cliptta_demo.backend.methods.chosen import chosen
from cliptta_demo.page.lessons.claim import Claim, lead, measure
from cliptta_demo.research.gallery import STREAMS_FILE, groups_of
from cliptta_demo.research.kept import read_csv
from cliptta_demo.research.margins import mean_and_error
from cliptta_demo.research.paper import PAPER_ACCURACY
from cliptta_demo.research.ranking import standings
from cliptta_demo.research.ranking_page import first_screen, first_table, gain_words
from cliptta_demo.research.record import CLEAN, Record
from cliptta_demo.research.studies import COMBINATIONS
from cliptta_demo.research.text import markdown_table

STREAMS = {
    "cifar10-5": "CIFAR-10, severity 5",
    "cifar10-clean": "CIFAR-10, clean",
    "lesson-collapse": "pictures, impulse noise, severity 4",
}


GROUPS = groups_of(read_csv(ROOT / "docs" / "gallery" / STREAMS_FILE))


def ranking_sentences() -> str:
    """By how much the first is ahead: as docs/gallery has it."""
    return first_screen(GROUPS)


def ranking_first_table() -> str:
    """Those that gain most, and TENT."""
    return first_table(GROUPS)


def statistics_sentence() -> str:
    """What the batch's statistics gain without a step, beside CLIPTTA, on each table of the ranking."""
    parts = []
    for title, outcomes in GROUPS["corruptions"].items():
        gains = {standing.method: gain_words(standing) for standing in standings({title: outcomes})}
        parts.append(f"{gains['batch-statistics']} points on {title} (CLIPTTA {gains['cliptta']})")
    return f"The batch's statistics alone, without a step: {', '.join(parts)}."


def tent_sentence(record: Record) -> str:
    """What joins TENT's two numbers, that with one setting for all and that in the ranking."""
    lost = mean_and_error(record.read("cifar10-5", Claim(sentence="", quantity=lead("zero-shot", "tent"))))
    own = chosen()["tent"]
    title = "CIFAR-10, severity 5"
    everywhere, there = (
        next(gain_words(standing) for standing in standings(tables) if standing.method == "tent")
        for tables in (GROUPS["corruptions"], {title: GROUPS["corruptions"][title]})
    )
    return (
        f"TENT's {lost} points below zero-shot here and its {everywhere} in the ranking are of two settings: there it "
        f"has {own.rate:g} of this rate and {own.steps} step a batch, and hardly moves ({there} under the same "
        "corruptions)."
    )


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
    lines.insert(1, ["*the paper: ViT-B/16, CIFAR-10-C, severity 5*", *known])
    return markdown_table(["stream", "zero-shot", "TENT", "TENT + CLIPTTA's regulariser", "CLIPTTA"], lines)


def strangers_table(record: Record) -> str:
    """How well the lesson with strangers parts them, in both measures, mean ± standard error over seeds."""
    columns = ("zero-shot", "cliptta", "cliptta-oce")
    lines = [
        [title, *(_cell(record, "lesson-strangers", column, name) for column in columns)]
        for name, title in (("auroc", "AUROC in %"), ("fpr95", "FPR95 in %"), ("accuracy", "accuracy in %"))
    ]
    return markdown_table(["", "zero-shot", "CLIPTTA", "CLIPTTA + OCE"], lines)


def _cell(record: Record, study: str, column: str, name: str) -> str:
    return mean_and_error(record.read(study, Claim(sentence="", quantity=measure(name, column))))


def _accuracy(record: Record, study: str, column: str) -> str:
    runs = record.runs[study][COMBINATIONS[0].name]
    if column not in runs[0].columns:
        return ""
    shifted = [run for run in runs if run.corruption != CLEAN] or runs
    fallen = sum(bool(run.columns[column]["collapsed"]) for run in shifted)
    return _cell(record, study, column, "accuracy") + (f" ({fallen} of {len(shifted)})" if fallen else "")
