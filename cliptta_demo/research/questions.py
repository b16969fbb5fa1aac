"""A table for each question of a reviewer: what methods gain as one thing is changed, beside the ranking's streams."""

import pandas as pd

from cliptta_demo.research.gallery_tables import PROBED, QUESTIONS, Question
from cliptta_demo.research.ranking import and_, by_seed, gains_table
from cliptta_demo.research.text import in_points, is_told, markdown

INTRODUCTION = (
    "Written by `cliptta-demo gallery`. Gain: accuracy over zero-shot's on the same streams, in points, mean ± "
    "standard error over seeds, of the built-in model on "
    f"{and_(name.replace('_', ' ') for name in PROBED)} (one of each of ImageNet-C's four kinds) at severity 5; each "
    "method at the rate and the steps [chosen](chosen.md) for it on four others, with batches of 64. **Bold**: the "
    "most in a column. `=`: can't be told from it (95 %, Student's t over seeds, on the same streams). Methods that "
    "are not in a table have not run on all its streams, or have nothing that the question changes."
)


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


def cost(streams: pd.DataFrame, method: str) -> str:
    """What the best of the rates would gain more than the chosen one, in points, seed by seed."""
    gains = pd.DataFrame({title: by_seed(of).loc[method] for title, of in streams.groupby("title")})
    best = gains.mean().idxmax()
    more = gains[best] - gains["chosen"]
    return "the chosen" if best == "chosen" else f"{best}, {in_points(more.mean(), more.sem(), '+')}"
