"""A table's rows as numbers, CSV and Markdown."""

import csv
import io
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.variants import Variant, label_of
from cliptta_demo.research.paper import PAPER_ACCURACY, PAPER_NAMES, PAPER_OPEN_SET
from cliptta_demo.research.runs import Row

MEASURES = (
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
)
CLEAN = "none"


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal."""
    return "–" if value is None else f"{100 * value:.1f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def mean_of(values: Iterable[float | None]) -> float | None:
    """Of the values that are there; None where there is none."""
    known = [float(value) for value in values if value is not None]
    return statistics.fmean(known) if known else None


def standard_error(values: Sequence[float | None]) -> float | None:
    """Of the mean of the values that are there; None for fewer than two."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None


def error_in_points(error: float | None) -> str:
    """Of a share, to stand behind it; "" where there is none."""
    return "" if error is None else f" ± {100 * error:.1f}"


def to_csv(rows: Sequence[Row]) -> str:
    """A line for each stream and column, every measure beside it.

    With several seeds also the mean over them and its standard error, with these words in the place of the seed.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["corruption", "seed", "method", *MEASURES])
    for row in rows:
        for name, summary in row.columns.items():
            values = [summary[measure] for measure in MEASURES]
            writer.writerow([row.corruption, row.seed, name, *("" if value is None else value for value in values)])
    if len(seeds_of(rows)) > 1:
        for corruption, name in product(corruptions_of(rows), rows[0].columns):
            for word, value_of in (("mean", mean_of), ("standard error", standard_error)):
                values = [value_of(over_seeds(rows, corruption, name, measure)) for measure in MEASURES]
                shown = ["" if value is None else round(value, 6) for value in values]
                writer.writerow([corruption, word, name, *shown])
    return file.getvalue()


def seeds_of(rows: Sequence[Row]) -> list[int]:
    """The seeds in the order of the rows."""
    return list(dict.fromkeys(row.seed for row in rows))


def over_seeds(rows: Sequence[Row], corruption: str, name: str, measure: str) -> list[float | None]:
    """A measure of one column on one corruption, seed by seed."""
    return [row.columns[name][measure] for row in rows if row.corruption == corruption]


def error_of_total(rows: Sequence[Row], name: str, measure: str, reference: str | None = None) -> float | None:
    """The standard error over seeds of a measure's mean over all corruptions but clean.

    With a ``reference``, of its difference from that column. None where fewer than two seeds have every corruption.
    """
    shifted = _shifted(rows)
    means = []
    for seed in seeds_of(shifted):
        columns = [row.columns for row in shifted if row.seed == seed]
        values = [c[name][measure] for c in columns if c[name][measure] is not None]
        if len(values) == len(corruptions_of(shifted)):
            before = [c[reference][measure] for c in columns] if reference else [0.0]
            means.append(statistics.fmean(values) - statistics.fmean(before))
    return standard_error(means)


def corruptions_of(rows: Sequence[Row]) -> list[str]:
    """The corruptions in the order of the rows, clean first."""
    found = list(dict.fromkeys(row.corruption for row in rows))
    return sorted(found, key=lambda name: name != CLEAN)


def totals(rows: Sequence[Row], name: str) -> dict[str, Any]:
    """One column over all corruptions but clean: mean accuracy, gains over zero-shot, streams that collapsed."""
    shifted = _shifted(rows)

    def means(column: str, measure: str) -> list[float | None]:
        return [mean_of(over_seeds(shifted, corruption, column, measure)) for corruption in corruptions_of(shifted)]

    result: dict[str, Any] = {measure: mean_of(means(name, measure)) for measure in ("accuracy", "auroc", "fpr95")}
    result["collapsed"] = sum(bool(row.columns[name]["collapsed"]) for row in shifted)
    result["streams"] = len(shifted)
    gains: list[float] = []
    if all(REFERENCE in row.columns for row in shifted):
        pairs = zip(means(name, "accuracy"), means(REFERENCE, "accuracy"), strict=True)
        gains = [value - before for value, before in pairs if value is not None]
    return result | {"mean_gain": mean_of(gains), "worst_gain": min(gains, default=None)}


def _shifted(rows: Sequence[Row]) -> list[Row]:
    """Those under a corruption; all where there is none."""
    return [row for row in rows if row.corruption != CLEAN] or list(rows)


def to_markdown(rows: Sequence[Row], variants: Sequence[Variant], settings: dict[str, Any]) -> str:
    """Settings, tables, the paper's numbers of the same data. ``settings`` is what :func:`.runs.describe` makes."""
    seeds = len(seeds_of(rows))
    over = f", mean ± standard error over {seeds} seeds" if seeds > 1 else ""
    parts = [
        f"# {title_of(settings)}",
        sentence_of(settings),
        f"Accuracy in %{over}; a star marks a collapse, with one seed at least: over the last four batches the "
        "predictions have less than half of the entropy that all classes would give.",
        _accuracy_table(rows, variants),
        _shift_table(rows, variants),
        collapse_sentence(rows),
    ]
    if settings["ood"]:
        parts += ["AUROC / FPR95 in %, known images against strangers.", _open_set_table(rows, variants)]
    parts.append(_paper(settings))
    return "\n\n".join(filter(None, parts)) + "\n"


