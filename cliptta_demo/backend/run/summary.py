"""What is told of a run: as plain data for JSON, as a table for people, and image by image as CSV.

What each method said of each image, before and after, is small enough to keep for a whole stream.
"""

import csv
import io
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.snapshot import MethodSnapshot, Snapshot
from cliptta_demo.backend.settings import RunSettings

COLLAPSED = 0.5  # of ln C: a stream whose last predictions have less entropy than this has collapsed
COLLAPSE_BATCHES = 4  # at the end of the stream, over which that entropy is averaged


def summarise(snapshot: Snapshot) -> dict[str, Any]:
    """The last snapshot of a run as ``{"methods": {name: {…}}, …}`` of plain numbers, lists and None."""
    return {
        "methods": {name: _method(method) for name, method in snapshot.methods.items()},
        "true_histogram": snapshot.true_histogram.tolist(),
        "images": snapshot.images_done,
    }


def full_report(
    snapshot: Snapshot,
    settings: RunSettings,
    *,
    backbone: str,
    dataset: str,
    ood: str | None,
    templates: Sequence[str] | None,
    device: str | None = None,
) -> dict[str, Any]:
    """:func:`summarise` with all that the run was made of under "settings"; what ``run --json`` writes."""
    about = {
        "backbone": backbone,
        "dataset": dataset,
        "ood": ood,
        "class_names": list(snapshot.class_names),
        "templates": list(templates) if templates else None,  # None: the backbone's own
        **({"device": device} if device else {}),
    }
    return {**summarise(snapshot), "settings": {**about, **settings.to_dict()}}


def _method(method: MethodSnapshot) -> dict[str, Any]:
    series = {name: list(values) for name, values in asdict(method.series).items()}
    shown = int(method.histogram.sum())
    return {
        "accuracy": method.accuracy,
        "histogram": method.histogram.tolist(),
        "histogram_entropy": method.histogram_entropy,
        "largest_class_share": float(method.histogram.max()) / shown if shown else None,
        "collapse_entropy": series["collapse_entropy"][-1],
        "collapse_entropy_ceiling": math.log(len(method.histogram)),
        "deterioration": method.deterioration,
        "improvement": method.improvement,
        "auroc": method.auroc,
        "fpr95": method.fpr95,
        "calibration_error": method.reliability.error,
        "shift_accuracy": method.shift_accuracy,
        "threshold": method.threshold,
        "seconds_per_batch": sum(series["seconds"]) / len(series["seconds"]),
        "kept_bytes": method.kept_bytes,
        "skipped_steps": method.skipped_steps,
        "resets": method.resets,
        "missed_batches": sum(method.series.missed),
        "series": series,
    }


COLUMNS = {
    "accuracy": ("accuracy", "{:.1%}"),
    "deterioration": ("deterioration", "{:.1%}"),
    "improvement": ("improvement", "{:.1%}"),
    "histogram_entropy": ("histogram entropy", "{:.2f}"),
    "collapse_entropy": ("collapse entropy", "{:.2f}"),
    "auroc": ("AUROC", "{:.1%}"),
    "fpr95": ("FPR95", "{:.1%}"),
    "calibration_error": ("ECE", "{:.1%}"),
    "seconds_per_batch": ("s/batch", "{:.2f}"),
    "missed_batches": ("missed", "{}"),
}


