"""Measures the shipped tiny model, zero-shot on clean data: the accuracies of its model card.

    python -m cliptta_demo.training.measure --cifar DIRECTORY --photos DIRECTORY --json measured.json

Pictures in the styles of training and in the unseen one, CIFAR-10's test photos, ordinary photographs, 100 random
words, eight templates. Prints Markdown. What the methods do under a shift is measured by
``python -m cliptta_demo table``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.tables.text import markdown_table, percent
from cliptta_demo.training import measurements as m


def main() -> None:
    """Command line of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="directory with cifar10-test.parquet; without it, pictures only")
    parser.add_argument("--photos", type=Path, help="directory of photographs named as ImageNet names them")
    parser.add_argument("--backbone", default=TINY)
    parser.add_argument("--images", type=int, default=5000, help="pictures per accuracy")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    backbone = load_backbone(arguments.backbone)
    clean = m.clean_accuracies(backbone, arguments.cifar, arguments.photos, arguments.images)
    words = m.open_vocabulary(backbone, arguments.images)
    rows = [[name, percent(value)] for name, value in clean.items()]
    rows += [[f"100 random words, {name}", percent(value)] for name, value in words.items()]
    print(markdown_table(["zero-shot, clean", "accuracy"], rows))
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in ("backbone", "images")}
        result: dict[str, Any] = {"settings": settings, "accuracy": {"clean": clean, "words": words}}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
