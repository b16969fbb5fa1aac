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
        name: of its folder and on the command line; group: those of one are ranked together; title: of its column.
        dataset: as for ``run``; stream: everything of the streams but seed and corruption.
        corruptions: its rows; the schedule's name where that draws them.
        few_images: of a stream, for methods for single images, where that is less than a batch.
    """

    name: str
    group: str
    title: str
    dataset: str
    stream: StreamSettings
    corruptions: tuple[str, ...]
    few_images: int | None = None

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """Methods that have no part in it: what came before is nothing to those that forget."""
        from cliptta_demo.research.forgetful import FORGETFUL  # asks the methods, which are slow to load

        return FORGETFUL if self.group == "schedules" else ()


def _under_corruptions(dataset: str, severity: int) -> GalleryTable:
    return GalleryTable(
        name=f"{dataset}-{severity}",
        group="photographs" if dataset == "tiny-imagenet" else "corruptions",
        title=f"{DATASETS[dataset]}, severity {severity}",
        dataset=dataset,
        stream=StreamSettings(severity=severity),
        corruptions=tuple(COMMON_CORRUPTIONS),
        few_images=FEW_IMAGES.get(dataset),
    )


def _under_schedule(dataset: str, title: str) -> GalleryTable:
    stream = StreamSettings(severity=5, **SCHEDULES[title])
    return GalleryTable(
        name=f"{dataset}-{title.replace(' ', '-')}",
        group="schedules",
        title=f"{DATASETS[dataset]}, {title}",
        dataset=dataset,
        stream=stream,
        corruptions=(stream.schedule,),
    )


TABLES = {
    table.name: table
    for table in (
        *(_under_corruptions(dataset, severity) for dataset in DATASETS for severity in (3, 5)),
        *(_under_schedule(dataset, title) for dataset in ("pictures", "cifar10") for title in SCHEDULES),
    )
}
