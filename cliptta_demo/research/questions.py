"""A table for each question of a reviewer: what methods gain as one thing is changed, beside the ranking's streams."""

import pandas as pd

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.research.gallery_tables import CAUTION, CAUTIOUS, PROBED, QUESTIONS, Question
from cliptta_demo.research.ranking import LITTLE, MUCH, and_, by_seed, gains_table
from cliptta_demo.research.text import in_points, is_told, markdown, spread

INTRODUCTION = (
    "Written by `cliptta-demo gallery`. Gain: accuracy over zero-shot's on the same streams, in points, mean ± "
    "standard error over seeds, of the built-in model on "
    f"{and_(name.replace('_', ' ') for name in PROBED)} (one of each of ImageNet-C's four kinds) at severity 5; each "
    "method at the rate and the steps [chosen](chosen.md) for it on four others, with batches of 64. **Bold**: the "
    "most in a column. `=`: can't be told from it (95 %, Student's t over seeds, on the same streams). Methods that "
    "are not in a table have not run on all its streams, or have nothing that the question changes."
)


CAUTIOUSLY = (
    "One rate does not suit all streams. The one that repairs most where zero-shot reads little costs points where it "
    "reads nearly all. Neither the regulariser nor the memory is the cause: without either it costs as much (one seed "
    "of the held-out corruptions). *Caution*, a setting of ours and never the paper's, lets the rate fall where "
    f"zero-shot is sure of a batch: with the square of its mean entropy, as a share of {CAUTION:g} of the most that "
    f"there can be. {CAUTION:g} was chosen of 0.3, 0.4 and 0.6 on the held-out corruptions. Below: all fifteen "
    "corruptions, pictures and CIFAR-10, severities 3 and 5."
)
PARTS = {
    "all": (0.0, 1.1),
    f"zero-shot reads < {100 * LITTLE:.0f} %": (0.0, LITTLE),
    "in between": (LITTLE, MUCH),
    f"≥ {100 * MUCH:.0f} %": (MUCH, 1.1),
}


def questions_page(streams: pd.DataFrame) -> str:
    """All questions that some method has answered, as Markdown."""
    parts = ["# Questions", INTRODUCTION]
    for name, question in QUESTIONS.items():
        found = streams_of(question, streams)
        if not found.empty:
            table = answers(found)
            if name == "rates":
                table["the best of them"] = [cost(found, method) for method in table.index]
            parts += [f"## {question.title}", question.text, markdown(table)]
    if not (found := cautious(streams)).empty:
        parts += ["## Where CLIPTTA loses, and what mends it", CAUTIOUSLY, markdown(found)]
    return "\n\n".join(parts) + "\n"


def streams_of(question: Question, streams: pd.DataFrame) -> pd.DataFrame:
    """Those of the methods that have run in all its columns, with the column as ``title``, and the gain, a share."""
    titles = {table: title for title, table in question.columns.items()}
    found = streams[streams.table.isin(titles) & streams.corruption.isin(PROBED)]
    found = found.assign(title=found.table.map(titles), gain=found.accuracy - found.before)
    found = found[found.groupby("method").title.transform("nunique") == len(titles)]
    return found.sort_values("title", key=lambda named: named.map([*titles.values()].index), kind="stable")


def answers(streams: pd.DataFrame) -> pd.DataFrame:
    """Gains of every method in each column, in words, the one that gains most over all first."""
    table = gains_table(streams)
    for title, of_column in streams.groupby("title"):
        gains = by_seed(of_column)
        best = gains.mean(axis=1).idxmax()
        level = [name for name in gains.index if name != best and not is_told(gains.loc[best] - gains.loc[name])]
        table.loc[level, title] += " ="
        table.loc[best, title] = f"**{table.loc[best, title]}**"
    return table


def cautious(streams: pd.DataFrame) -> pd.DataFrame:
    """Gains of methods without caution and with it, by how much zero-shot reads, and the difference, in words."""
    lines = []
    for method, own in streams[streams.table.isin(CAUTIOUS)].groupby("method", sort=False):
        as_published = streams[(streams.method == method) & (streams.table + "-caution").isin(own.table)]
        keys = ["table", "corruption", "seed"]
        pairs = as_published.assign(table=as_published.table + "-caution").merge(own, on=keys, suffixes=("", "_with"))
        pairs["own"], pairs["with"] = pairs.accuracy - pairs.before, pairs.accuracy_with - pairs.before
        pairs["more"] = pairs["with"] - pairs["own"]
        for column, words in (("own", ""), ("with", ", with caution"), ("more", ": the difference")):
            parts = {
                title: pairs[pairs.before.between(low, high, "left")].groupby("seed")[column].mean()
                for title, (low, high) in PARTS.items()
            }
            worst = pairs.groupby(["table", "corruption"])[column].mean().min()
            line = {"method": METHODS[method].label + words} | {name: spread(of, "+") for name, of in parts.items()}
            lines.append(line | {"worst of a corruption": f"{100 * worst:+.1f}"})
    return pd.DataFrame(lines)


def cost(streams: pd.DataFrame, method: str) -> str:
    """What the best of the rates would gain more than the chosen one, in points, seed by seed."""
    gains = pd.DataFrame({title: by_seed(of).loc[method] for title, of in streams.groupby("title")})
    best = max(gains, key=lambda title: (gains[title].mean(), title == "chosen"))
    more = gains[best] - gains["chosen"]
    return "the chosen" if best == "chosen" else f"{best}, {in_points(more.mean(), more.sem(), '+')}"