def collapse_sentence(rows: Sequence[Row]) -> str:
    """Where TENT collapses, against how often zero-shot is right; empty without both columns or without a shift.

    Counted over shifted streams that have labels, the clean ones left out.
    """
    lines = [
        (row.columns[REFERENCE]["accuracy"], bool(row.columns["tent"]["collapsed"]))
        for row in rows
        if row.corruption != CLEAN and {REFERENCE, "tent"} <= row.columns.keys()
    ]
    weak = [fallen for accuracy, fallen in lines if accuracy is not None and accuracy < 0.5]
    strong = [fallen for accuracy, fallen in lines if accuracy is not None and accuracy >= 0.5]
    if not weak + strong:
        return ""
    return (
        f"TENT collapses on {sum(weak)} of the {len(weak)} shifted streams in which zero-shot reads less than half of "
        f"the images, and on {sum(strong)} of the {len(strong)} others."
    )


def title_of(settings: dict[str, Any]) -> str:
    """One line: backbone, data set, strangers."""
    strangers = f" with strangers ({settings['ood']})" if settings["ood"] else ""
    return f"{settings['backbone']} on {settings['dataset']}{strangers}"


def sentence_of(settings: dict[str, Any]) -> str:
    """What was run, in a sentence or two."""
    stream, adaptation = settings["stream"], settings["adaptation"]
    seeds = settings["seeds"]
    share = f", {stream['ood_share']:.0%} strangers in each" if settings["ood"] else ""
    return (
        f"{len(settings['class_names'])} classes (chance {1 / len(settings['class_names']):.1%}). Streams of "
        f"{stream['batches']} batches of {stream['batch_size']}{share}{_schedule(stream)}, severity "
        f"{stream['severity']}, "
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}. Learning rate "
        f"{adaptation['learning_rate']:g}, {adaptation['steps']} steps, memory {adaptation['memory_shots']} images a "
        f"class ({adaptation['memory_sample']} of them join each step), unless a column says otherwise."
    )


def _schedule(stream: dict[str, Any]) -> str:
    """What is not usual of the schedule, with a comma before it; older tables know none."""
    words = []
    if stream.get("schedule", "one") != "one":
        words.append(f"shifts {stream['schedule']} (batches of each: {stream['shift_batches']})")
    if stream.get("order", "shuffled") != "shuffled":
        words.append(f"order {stream['order']}")
    return "".join(f", {text}" for text in words)


