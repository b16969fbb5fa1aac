"""Data sets laid out as their repositories on the hub are: files, columns and metadata as published, with one tiny
picture for each class and domain in every file. Where no text tells how many files there are, here are two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from hub_stand_in import Repository
from hub_tables import IMAGE, parquet
from timm.data import ImageNetInfo

from cliptta_demo.backend.data.presets import CIFAR10_CLASSES, CIFAR100_CLASSES, DIGITS, PACS_CLASSES, PRESETS

IDS = tuple(ImageNetInfo("imagenet-1k").label_names())
SYNONYMS = tuple(ImageNetInfo("imagenet-1k").label_descriptions())  # "tench, Tinca tinca"
NET_DOMAINS = ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")
MENDED = dict(PRESETS["tiny-imagenet"].mended_names)
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
        rows = self.rows
        cells = dict(zip((self.label, *self.others), map(list, zip(*rows, strict=True)), strict=True))
        if self.columns[self.label] == "string":
            cells[self.label] = [IDS[5 * row[0] + 1] for row in rows]
        image = next(name for name, kind in self.columns.items() if kind == IMAGE)
        content = parquet({name: cells.get(name) for name in self.columns}, image, self.columns, 100)
        return Repository({path: content for paths in self.files.values() for path in paths}, gated=self.gated)

    @property
    def rows(self) -> list[tuple]:
        """(label, other values …) of each row of a file."""
        classes = self.classes or len(self.columns[self.label])
        return list(product(range(classes), *self.others.values()))


def shards(folder: str, suffix: str = "", **counts: int) -> dict[str, tuple[str, ...]]:
    """Paths as ``datasets`` writes them: split → so many."""
    return {
        split: tuple(f"{folder}/{split}-{number:05}-of-{count:05}{suffix}.parquet" for number in range(count))
        for split, count in counts.items()
    }


def _things(count: int, name: str = "Thing_{}") -> tuple[str, ...]:
    return tuple(map(name.format, range(count)))


_DOMAINS = ("art_painting", "cartoon", "photo", "sketch"), ("Art", "Clipart", "Product", "Real World")
_LEVELS = {"corruption_name": ("fog", "gaussian_noise"), "corruption_level": (1, 3, 5)}
DATASETS: dict[str, Layout] = {
    "uoft-cs/cifar10": Layout(shards("plain_text", train=1, test=1), {"img": IMAGE, "label": CIFAR10_CLASSES}),
    "uoft-cs/cifar100": Layout(
        shards("cifar100", train=1, test=1),
        {"img": IMAGE, "fine_label": CIFAR100_CLASSES, "coarse_label": _things(20)},
        label="fine_label", others={"coarse_label": (3,)},
    ),
    "flwrlabs/pacs": Layout(
        shards("data", train=1), {"image": IMAGE, "domain": "string", "label": PACS_CLASSES},
        others={"domain": _DOMAINS[0]},
    ),
    "flwrlabs/office-home": Layout(
        shards("data", train=2), {"image": IMAGE, "domain": "string", "label": _things(65)},
        others={"domain": _DOMAINS[1]},
    ),
    "ufldl-stanford/svhn": Layout(
        shards("cropped_digits", train=1, test=1, extra=1), {"image": IMAGE, "label": DIGITS}
    ),
    "timm/eurosat-rgb": Layout(
        shards("data", train=1, validation=1, test=1), {"image": IMAGE, "label": _things(10), "image_id": "string"},
        others={"image_id": ("Forest_1.jpg",)},
    ),
    "ethz/food101": Layout(shards("data", train=8, validation=3), {"image": IMAGE, "label": _things(101)}),
    "zh-plus/tiny-imagenet": Layout(
        shards("data", "-70d52db3c749a935", train=1, valid=1),
        {"image": IMAGE, "label": tuple(sorted((*RIGHT_IDS, *MENDED)))},
    ),
    "barkermrl/imagenet-a": Layout(shards("data", train=2), {"image": IMAGE, "label": IDS[6:1000:5]}),
    "axiong/imagenet-r": Layout(
        shards("data", test=2), {"image": IMAGE, "wnid": "string", "class_name": "string"},
        label="wnid", classes=200, others={"class_name": ("goldfish",)},
    ),
    "ILSVRC/imagenet-1k": Layout(
        shards("data", train=20, validation=14, test=5), {"image": IMAGE, "label": SYNONYMS}, gated=True
    ),
    "robro/cifar10-c-parquet": Layout(
        shards("data", train=2),
        {"image": IMAGE, "label": "int64", "corruption_name": "string", "corruption_level": "int64"},
        classes=10, others=_LEVELS,
    ),
    "wltjr1007/DomainNet": Layout(
        shards("data", train=3, test=1), {"image": IMAGE, "domain": NET_DOMAINS, "label": _things(345)},
        others={"domain": range(len(NET_DOMAINS))},
    ),
}  # fmt: skip
