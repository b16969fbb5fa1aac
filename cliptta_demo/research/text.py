"""Means of a few seeds and how far they can be trusted, by Student's t; a table's streams as CSV and Markdown."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.variants import Variant, label_of

LEVEL = 0.95  # of the intervals that texts give
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
CELL, STREAM = ["corruption", "method"], ["corruption", "seed"]


# The paper's numbers (ViT-B/16, arXiv 2507.14312): a data set, by the word before any ":", → what it is called there,
# with 15 corruptions at severity 5.
PAPER_NAMES = {
    **dict.fromkeys(("cifar10", "cifar10-c", "cifar10c"), "CIFAR-10-C"),
    **dict.fromkeys(("cifar100", "cifar100c"), "CIFAR-100-C"),
    "imagenet": "ImageNet-C",
    "pacs": "PACS",
}
PAPER_ACCURACY = {  # their mean, in %
    "CIFAR-10-C": {"zero-shot": 60.2, "tent": 56.4, "cliptta": 80.7},
    "CIFAR-100-C": {"zero-shot": 35.2, "tent": 31.4, "cliptta": 52.6},
    "ImageNet-C": {"zero-shot": 25.5, "tent": 17.6, "cliptta": 41.1},
    "PACS": {"zero-shot": 96.1, "tent": 96.6, "cliptta": 97.5},
}
PAPER_OPEN_SET = {  # against whom; AUROC / FPR95 of clean images, half of them strangers
    "CIFAR-10-C": ("CIFAR-10 against SVHN", ("98.5 / 5.2", "42.3 / 89.3", "99.8 / 0.4")),
    "ImageNet-C": ("ImageNet against Places", ("90.1 / 43.8", "49.9 / 89.4", "97.7 / 9.7")),
}


@cache
def t_quantile(degrees: int) -> float:
    """How many standard errors :data:`LEVEL` of Student's t lies within: 4.30 for 2 degrees, 1.96 for very many."""
    t, step = np.linspace(0, 20, 200_001, retstep=True)
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    density = scale * (1 + t**2 / degrees) ** (-(degrees + 1) / 2)
    found = np.interp(LEVEL, np.cumsum(density[1:] + density[:-1]) * step, t[1:])
    return round(float(found), 6)  # the same on every machine


def margin_of(values: pd.Series) -> float:
    """Half the width of the mean's interval; infinite where there is but one value."""
    return t_quantile(len(values) - 1) * values.sem() if len(values) > 1 else math.inf


def is_told(values: pd.Series) -> bool:
    """Whether their mean can be told from 0: its interval leaves 0 out."""
    return bool(abs(values.mean()) > margin_of(values))


def interval_words(values: pd.Series) -> str:
    """Mean and interval of shares, in points: ``0.3 points (95 %: 0.0 to 0.7)``."""
    mean, margin = values.mean(), margin_of(values)
    middle, low, high = (f"{round(100 * share, 1) + 0.0:.1f}" for share in (mean, mean - margin, mean + margin))
    return f"{middle} points" + (f" ({100 * LEVEL:.0f} %: {low} to {high})" if math.isfinite(margin) else "")


def in_points(mean: float, error: float | None = None, sign: str = "") -> str:
    """A share's mean and, where there is one, its standard error: ``7.5 ± 0.2``; ``sign`` "+" for a difference."""
    if pd.isna(mean):
        return "" if sign else "–"
    return f"{100 * mean:{sign}.1f}" + ("" if pd.isna(error) else f" ± {100 * error:.1f}")


def spread(values: pd.Series, sign: str = "") -> str:
    """Mean and standard error of the shares that are there, see :func:`in_points`."""
    return in_points(values.mean(), values.sem(), sign)


def markdown(frame: pd.DataFrame) -> str:
    """A frame of texts as a Markdown table, without its index."""
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def numbers_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The streams (:func:`.runs.frame_of`) with each measure as a number, clean ones first."""
    frame = frame.assign(**frame.reindex(columns=MEASURES).astype(float))
    return frame.sort_values("corruption", key=lambda names: names != CLEAN, kind="stable")


def shifted(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines under a corruption; all where there is none."""
    under = frame[frame.corruption != CLEAN]
    return frame if under.empty else under


