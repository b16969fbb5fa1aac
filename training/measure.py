"""Measures the built-in model, or the weights of a training run, zero-shot: the accuracies of the model card.

    python -m training.measure --data DIRECTORY --json measured.json

``--data`` holds CIFAR-10's and Tiny ImageNet's parquet files and ``photos/``; without it pictures and words alone are
measured. What the methods do under a shift is measured by ``python -m cliptta_demo table``.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from cliptta_demo.backend.data.catalog import open_source, picture_class_names
from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.models import tiny_tower  # noqa: F401  (registers the towers with timm)
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.research.text import in_points, markdown
from training.measurements import cifar_source, clean_accuracies, open_vocabulary
from training.photo_measurements import imagenet_source, lost_to_corruption, photo_accuracies


def main() -> None:
    """Command line of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="directory of configuration and weights; none: the built-in model")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, default=5000, help="pictures per accuracy")
    parser.add_argument("--corrupted", type=int, default=1000, help="images of each data set under each corruption")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    backbone, data = load_backbone(f"local-dir:{arguments.weights}" if arguments.weights else TINY), arguments.data
    names, size = picture_class_names(), backbone.info.image_size
    corrupted: dict[str, Callable[[], Source]] = {"pictures": lambda: open_source("pictures", names)}
    accuracy = {"clean": clean_accuracies(backbone, data, data and data / "photos", arguments.images)}
    if data:
        accuracy["photographs"] = photo_accuracies(backbone, data)
        corrupted |= {"CIFAR-10": lambda: cifar_source(data, size), "Tiny ImageNet": lambda: imagenet_source(data)}
    accuracy["words"] = open_vocabulary(backbone, arguments.images)
    for name, source in corrupted.items():
        accuracy[f"{name}, severity 3"] = lost_to_corruption(backbone, source(), arguments.corrupted)
    for part, values in accuracy.items():
        print(markdown(pd.DataFrame({part: values.keys(), "accuracy": map(in_points, values.values())})), "\n")
    if arguments.json:
        settings = {"images": arguments.images, "corrupted": arguments.corrupted}
        arguments.json.write_text(json.dumps({"settings": settings, "accuracy": accuracy}, indent=2) + "\n")


if __name__ == "__main__":
    main()
