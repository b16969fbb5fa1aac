"""Data sets laid out as their repositories on the hub are: files, columns and metadata as published, with one tiny
picture for each class and domain in every file. Where no text tells how many files there are, here are two.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import pyarrow as pa
import pyarrow.parquet as pq
from hub_stand_in import Repository
from hub_tables import picture
from timm.data import ImageNetInfo

from cliptta_demo.backend.data.presets import CIFAR10_CLASSES, CIFAR100_CLASSES, DIGITS, PACS_CLASSES, PRESETS

IMAGE = "image"
IDS = tuple(ImageNetInfo("imagenet-1k").label_names())
SYNONYMS = tuple(ImageNetInfo("imagenet-1k").label_descriptions())  # "tench, Tinca tinca"
COARSE = tuple(f"group_{number}" for number in range(20))
NET_DOMAINS = ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")
MENDED = dict(PRESETS["tiny-imagenet"].mended_names)
WRONG_IDS = tuple(MENDED)
RIGHT_IDS = tuple(name for name in IDS if name not in MENDED.values())[:182]


@dataclass(frozen=True)
class Layout:
    """A data set's repository.

    Attributes:
        files: split → paths.
        columns: name → ``IMAGE``, the names of class labels, or the type of plain values, in the published order.
        label: the column that says the class; each of ``classes`` many is there once for all ``others`` together.
        others: column → its values.
    """

    files: Mapping[str, Sequence[str]]
    columns: Mapping[str, str | Sequence[str]]
    label: str = "label"
    classes: int = 0
    others: Mapping[str, Sequence] = field(default_factory=dict)
    gated: bool = False

    def repository(self) -> Repository:
        """As the stand-in serves it."""
        content = self._file()
        return Repository({path: content for paths in self.files.values() for path in paths}, gated=self.gated)

    @property
    def rows(self) -> list[tuple]:
        """(label, other values …) of each row of a file."""
        classes = self.classes or len(self.columns[self.label])
        return list(product(range(classes), *self.others.values()))

    def _file(self) -> bytes:
        rows = self.rows
        cells = dict(zip((self.label, *self.others), map(list, zip(*rows, strict=True)), strict=True))
        if self.columns[self.label] == "string":
            cells[self.label] = [IDS[5 * row[0] + 1] for row in rows]
        image = next(name for name, kind in self.columns.items() if kind == IMAGE)
        cells[image] = [{"bytes": picture(number), "path": f"{number}.png"} for number in range(len(rows))]
        content = pa.table({name: cells[name] for name in self.columns})
        features = {name: _feature(kind) for name, kind in self.columns.items()}
        content = content.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        buffer = io.BytesIO()
        pq.write_table(content, buffer, row_group_size=100)
        return buffer.getvalue()


def _feature(kind: str | Sequence[str]) -> dict:
    if kind == IMAGE:
        return {"_type": "Image"}
    return {"dtype": kind, "_type": "Value"} if isinstance(kind, str) else {"names": list(kind), "_type": "ClassLabel"}


def shards(folder: str, split: str, count: int, suffix: str = "") -> tuple[str, ...]:
    """Paths as ``datasets`` writes them."""
    return tuple(f"{folder}/{split}-{number:05}-of-{count:05}{suffix}.parquet" for number in range(count))


DATASETS: dict[str, Layout] = {
    "uoft-cs/cifar10": Layout(
        {split: shards("plain_text", split, 1) for split in ("train", "test")},
        {"img": IMAGE, "label": CIFAR10_CLASSES},
    ),
    "uoft-cs/cifar100": Layout(
        {split: shards("cifar100", split, 1) for split in ("train", "test")},
        {"img": IMAGE, "fine_label": CIFAR100_CLASSES, "coarse_label": COARSE},
        label="fine_label",
        others={"coarse_label": (3,)},
    ),
    "flwrlabs/pacs": Layout(
        {"train": shards("data", "train", 1)},
        {"image": IMAGE, "domain": "string", "label": PACS_CLASSES},
        others={"domain": ("art_painting", "cartoon", "photo", "sketch")},
    ),
    "flwrlabs/office-home": Layout(
        {"train": shards("data", "train", 2)},
        {"image": IMAGE, "domain": "string", "label": tuple(f"Thing_{number}" for number in range(65))},
        others={"domain": ("Art", "Clipart", "Product", "Real World")},
    ),
    "ufldl-stanford/svhn": Layout(
        {split: shards("cropped_digits", split, 1) for split in ("train", "test", "extra")},
        {"image": IMAGE, "label": DIGITS},
    ),
    "timm/eurosat-rgb": Layout(
        {split: shards("data", split, 1) for split in ("train", "validation", "test")},
        {"image": IMAGE, "label": tuple(f"Published{number}" for number in range(10)), "image_id": "string"},
        others={"image_id": ("Forest_1.jpg",)},
    ),
    "ethz/food101": Layout(
        {"train": shards("data", "train", 8), "validation": shards("data", "validation", 3)},
        {"image": IMAGE, "label": tuple(f"food_{number}" for number in range(101))},
    ),
    "zh-plus/tiny-imagenet": Layout(
        {split: shards("data", split, 1, "-70d52db3c749a935") for split in ("train", "valid")},
        {"image": IMAGE, "label": tuple(sorted((*RIGHT_IDS, *WRONG_IDS)))},
    ),
    "barkermrl/imagenet-a": Layout({"train": shards("data", "train", 2)}, {"image": IMAGE, "label": IDS[6:1000:5]}),
    "axiong/imagenet-r": Layout(
        {"test": shards("data", "test", 2)},
        {"image": IMAGE, "wnid": "string", "class_name": "string"},
        label="wnid",
        classes=200,
        others={"class_name": ("goldfish",)},
    ),
    "ILSVRC/imagenet-1k": Layout(
        {split: shards("data", split, count) for split, count in {"train": 20, "validation": 14, "test": 5}.items()},
        {"image": IMAGE, "label": SYNONYMS},
        gated=True,
    ),
    "robro/cifar10-c-parquet": Layout(
        {"train": shards("data", "train", 2)},
        {"image": IMAGE, "label": "int64", "corruption_name": "string", "corruption_level": "int64"},
        classes=10,
        others={"corruption_name": ("fog", "gaussian_noise"), "corruption_level": (1, 3, 5)},
    ),
    "wltjr1007/DomainNet": Layout(
        {"train": shards("data", "train", 3), "test": shards("data", "test", 1)},
        {"image": IMAGE, "domain": NET_DOMAINS, "label": tuple(f"thing_{number}" for number in range(345))},
        others={"domain": range(len(NET_DOMAINS))},
    ),
}
