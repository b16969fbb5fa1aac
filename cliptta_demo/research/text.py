"""A table's rows as numbers, CSV and Markdown."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.variants import Variant, label_of
from cliptta_demo.research.means import in_points, markdown, spread
from cliptta_demo.research.paper import PAPER_ACCURACY, PAPER_NAMES, PAPER_OPEN_SET
from cliptta_demo.research.runs import Row

MEASURES = [
    "accuracy",
    "auroc",
    "fpr95",
    "calibration_error",
    "deterioration",
    "improvement",
    "collapse_entropy",
    "histogram_entropy",
    "largest_class_share",
    "collapsed",
    "skipped_steps",
    "kept_bytes",
    "seconds_per_batch",
]
CLEAN = "none"
CELL = ["corruption", "method"]


def frame_of(rows: Sequence[Row]) -> pd.DataFrame:
    """A line for each stream and column: corruption, seed, method and every measure, as they are (None: not there)."""
    lines = [
        [row.corruption, row.seed, name, *map(summary.get, MEASURES)]
        for row in rows
        for name, summary in row.columns.items()
    ]
    return pd.DataFrame(lines, columns=["corruption", "seed", "method", *MEASURES], dtype=object)


def numbers_of(rows: Sequence[Row]) -> pd.DataFrame:
    """The same as numbers, clean streams first."""
    frame = frame_of(rows).astype(dict.fromkeys(MEASURES, float))
    return frame.sort_values("corruption", key=lambda names: names != CLEAN, kind="stable")


def shifted(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines under a corruption; all where there is none."""
    under = frame[frame.corruption != CLEAN]
    return frame if under.empty else under


def totals(frame: pd.DataFrame) -> pd.DataFrame:
    """A line for each column, over all corruptions but clean.

    The means of accuracy, auroc and fpr95, and of the gain over zero-shot, ``_error``: their standard errors over the
    seeds that have every corruption; the worst gain; how many streams collapsed, of how many.
    """
    frame = shifted(frame)
    found = frame.groupby("method", sort=False).collapsed.agg(["sum", "size"]).astype(int)
    for measure in ("accuracy", "auroc", "fpr95"):
        of_corruptions = frame.groupby(CELL, sort=False)[measure].mean().unstack("method")
        cells = frame.pivot(index="seed", columns=["method", "corruption"], values=measure)
        of_seeds = pd.DataFrame({name: cells[name].mean(axis=1, skipna=False) for name in found.index})
        found[measure], found[f"{measure}_error"] = of_corruptions.mean(), of_seeds.sem()
        if measure == "accuracy" and REFERENCE in found.index:
            gains = of_corruptions.sub(of_corruptions[REFERENCE], axis=0)
            errors = of_seeds.sub(of_seeds[REFERENCE], axis=0).sem()
            found = found.assign(gain=gains.mean(), worst=gains.min(), gain_error=errors.drop(REFERENCE))
    return found


def to_csv(rows: Sequence[Row]) -> str:
    """A line for each stream and column, every measure beside it.

    With several seeds also the mean over them and its standard error, with these words in the place of the seed.
    """
    parts = [frame_of(rows)]
    if len({row.seed for row in rows}) > 1:
        cells = numbers_of(rows).groupby(CELL, sort=False)[MEASURES]
        both = {"mean": cells.mean(), "standard error": cells.sem()}
        over = pd.concat([part.round(6).reset_index().assign(seed=word) for word, part in both.items()])
        parts.append(over.sort_index(kind="stable"))
    return pd.concat([part.astype(object) for part in parts]).to_csv(index=False, lineterminator="\n")


def to_markdown(rows: Sequence[Row], variants: Sequence[Variant], settings: dict[str, Any]) -> str:
    """Settings, tables, the paper's numbers of the same data. ``settings``: :attr:`.runs.Table.described`."""
    frame = numbers_of(rows)
    seeds = frame.seed.nunique()
    over = f", mean ± standard error over {seeds} seeds" if seeds > 1 else ""
    parts = [
        f"# {title_of(settings)}",
        sentence_of(settings),
        f"Accuracy in %{over}; a star marks a collapse, with one seed at least: over the last four batches the "
        "predictions have less than half of the entropy that all classes would give.",
        titled(accuracy_table(frame), variants),
        _shift_table(rows, variants),
        collapse_sentence(frame),
    ]
    if settings["ood"]:
        parts += ["AUROC / FPR95 in %, known images against strangers.", titled(_open_set_table(frame), variants)]
    parts.append(_paper(settings))
    return "\n\n".join(filter(None, parts)) + "\n"


def titled(table: pd.DataFrame, variants: Sequence[Variant]) -> str:
    """A frame with a column for each variant, as Markdown."""
    table = table[[variant.name for variant in variants]]
    return markdown(table.set_axis([variant.title for variant in variants], axis=1).reset_index(names=""))


