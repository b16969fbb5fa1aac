"""The tables of results in the README and in docs/measured.md, out of the record."""

from functools import cache

import pandas as pd
from paths import ROOT

from cliptta_demo.backend.methods.recorded import chosen
from cliptta_demo.page.lessons.lesson import Claim, lead, measure
from cliptta_demo.research.claims import Record
from cliptta_demo.research.gallery import STREAMS_FILE
from cliptta_demo.research.ranking import gains_table, group_of, ranking
from cliptta_demo.research.studies import COMBINATIONS, OPENING
from cliptta_demo.research.text import CLEAN, PAPER_ACCURACY, markdown, read_streams

STREAMS = {
    "cifar10-5": "CIFAR-10, severity 5",
    "cifar10-clean": "CIFAR-10, clean",
    OPENING: "pictures, impulse noise, severity 4",
}


@cache
def kept() -> pd.DataFrame:
    """The streams of the gallery."""
    return read_streams(ROOT / "docs" / "gallery" / STREAMS_FILE)


def gains() -> pd.DataFrame:
    """Of each method over zero-shot, table by table."""
    return gains_table(group_of(kept(), "corruptions"))


def statistics_sentence() -> str:
    """What the batch's statistics gain without a step, beside CLIPTTA, on each table of the ranking."""
    parts = [
        f"{gain['batch-statistics']} points on {title} (CLIPTTA {gain['cliptta']})"
        for title, gain in gains().drop(columns="method").items()
    ]
    return f"The batch's statistics alone, without a step: {', '.join(parts)}."


def tent_sentence(record: Record) -> str:
    """What joins TENT's two numbers, that with one setting for all and that in the ranking."""
    lost = record.read("cifar10-5", Claim(sentence="", quantity=lead("zero-shot", "tent"))).words
    own = chosen()["tent"]
    everywhere = ranking(group_of(kept(), "corruptions")).words["tent"]
    there = gains()["CIFAR-10, severity 5"]["tent"]
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
    titles = ["stream", "zero-shot", "TENT", "TENT + CLIPTTA's regulariser", "CLIPTTA"]
    return markdown(pd.DataFrame(lines, columns=titles))


def strangers_table(record: Record) -> str:
    """How well the lesson with strangers parts them, in both measures, mean ± standard error over seeds."""
    columns = ("zero-shot", "cliptta", "cliptta-oce")
    lines = [
        [title, *(_cell(record, "lesson-strangers", column, name) for column in columns)]
        for name, title in (("auroc", "AUROC in %"), ("fpr95", "FPR95 in %"), ("accuracy", "accuracy in %"))
    ]
    return markdown(pd.DataFrame(lines, columns=["", "zero-shot", "CLIPTTA", "CLIPTTA + OCE"]))


def _cell(record: Record, study: str, column: str, name: str) -> str:
    return record.read(study, Claim(sentence="", quantity=measure(name, column))).words


def _accuracy(record: Record, study: str, column: str) -> str:
    runs = record.runs[study][COMBINATIONS[0].name]
    if column not in runs:
        return ""
    under = runs[runs.index.get_level_values("corruption") != CLEAN]
    fallen = (runs if under.empty else under)[column, "collapsed"]
    return _cell(record, study, column, "accuracy") + (
        f" ({fallen.sum():.0f} of {len(fallen)})" if fallen.any() else ""
    )