def means_of(frame: pd.DataFrame, measure: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Column by column: a measure's means under each corruption, and of each seed that has all of them."""
    cells = shifted(frame).pivot(index="seed", columns=["corruption", "method"], values=measure)
    return cells.mean().unstack("method"), cells.dropna().T.groupby("method").mean().T


def in_words(of_corruptions: pd.DataFrame, of_seeds: pd.DataFrame, sign: str = "") -> pd.Series:
    """The mean over all corruptions with its standard error over seeds."""
    errors = of_seeds.sem()
    return pd.Series({name: in_points(mean, errors[name], sign) for name, mean in of_corruptions.mean().items()})


def read_streams(path: Path) -> pd.DataFrame:
    """What a command recorded of its streams, a line for each, as it was written to the bit; none without the file."""
    if not path.exists():
        return pd.DataFrame(columns=["study", "table", "method", "settings"])
    return pd.read_csv(path, dtype={"settings": str}, keep_default_na=False, na_values=[""]).round(6)


def to_csv(frame: pd.DataFrame) -> str:
    """A line for each stream and column, every measure beside it.

    With several seeds also the mean over them and its standard error, with these words in the place of the seed.
    """
    parts = [frame.reindex(columns=["corruption", "seed", "method", *MEASURES])]
    if frame.seed.nunique() > 1:
        cells = numbers_of(frame).groupby(CELL, sort=False)[MEASURES]
        both = {"mean": cells.mean(), "standard error": cells.sem()}
        over = pd.concat([part.round(6).reset_index().assign(seed=word) for word, part in both.items()])
        parts.append(over.sort_index(kind="stable"))
    return pd.concat([part.astype(object) for part in parts]).to_csv(index=False, lineterminator="\n")


def to_markdown(frame: pd.DataFrame, variants: Sequence[Variant], settings: dict[str, Any]) -> str:
    """Settings, tables, the paper's numbers of the same data. ``settings``: :attr:`.runs.Table.described`."""
    frame = numbers_of(frame)
    seeds = frame.seed.nunique()
    over = f", mean ± standard error over {seeds} seeds" if seeds > 1 else ""
    parts = [
        f"# {title_of(settings)}",
        sentence_of(settings),
        f"Accuracy in %{over}; a star marks a collapse, with one seed at least: over the last four batches the "
        "predictions have less than half of the entropy that all classes would give.",
        titled(accuracy_table(frame), variants),
        _shift_table(frame, variants),
        collapse_sentence(frame),
    ]
    if settings["ood"]:
        parts += ["AUROC / FPR95 in %, known images against strangers.", titled(_open_set_table(frame), variants)]
    return "\n\n".join(filter(None, [*parts, *_paper(settings)])) + "\n"


def titled(table: pd.DataFrame, variants: Sequence[Variant]) -> str:
    """A frame with a column for each variant, as Markdown."""
    table = table[[variant.name for variant in variants]]
    return markdown(table.set_axis([variant.title for variant in variants], axis=1).reset_index(names=""))


def cells_of(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A measure of each corruption and column over the seeds, in words."""
    table = frame.groupby(CELL, sort=False)[measure].agg(spread).unstack("method")
    return table.loc[frame.corruption.unique()]


def accuracy_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Corruption → accuracy of each column, in words, a star at a collapse; sums over all but clean below."""
    table, means = cells_of(frame, "accuracy"), means_of(frame, "accuracy")
    fallen = frame.groupby(CELL, sort=False).collapsed.any().unstack("method")
    table += fallen.loc[table.index].map(lambda fell: "*" * fell)
    table.loc[f"**mean of {len(means[0])}**"] = in_words(*means)
    if REFERENCE in table:
        gains, of_seeds = (part.sub(part[REFERENCE], axis=0) for part in means)
        table.loc["mean gain over zero-shot"] = in_words(gains, of_seeds.assign(**{REFERENCE: math.nan}), "+")
        table.loc["worst of them"] = gains.min().map("{:+.1%}".format).str.rstrip("%")
    ends = shifted(frame).groupby("method").collapsed
    table.loc["collapsed"] = ends.sum().astype(int).map(str) + " of " + ends.size().map(str)
    return table


def _shift_table(frame: pd.DataFrame, variants: Sequence[Variant]) -> str:
    """Accuracy under each shift of streams that have several; empty where none has."""
    shifts = frame[frame.shift_accuracy.map(len) > 1].set_index("method").shift_accuracy
    lines = [(shift, name, value) for name, own in shifts.items() for shift, value in own.items()]
    if not lines:
        return ""
    cells = cells_of(pd.DataFrame(lines, columns=[*CELL, "accuracy"]), "accuracy")
    return "Accuracy in % under each shift of the streams.\n\n" + titled(cells, variants)


def _open_set_table(frame: pd.DataFrame) -> pd.DataFrame:
    table = cells_of(frame, "auroc") + " / " + cells_of(frame, "fpr95")
    means = [in_words(*means_of(frame, measure)) for measure in ("auroc", "fpr95")]
    table.loc["**mean of the corruptions**"] = means[0] + " / " + means[1]
    return table


def collapse_sentence(frame: pd.DataFrame) -> str:
    """Where TENT collapses, against how often zero-shot is right; empty without both columns or without a shift.

    Counted over shifted streams that have labels, the clean ones left out.
    """
    streams = frame[frame.corruption != CLEAN].pivot(index=STREAM, columns="method")
    streams = streams.reindex(columns=[("accuracy", REFERENCE), ("collapsed", "tent")]).dropna()
    streams = streams.set_axis(["right", "fallen"], axis=1)
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


def _paper(settings: dict[str, Any]) -> Iterator[str]:
    """What the paper has of the same data set."""
    known = PAPER_NAMES.get(settings["dataset"].partition(":")[0])
    if known:
        domains = "its domains" if known == "PACS" else "15 corruptions at severity 5"
        words = f"ViT-B/16, batches of 128, whole data sets, mean of {domains}, accuracy in %."
        yield f"The paper, for comparison: {words}"
        yield _published(known, PAPER_ACCURACY[known])
    if settings["ood"] and known in PAPER_OPEN_SET:
        title, values = PAPER_OPEN_SET[known]
        yield "Its open set, AUROC / FPR95 in %."
        yield _published(title, dict(zip(("zero-shot", "tent", "cliptta-oce"), values, strict=True)))


def _published(title: str, values: Mapping[str, object]) -> str:
    return markdown(pd.DataFrame([values], [title]).rename(columns=label_of).reset_index(names=""))