def _accuracy_table(rows: Sequence[Row], variants: Sequence[Variant]) -> str:
    def cell(corruption: str, name: str) -> str:
        return _cell(rows, corruption, name, "accuracy") + "*" * any(over_seeds(rows, corruption, name, "collapsed"))

    lines = [[corruption, *(cell(corruption, v.name) for v in variants)] for corruption in corruptions_of(rows)]
    sums = {v.name: totals(rows, v.name) for v in variants}
    lines.append(
        [f"**mean of {len(corruptions_of(_shifted(rows)))}**", *(_total(rows, v.name, "accuracy") for v in variants)]
    )
    lines.append(["mean gain over zero-shot", *(_gain(rows, v.name, sums[v.name]) for v in variants)])
    lines.append(["worst of them", *(_signed(sums[v.name]["worst_gain"]) for v in variants)])
    lines.append(["collapsed", *(f"{sums[v.name]['collapsed']} of {sums[v.name]['streams']}" for v in variants)])
    return markdown_table(["", *(v.title for v in variants)], lines)


def _shift_table(rows: Sequence[Row], variants: Sequence[Variant]) -> str:
    """Accuracy under each shift of streams that have several; empty where none has."""
    columns = [(name, own.get("shift_accuracy", {})) for row in rows for name, own in row.columns.items()]
    shifts = dict.fromkeys(shift for _, own in columns if len(own) > 1 for shift in own)
    if not shifts:
        return ""

    def cell(shift: str, name: str) -> str:
        return _share([own.get(shift) for column, own in columns if column == name])

    lines = [[shift, *(cell(shift, variant.name) for variant in variants)] for shift in shifts]
    table = markdown_table(["", *(variant.title for variant in variants)], lines)
    return f"Accuracy in % under each shift of the streams.\n\n{table}"


def _open_set_table(rows: Sequence[Row], variants: Sequence[Variant]) -> str:
    def both(cell: Callable[..., str], *of: str) -> str:
        return " / ".join(cell(rows, *of, measure) for measure in ("auroc", "fpr95"))

    lines = [[c, *(both(_cell, c, v.name) for v in variants)] for c in corruptions_of(rows)]
    lines.append(["**mean of the corruptions**", *(both(_total, v.name) for v in variants)])
    return markdown_table(["", *(v.title for v in variants)], lines)


def _paper(settings: dict[str, Any]) -> str:
    """What the paper has of the same data set; empty where it has nothing."""
    known = PAPER_NAMES.get(settings["dataset"].partition(":")[0])
    columns = ("zero-shot", "tent", "cliptta")
    accuracy = {name: values for name, values in PAPER_ACCURACY.items() if name.removesuffix("-C") == known}
    if not accuracy:
        return ""
    lines = [[name, *(f"{values[c]:.1f}" for c in columns)] for name, values in accuracy.items()]
    text = (
        "The paper, for comparison: ViT-B/16, batches of 128, whole data sets, mean of "
        f"{'its domains' if known == 'PACS' else '15 corruptions at severity 5'}, accuracy in %.\n\n"
        + markdown_table(["", *map(label_of, columns)], lines)
    )
    columns = ("zero-shot", "tent", "cliptta-oce")
    lines = [
        [name, *(f"{values[c][0]:.1f} / {values[c][1]:.1f}" for c in columns)]
        for name, values in PAPER_OPEN_SET.items()
        if name.partition(" against ")[0] == known
    ]
    if settings["ood"] and lines:
        text += "\n\nIts open set, AUROC / FPR95 in %.\n\n" + markdown_table(["", *map(label_of, columns)], lines)
    return text


def _cell(rows: Sequence[Row], corruption: str, name: str, measure: str) -> str:
    return _share(over_seeds(rows, corruption, name, measure))


def _share(values: Sequence[float | None]) -> str:
    """Their mean in %, with its standard error where there is one."""
    return percent(mean_of(values)) + error_in_points(standard_error(values))


def _total(rows: Sequence[Row], name: str, measure: str) -> str:
    return percent(totals(rows, name)[measure]) + error_in_points(error_of_total(rows, name, measure))


def _gain(rows: Sequence[Row], name: str, sums: dict[str, Any]) -> str:
    compared = sums["mean_gain"] is not None and name != REFERENCE
    error = error_of_total(rows, name, "accuracy", REFERENCE) if compared else None
    return _signed(sums["mean_gain"]) + error_in_points(error)


def _signed(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f}"
