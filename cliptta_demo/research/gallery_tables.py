"""The tables of the gallery: which streams each has. Known without loading anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS
from cliptta_demo.backend.settings import StreamSettings

DATASETS = {"pictures": "pictures", "cifar10": "CIFAR-10", "tiny-imagenet": "Tiny ImageNet"}
FEW_IMAGES = {"tiny-imagenet": 16}  # for methods for single images, which take 200 prompts there and back for each
CONTINUAL = {"schedule": "continual", "shift_batches": 2, "batches": 30}
SCHEDULES = {
    "continual": CONTINUAL,
    "gradual": {"schedule": "gradual", "shift_batches": 1, "batches": 27},
    "recurring": {"schedule": "recurring", "shift_batches": 3, "batches": 27},
    "mixed": {"schedule": "mixed", "batches": 30},
    "in runs": {**CONTINUAL, "order": "rotta"},
}


@dataclass(frozen=True)
class GalleryTable:
    """Streams of one data set.

    Attributes:
        group: those of one are ranked together; title: of its column.
        dataset: as for ``run``; stream: everything of the streams but seed and corruption.
        corruptions: its rows; the schedule's name where that draws them.
        changes: settings of its methods that differ from the others'; rate: theirs, as a share of the chosen one.
        every_kind: with all kinds of pictures, not the twelve of the page.
    """

    group: str
    title: str
    dataset: str
    stream: StreamSettings
    corruptions: tuple[str, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)
    rate: float = 1.0
    every_kind: bool = False


RANKED = {
    f"{dataset}-{severity}": GalleryTable(
        "photographs" if dataset == "tiny-imagenet" else "corruptions",
        f"{DATASETS[dataset]}, severity {severity}",
        dataset,
        StreamSettings(severity=severity),
        tuple(COMMON_CORRUPTIONS),
    )
    for dataset in DATASETS
    for severity in (3, 5)
} | {
    f"{dataset}-{title.replace(' ', '-')}": GalleryTable(
        "schedules",
        f"{DATASETS[dataset]}, {title}",
        dataset,
        StreamSettings(severity=5, **settings),
        (settings["schedule"],),
    )
    for dataset in ("pictures", "cifar10")
    for title, settings in SCHEDULES.items()
}


@dataclass(frozen=True)
class Question:
    """One thing is changed, from column to column.

    Attributes:
        title, text: of its table; columns: title → name of a table of streams.
    """

    title: str
    text: str
    columns: Mapping[str, str]


PROBED = ("gaussian_noise", "motion_blur", "fog", "jpeg_compression")  # one of each of ImageNet-C's four kinds
USUAL = "pictures-5"  # the ranking's streams, of which these four corruptions are one column


def _asked(group: str, title: str, dataset: str = "pictures", **more: Any) -> GalleryTable:
    """Streams like the usual ones but for what is given: settings of the stream, or attributes of the table."""
    own = {name: more.pop(name) for name in ("changes", "rate", "every_kind") if name in more}
    return GalleryTable(group, title, dataset, StreamSettings(severity=5, **more), PROBED, **own)


SIZES, SEEN = (1, 2, 4, 8, 16, 64, 256), 512  # images
FEW = (1, 4, 10, 25)  # classes in a batch of 64
PACES = (2, 5, 20)  # milliseconds from image to image
SHARES = {"a third of it": 1 / 3, "three times it": 3.0}  # of the chosen rate
ASKED = (
    {f"batches-of-{size}": _asked("batch sizes", f"{size}", batch_size=size, batches=SEEN // size) for size in SIZES}
    | {
        f"{dataset}-of-{count}": _asked(
            "few classes", f"{count} of {kinds}", dataset, order="few", batch_classes=count, every_kind=kinds == 76
        )
        for dataset, kinds in (("pictures", 76), ("tiny-imagenet", 200))
        for count in FEW
    }
    | {f"every-{pace}-ms": _asked("pace", f"every {pace} ms", pace=pace) for pace in PACES}
    | {"as-authors-predict": _asked("prediction", "as its authors", changes={"prediction": "authors"})}
    | {f"{share.split()[0]}-rate": _asked("rates", share, rate=rate) for share, rate in SHARES.items()}
)
CAUTION = 0.4  # chosen of 0.3, 0.4 and 0.6 on the held-out corruptions at severities 2 and 4
CAUTIOUS = {
    f"{name}-caution": replace(table, group="caution", changes={"caution": CAUTION})
    for name, table in RANKED.items()
    if table.group == "corruptions"
}
TABLES = RANKED | ASKED | CAUTIOUS


def _columns(group: str, **usual: str) -> dict[str, str]:
    return usual | {table.title: name for name, table in ASKED.items() if table.group == group}


QUESTIONS = {
    "batch sizes": Question(
        "How large must a batch be?",
        f"The same {SEEN} images in batches of so many. Rates were chosen with batches of 64.",
        _columns("batch sizes"),
    ),
    "few classes": Question(
        "What if a batch holds few classes?",
        "Batches of 64, each with images of so many classes, drawn anew for each batch, as in StatA's protocol: of the "
        "76 kinds of pictures, and of Tiny ImageNet's 200.",
        _columns("few classes"),
    ),
    "pace": Question(
        "What if images do not wait?",
        "An image comes every so many milliseconds. A method that its recorded time makes slower misses batches and "
        "answers them with what it had (Alfarra et al. 2024).",
        {"it waits": USUAL} | _columns("pace"),
    ),
    "prediction": Question(
        "Which prediction counts?",
        "The one after the last update counts everywhere here. Authors of some methods report the one before it.",
        {"after the update": USUAL} | _columns("prediction"),
    ),
    "rates": Question(
        "What does it cost to choose a rate on other corruptions?",
        "Each method with the rate that was chosen for it on four held-out corruptions, with a third of it and with "
        "three times it. The last column: what the best of the three, known afterwards, would gain more.",
        {"a third of it": "a-rate", "chosen": USUAL, "three times it": "three-rate"},
    ),
}
