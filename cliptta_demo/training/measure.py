"""Measures the shipped tiny model: the tables of the README and of its model card.

    python -m cliptta_demo.training.measure --cifar DIRECTORY --photos DIRECTORY --json measured.json

Parts, each chosen by ``--only``: ``accuracy`` (zero-shot on clean data, 100 random words, eight templates), ``shift``
(15 corruptions: zero-shot, TENT, TENT with CLIPTTA's regulariser, CLIPTTA), ``rates`` (TENT and CLIPTTA at other
learning rates), ``strangers`` (AUROC and FPR95 with half strangers). Prints Markdown; a star is a collapse: over the
last four batches less than half of the entropy that all classes would give.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliptta_demo.backend.backbone import Backbone
from cliptta_demo.backend.backbones import TINY, load_backbone
from cliptta_demo.backend.catalog import OOD_SOURCES, open_source, picture_class_names
from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.training import measurements as m

PARTS = ("accuracy", "shift", "rates", "strangers")
RATES = {"tent": (1e-4, 3e-4), "cliptta": (3e-4,)}  # beside the backbone's own
RATE_CORRUPTIONS = ("none", "gaussian_noise", "contrast")
OPEN_CORRUPTIONS = ("none", "gaussian_noise", "contrast")


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal."""
    return "–" if value is None else f"{100 * value:.1f}"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _accuracy(backbone: Backbone, arguments: argparse.Namespace) -> dict[str, Any]:
    clean = m.clean_accuracies(backbone, arguments.cifar, arguments.photos, arguments.images)
    words = m.open_vocabulary(backbone, arguments.images)
    rows = [[name, percent(value)] for name, value in clean.items()]
    rows += [[f"100 random words, {name}", percent(value)] for name, value in words.items()]
    print(markdown(["zero-shot, clean", "accuracy"], rows), end="\n\n")
    return {"clean": clean, "words": words}


def _shift(backbone: Backbone, arguments: argparse.Namespace) -> dict[str, Any]:
    variants = (m.ZERO_SHOT, m.TENT, m.TENT_REGULARISED, m.CLIPTTA)
    result: dict[str, Any] = {}
    for name, source in _sources(backbone, arguments.cifar).items():
        for severity in arguments.severity:
            stream = replace(_stream(arguments), severity=severity)
            table = m.shift_table(backbone, source, stream, ("none", *COMMON_CORRUPTIONS), variants)
            means = m.shift_means({key: row for key, row in table.items() if key != "none"})
            result[f"{name}, severity {severity}"] = {"streams": table, "means": means}
            rows = [[shift, *(_marked(row[v.title]) for v in variants)] for shift, row in table.items()]
            rows += [[key, *(percent(means[v.title][key]) for v in variants)] for key in means[m.CLIPTTA.title]]
            print(markdown([f"{name}, severity {severity}", *(v.title for v in variants)], rows), end="\n\n")
    return result


def _rates(backbone: Backbone, arguments: argparse.Namespace) -> dict[str, Any]:
    own = backbone.info.adaptation.learning_rate
    variants = [m.ZERO_SHOT] + [
        m.Variant(f"{method.title} at {rate:g}", method.method, {"learning_rate": rate})
        for method in (m.TENT, m.CLIPTTA)
        for rate in sorted({*RATES[method.method], own})
    ]
    result: dict[str, Any] = {}
    for name, source in _sources(backbone, arguments.cifar).items():
        for severity in arguments.severity:
            stream = replace(_stream(arguments), severity=severity)
            table = m.shift_table(backbone, source, stream, RATE_CORRUPTIONS, variants)
            result[f"{name}, severity {severity}"] = table
            rows = [[v.title, *(_marked(row[v.title]) for row in table.values())] for v in variants]
            print(markdown([f"{name}, severity {severity}", *table], rows), end="\n\n")
    return result


def _marked(summary: dict[str, Any]) -> str:
    """Accuracy, with a star where the method collapsed."""
    return percent(summary["accuracy"]) + "*" * summary["collapsed"]


def _strangers(backbone: Backbone, arguments: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for severity in arguments.severity:
        stream = replace(_stream(arguments), severity=severity)
        table = m.open_set_table(backbone, stream, OPEN_CORRUPTIONS, tuple(OOD_SOURCES))
        result[f"severity {severity}"] = table
        titles = list(next(iter(table.values())))
        rows = [
            [
                name,
                *(f"{percent(row[title]['auroc'])} / {percent(row[title]['fpr95'])}" for title in titles),
                " → ".join(percent(row[title]["accuracy"]) for title in titles),
            ]
            for name, row in table.items()
        ]
        print(markdown([f"severity {severity}, AUROC / FPR95", *titles, "accuracy"], rows), end="\n\n")
    return result


MEASURES: dict[str, Callable[[Backbone, argparse.Namespace], dict[str, Any]]] = dict(
    zip(PARTS, (_accuracy, _shift, _rates, _strangers), strict=True)
)


def main() -> None:
    """Command line of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="directory with cifar10-test.parquet; without it, pictures only")
    parser.add_argument("--photos", type=Path, help="directory of photographs named as ImageNet names them")
    parser.add_argument("--backbone", default=TINY)
    parser.add_argument("--images", type=int, default=5000, help="pictures per accuracy")
    parser.add_argument("--batches", type=int, default=16, help="batches of 64 per stream")
    parser.add_argument("--severity", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    backbone = load_backbone(arguments.backbone)
    kept = ("backbone", "images", "batches", "severity", "seed")
    result: dict[str, Any] = {"settings": {name: getattr(arguments, name) for name in kept}}
    for part in arguments.only:
        result[part] = MEASURES[part](backbone, arguments)
        if arguments.json:  # after every part: the whole takes most of an hour on two cores
            arguments.json.write_text(json.dumps(result, indent=2, default=str) + "\n")


def _stream(arguments: argparse.Namespace) -> StreamSettings:
    return StreamSettings(batches=arguments.batches, batch_size=m.BATCH_SIZE, seed=arguments.seed)


def _sources(backbone: Backbone, cifar: Path | None) -> dict[str, Source]:
    names = picture_class_names()
    sources: dict[str, Source] = {f"pictures ({len(names)} classes)": open_source("pictures", names)}
    if cifar:
        sources["CIFAR-10"] = m.cifar_source(cifar, backbone.info.image_size)
    return sources


if __name__ == "__main__":
    main()
