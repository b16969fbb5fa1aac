"""A finished run as plain data for JSON, and as a table for people."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

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
}


def format_table(result: dict[str, Any]) -> str:
    """The methods of :func:`summarise` as aligned text; columns without any number are left out."""
    methods = result["methods"]
    columns = [key for key in COLUMNS if any(method[key] is not None for method in methods.values())]
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