def format_table(result: dict[str, Any]) -> str:
    """The methods of :func:`summarise` as aligned text.

    Columns without any number are left out, and missed batches where there are none.
    """
    methods = result["methods"]
    nothing = {"missed_batches": 0}
    columns = [key for key in COLUMNS if any(own[key] not in (None, nothing.get(key)) for own in methods.values())]
    rows = [["method", *(COLUMNS[key][0] for key in columns)]]
    for name, method in methods.items():
        cells = ["–" if method[key] is None else COLUMNS[key][1].format(method[key]) for key in columns]
        rows.append([name, *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def collapsed(summary: Mapping[str, Any]) -> bool:
    """Whether the predictions of the last batches fall on few classes: their collapse entropy is under half of ln C."""
    recent = summary["series"]["collapse_entropy"][-COLLAPSE_BATCHES:]
    return statistics.fmean(recent) < COLLAPSED * summary["collapse_entropy_ceiling"]


# How an image fares under a method, compared with zero-shot.
STATUSES = ("fixed", "broken", "right", "wrong", "left-out", "let-in", "changed", "same")
STRANGER = "stranger"  # the truth of an image of none of the classes
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # a spreadsheet would run a cell that begins so


@dataclass(frozen=True)
class MethodResults:
    """One method on one batch.

    Attributes:
        predicted: ``(N,)`` int16 classes; confidence: ``(N,)`` float32, 0 to 1; scores: ``(N,)`` float32 ID scores.
        accepted: ``(N,)`` bool, whether the score is above the threshold; statuses: N of ``STATUSES``.
        missed: whether it was busy when the batch came; see :mod:`.arrivals`.
    """

    predicted: NDArray[np.int16]
    confidence: NDArray[np.float32]
    scores: NDArray[np.float32]
    accepted: NDArray[np.bool_]
    statuses: tuple[str, ...]
    missed: bool = False


@dataclass(frozen=True)
class BatchResults:
    """One batch, without its images. ``labels``, ``mixed``: as in :class:`.snapshot.Snapshot`; ``methods``: by name."""

    batch: int
    corruption: str
    severity: int
    labels: NDArray[np.int16]
    names: tuple[str, ...]
    methods: dict[str, MethodResults]
    mixed: tuple[str, ...] = ()


def results_of(snapshot: Snapshot) -> BatchResults:
    """What is kept of a snapshot. Statuses compare with zero-shot, or with nothing where it takes no part."""
    before = snapshot.methods[REFERENCE].batch.predicted if REFERENCE in snapshot.methods else None
    methods = {}
    for name, method in snapshot.methods.items():
        view = method.batch
        accepted = view.scores > method.threshold
        found = statuses(snapshot.labels, view.predicted, accepted, view.predicted if before is None else before)
        predicted = view.predicted.astype(np.int16)
        missed = method.series.missed[-1]
        methods[name] = MethodResults(predicted, view.confidence, view.scores, accepted, tuple(found), missed)
    labels = snapshot.labels.astype(np.int16)
    about = (snapshot.batch, snapshot.corruption, snapshot.severity, labels, snapshot.names)
    return BatchResults(*about, methods, snapshot.mixed)


def statuses(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], accepted: NDArray[np.bool_], reference: NDArray[np.int64]
) -> list[str]:
    """One of ``STATUSES`` per image.

    Args:
        labels: ``(N,)``, −1 a stranger, −2 unknown; predicted, reference: ``(N,)`` this method's and zero-shot's
            classes; accepted: ``(N,)`` whether the ID score is above the threshold.
    """
    found = []
    for label, now, before, inside in zip(labels, predicted, reference, accepted, strict=True):
        if label == -1:
            found.append("let-in" if inside else "left-out")
        elif label < 0:
            found.append("same" if now == before else "changed")
        elif now == label:
            found.append("right" if before == label else "fixed")
        else:
            found.append("broken" if before == label else "wrong")
    return found


def rows(
    results: Sequence[BatchResults], class_names: Sequence[str], with_scores: bool, first: int = 1
) -> Iterator[dict[str, Any]]:
    """One dict per image, in the order of the stream, numbered from ``first``; its keys are the columns of the CSV."""
    names = [display_name(name) for name in class_names]
    late = {name for batch in results for name, method in batch.methods.items() if method.missed}
    position = count(first)
    for batch in results:
        for index, label in enumerate(batch.labels.tolist()):
            row: dict[str, Any] = {
                "image": next(position),
                "file": batch.names[index],
                "batch": batch.batch + 1,
                "corruption": batch.mixed[index] if batch.mixed else batch.corruption,
                "severity": batch.severity,
                "truth": names[label] if label >= 0 else STRANGER if label == -1 else "",
            }
            for name, method in batch.methods.items():
                row[f"{name} prediction"] = names[method.predicted[index]]
                row[f"{name} confidence"] = round(float(method.confidence[index]), 4)
                if name != REFERENCE:
                    row[f"{name} outcome"] = method.statuses[index]
                if name in late:
                    row[f"{name} missed"] = "yes" if method.missed else "no"
                if with_scores:
                    row[f"{name} ID score"] = round(float(method.scores[index]), 5)
                    row[f"{name} accepted"] = "yes" if method.accepted[index] else "no"
            yield row


def to_csv(results: Sequence[BatchResults], class_names: Sequence[str], with_scores: bool) -> str:
    """All images as CSV. Texts that a spreadsheet would take for a formula get an apostrophe in front."""
    file, table = io.StringIO(newline=""), list(rows(results, class_names, with_scores))
    lines = [*table[:1], *(row.values() for row in table)]  # the first row's keys are the names of the columns
    csv.writer(file, lineterminator="\r\n").writerows(map(harmless, line) for line in lines)
    return file.getvalue()


def harmless(value: Any) -> Any:
    """A cell's value; a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    risky = isinstance(value, str) and (value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA))
    return f"'{value}" if risky else value
