"""Measures which cut of an image breaks its shape and keeps its texture, for DeYO: python -m tools.measure_shuffle

    python -m tools.measure_shuffle --datasets pictures,cifar10 --batches 8

On the four held-out corruptions the built-in model reads each image, and the same with its patches shuffled. For each
number of patches in a row, and for the middle covered: how many shuffled images are still read, by zero-shot; and how
well the drop of the predicted class's probability (PLPD) tells right answers from wrong ones, as AUROC, beside what
that probability tells by itself: where nothing of an image is left, both are one. Of the images under DeYO's entropy
limit too, and the share of these that its threshold lets pass. Accuracies and shares in %.
"""

import argparse
import math

import pandas as pd
import torch
from torch import Tensor

from cliptta_demo.backend.corruptions import EXTRA_CORRUPTIONS
from cliptta_demo.backend.data.catalog import open_source, picture_class_names
from cliptta_demo.backend.data.stream import Stream
from cliptta_demo.backend.methods.deyo import DeyoSettings, covered, shuffled
from cliptta_demo.backend.methods.losses import entropy_of_logits
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.research.text import markdown

CUTS = (0, 2, 4, 8, 16)  # patches in a row; 0 covers the middle


def auroc(values: Tensor, right: Tensor) -> float:
    """How often a right answer's value is above a wrong one's, ties as halves; NaN where there are not both."""
    gaps = values[right][:, None] - values[~right][None]
    return ((gaps > 0).float() + (gaps == 0).float() / 2).mean().item()


def measure(dataset: str, corruption: str, batches: int) -> list[dict[str, float | str]]:
    """What each cut does to the images of one stream."""
    backbone, own = load_backbone(TINY), DeyoSettings()
    source = open_source(dataset, picture_class_names() if dataset == "pictures" else None)
    settings = StreamSettings(corruption=corruption, severity=4, batches=batches, batch_size=64)
    stream = Stream(source, settings, backbone.info.image_size)
    prototypes, found = backbone.prototypes(source.class_names), []

    def read(images: Tensor) -> Tensor:
        with torch.no_grad():
            return backbone.logits(backbone.embed(images) @ prototypes.T)

    parts: dict[int, list[tuple[Tensor, ...]]] = {cut: [] for cut in CUTS}
    for index in range(len(stream)):
        images = stream.batch(index).images
        pixels, labels = backbone.normalise(images.pixels), torch.as_tensor(images.labels)
        logits = read(pixels)
        before, predicted = logits.softmax(dim=1).max(dim=1)
        sure = entropy_of_logits(logits) < own.entropy_share * math.log(len(prototypes))
        for cut in CUTS:
            generator = torch.Generator().manual_seed(index)
            orders = torch.rand(len(pixels), cut**2, generator=generator).argsort(dim=1)
            broken = read(shuffled(pixels, orders) if cut else covered(pixels))
            drop = before - broken.softmax(dim=1).gather(1, predicted[:, None])[:, 0]
            parts[cut].append((predicted == labels, broken.argmax(dim=1) == labels, drop, before, sure))
    for cut, kept in parts.items():
        right, still, drop, before, sure = map(torch.cat, zip(*kept, strict=True))
        shares = {"read": right, "read when broken": still, "sure": sure, "passing": drop[sure] > own.threshold}
        about = {"dataset": dataset, "patches in a row": f"{cut or 'middle covered'}"}
        about |= {name: 100 * values.float().mean().item() for name, values in shares.items()}
        for words, these in (("", torch.ones_like(sure)), (" of the sure", sure)):
            about[f"AUROC of the drop{words}"] = auroc(drop[these], right[these])
            about[f"of the probability{words}"] = auroc(before[these], right[these])
        found.append(about)
    return found


def main() -> None:
    """Prints a table for each data set, and one of the means over all streams."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", default="pictures,cifar10")
    parser.add_argument("--batches", type=int, default=8)
    given = parser.parse_args()
    lines = [
        line
        for dataset in given.datasets.split(",")
        for corruption in EXTRA_CORRUPTIONS
        for line in measure(dataset, corruption, given.batches)
    ]
    frame = pd.DataFrame(lines)
    for columns in (["dataset", "patches in a row"], ["patches in a row"]):
        table = frame.groupby(columns, sort=False).mean(numeric_only=True)
        print(markdown(table.round(3).reset_index()), end="\n\n")


if __name__ == "__main__":
    main()
