"""The tables of the gallery: which streams each has. Known without loading anything."""

from dataclasses import dataclass

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
    """

    group: str
    title: str
    dataset: str
    stream: StreamSettings
    corruptions: tuple[str, ...]


TABLES = {
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