def cells_of(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A measure of each corruption and column over the seeds, in words."""
    table = frame.groupby(CELL, sort=False)[measure].agg(spread).unstack("method")
    return table.loc[frame.corruption.unique()]


def accuracy_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Corruption → accuracy of each column, in words, a star at a collapse; sums below."""
    sums = totals(frame)
    fallen = frame.groupby(CELL, sort=False).collapsed.any().unstack("method")
    table = cells_of(frame, "accuracy")
    table += fallen.loc[table.index].map(lambda fell: "*" * fell)
    count = shifted(frame).corruption.nunique()
    table.loc[f"**mean of {count}**"] = sums.apply(lambda one: in_points(one.accuracy, one.accuracy_error), axis=1)
    if "gain" in sums:
        table.loc["mean gain over zero-shot"] = sums.apply(lambda one: in_points(one.gain, one.gain_error, "+"), axis=1)
        table.loc["worst of them"] = sums.worst.map(lambda gain: in_points(gain, None, "+"))
    table.loc["collapsed"] = sums["sum"].map(str) + " of " + sums["size"].map(str)
    return table


def _shift_table(rows: Sequence[Row], variants: Sequence[Variant]) -> str:
    """Accuracy under each shift of streams that have several; empty where none has."""
    lines = [
        (shift, name, value)
        for row in rows
        for name, summary in row.columns.items()
        if len(own := summary.get("shift_accuracy", {})) > 1
        for shift, value in own.items()
    ]
    if not lines:
        return ""
    frame = pd.DataFrame(lines, columns=[*CELL, "accuracy"])
    return "Accuracy in % under each shift of the streams.\n\n" + titled(cells_of(frame, "accuracy"), variants)


def _open_set_table(frame: pd.DataFrame) -> pd.DataFrame:
    table = cells_of(frame, "auroc") + " / " + cells_of(frame, "fpr95")
    both = [totals(frame).apply(lambda s, m=m: in_points(s[m], s[f"{m}_error"]), axis=1) for m in ("auroc", "fpr95")]
    table.loc["**mean of the corruptions**"] = both[0] + " / " + both[1]
    return table


def collapse_sentence(frame: pd.DataFrame) -> str:
    """Where TENT collapses, against how often zero-shot is right; empty without both columns or without a shift.

    Counted over shifted streams that have labels, the clean ones left out.
    """
    streams = frame[frame.corruption != CLEAN].pivot(index=["corruption", "seed"], columns="method")
    if streams.empty or not {REFERENCE, "tent"} <= {*frame.method}:
        return ""
    streams = streams[[("accuracy", REFERENCE), ("collapsed", "tent")]].dropna().set_axis(["right", "fallen"], axis=1)
    if streams.empty:
        return ""
    weak, fallen = streams.right < 0.5, streams.fallen.astype(bool)
    return (
        f"TENT collapses on {(weak & fallen).sum()} of the {weak.sum()} shifted streams in which zero-shot reads less "
        f"than half of the images, and on {(~weak & fallen).sum()} of the {(~weak).sum()} others."
    )


def title_of(settings: dict[str, Any]) -> str:
    """One line: backbone, data set, strangers."""
    strangers = f" with strangers ({settings['ood']})" if settings["ood"] else ""
    return f"{settings['backbone']} on {settings['dataset']}{strangers}"


def sentence_of(settings: dict[str, Any]) -> str:
    """What was run, in a sentence or two."""
    stream, adaptation = settings["stream"], settings["adaptation"]
    seeds, classes = settings["seeds"], len(settings["class_names"])
    words = [f", {stream['ood_share']:.0%} strangers in each"] if settings["ood"] else []
    if stream["schedule"] != "one":
        words.append(f", shifts {stream['schedule']} (batches of each: {stream['shift_batches']})")
    if stream["order"] != "shuffled":
        words.append(f", order {stream['order']}")
    return (
        f"{classes} classes (chance {1 / classes:.1%}). Streams of {stream['batches']} batches of "
        f"{stream['batch_size']}{''.join(words)}, severity {stream['severity']}, "
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}. Learning rate "
        f"{adaptation['learning_rate']:g}, {adaptation['steps']} steps, memory {adaptation['memory_shots']} images a "
        f"class ({adaptation['memory_sample']} of them join each step), unless a column says otherwise."
    )


def _paper(settings: dict[str, Any]) -> str:
    """What the paper has of the same data set; empty where it has nothing."""
    known = PAPER_NAMES.get(settings["dataset"].partition(":")[0])
    accuracy = {name: of for name, of in PAPER_ACCURACY.items() if name.removesuffix("-C") == known}
    open_set = {name: of for name, of in PAPER_OPEN_SET.items() if name.partition(" against ")[0] == known}
    if not accuracy:
        return ""
    domains = "its domains" if known == "PACS" else "15 corruptions at severity 5"
    text = (
        f"The paper, for comparison: ViT-B/16, batches of 128, whole data sets, mean of {domains}, accuracy in %.\n\n"
        + _published(accuracy)
    )
    if settings["ood"] and open_set:
        text += "\n\nIts open set, AUROC / FPR95 in %.\n\n" + _published(open_set)
    return text


def _published(values: dict[str, dict[str, Any]]) -> str:
    frame = pd.DataFrame(values).T.map(lambda value: str(value).strip("()").replace(", ", " / "))
    return markdown(frame.rename(columns=label_of).reset_index(names=""))
