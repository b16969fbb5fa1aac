"""Measures the shipped tiny model: the tables of the README and of its model card.

    python -m cliptta_demo.training.measure --cifar DIRECTORY --json measured.json

Zero-shot, TENT and CLIPTTA on built-in pictures, the unseen style and CIFAR-10 test photos, clean and corrupted; then
AUROC and FPR95 on streams where half of the images are strangers. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliptta_demo.backend.backbone import Backbone
from cliptta_demo.backend.backbones import TINY, load_backbone
from cliptta_demo.backend.catalog import open_source, open_strangers, picture_class_names
from cliptta_demo.backend.data.sources import GivenImages, Source, resize
from cliptta_demo.backend.experiment import Experiment
from cliptta_demo.backend.report import summarise
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.training.photos import CIFAR10_CLASSES, load_cifar10

SHIFTS = ("none", "gaussian_noise", "fog", "contrast")
CLOSED_METHODS = ("zero-shot", "tent", "cliptta")
OPEN_METHODS = ("zero-shot", "cliptta", "cliptta-oce")


def cifar_source(cifar: Path, image_size: int) -> GivenImages:
    """All 10,000 test photos, resized as the demo resizes any photo."""
    images, labels = load_cifar10(cifar / "cifar10-test.parquet")
    return GivenImages(resize(images, image_size), CIFAR10_CLASSES, labels)


def measure(
    backbone: Backbone,
    source: Source,
    stream: StreamSettings,
    methods: tuple[str, ...],
    strangers: Source | None = None,
    adaptation: AdaptationSettings | None = None,
) -> dict[str, Any]:
    """One run to its end, as :func:`summarise` gives it."""
    settings = RunSettings(methods=methods, stream=stream, adaptation=adaptation or backbone.info.adaptation)
    *_, (_, snapshot) = Experiment(settings, backbone, source, strangers).run()
    return summarise(snapshot)["methods"]


def closed_table(backbone: Backbone, sources: dict[str, Source], stream: StreamSettings) -> dict[str, Any]:
    """Accuracy and entropies per data set and shift."""
    return {
        f"{name} / {shift}": measure(backbone, source, replace(stream, corruption=shift), CLOSED_METHODS)
        for name, source in sources.items()
        for shift in SHIFTS
    }


def open_table(backbone: Backbone, stream: StreamSettings) -> dict[str, Any]:
    """AUROC and FPR95 on built-in pictures with half of the images from each built-in OOD set."""
    stream = replace(stream, ood_share=0.5)
    return {
        f"{strangers} / {shift}": measure(
            backbone,
            open_source("pictures"),
            replace(stream, corruption=shift),
            OPEN_METHODS,
            open_strangers(strangers),
        )
        for strangers in ("flags", "symbols", "letters", "near-strangers")
        for shift in ("none", "gaussian_noise")
    }


def markdown(table: dict[str, Any], methods: tuple[str, ...], columns: dict[str, str]) -> str:
    """One line per run; for each method the columns of that run, as percentages where they are shares."""
    head = ["stream", *(f"{method} {title}" for method in methods for title in columns.values())]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, result in table.items():
        cells = [
            f"{result[method][key]:.2f}" if "entropy" in key else f"{100 * result[method][key]:.1f}"
            for method in methods
            for key in columns
        ]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def main() -> None:
    """Command line of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="directory with cifar10-test.parquet; without it, pictures only")
    parser.add_argument("--backbone", default=TINY)
    parser.add_argument("--batches", type=int, default=16, help="batches of 64 per stream")
    parser.add_argument("--severity", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, help="learning rate; default: the backbone's own")
    parser.add_argument("--only", choices=("closed", "open"), help="one of the two tables")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    backbone = load_backbone(arguments.backbone)
    if arguments.lr is not None:
        tuned = replace(backbone.info.adaptation, learning_rate=arguments.lr)
        backbone.info = replace(backbone.info, adaptation=tuned)
    stream = StreamSettings(batches=arguments.batches, severity=arguments.severity, seed=arguments.seed)
    result: dict[str, Any] = {"settings": vars(arguments)}
    if arguments.only != "open":
        result["closed"] = closed_table(backbone, _sources(arguments.cifar, backbone), stream)
        columns = {"accuracy": "accuracy", "collapse_entropy": "collapse entropy"}
        print(markdown(result["closed"], CLOSED_METHODS, columns), end="\n\n")
    if arguments.only != "closed":
        result["open"] = open_table(backbone, stream)
        columns = {"accuracy": "accuracy", "auroc": "AUROC", "fpr95": "FPR95"}
        print(markdown(result["open"], OPEN_METHODS, columns))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2, default=str) + "\n")


def _sources(cifar: Path | None, backbone: Backbone) -> dict[str, Source]:
    sources: dict[str, Source] = {
        "pictures (12 classes)": open_source("pictures"),
        f"pictures (all {len(picture_class_names())} classes)": open_source("pictures", picture_class_names()),
        "unseen style (12 classes)": open_source("unseen-style"),
    }
    if cifar:
        sources["CIFAR-10"] = cifar_source(cifar, backbone.info.image_size)
    return sources


if __name__ == "__main__":
    main()
