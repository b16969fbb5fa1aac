"""What the page shows first, and how it names and draws things. Everything that is a matter of choice is here."""

from __future__ import annotations

from dataclasses import dataclass

from cliptta_demo.backend.corruptions import CORRUPTIONS
from cliptta_demo.backend.data.catalog import DEFAULT_PICTURE_CLASSES
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.backend.settings import CORRUPTION_CYCLE

UPLOAD = "upload"  # the data set that is the visitor's own images
UPLOAD_LABEL = "Your images"


@dataclass(frozen=True, kw_only=True)
class PageDefaults:
    """The experiment that the page opens with."""

    dataset: str = "pictures"
    class_names: tuple[str, ...] = DEFAULT_PICTURE_CLASSES
    corruption: str = "impulse_noise"  # TENT collapses within ten batches, CLIPTTA repairs much: docs/claims.md
    severity: int = 4  # heavy enough for TENT to collapse, mild enough for CLIPTTA to repair much
    ramp: bool = False
    ood_share: float = 0.0
    ood_source: str = "flags"
    order: str = "shuffled"
    batch_size: int = 64
    batches: int = 10
    seed: int = 0
    backbone: str = TINY
    methods: tuple[str, ...] = ("zero-shot", "tent", "cliptta")

    @property
    def class_text(self) -> str:
        """The class names as they stand in the form."""
        return ", ".join(self.class_names)


DEFAULTS = PageDefaults()

# Choosing a data set puts these into the form: (class names, corruption).
DATASET_DEFAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "pictures": (DEFAULT_PICTURE_CLASSES, DEFAULTS.corruption),
    "unseen-style": (DEFAULT_PICTURE_CLASSES, "none"),
    # The ten things that the built-in model has seen photos of; of everything else it knows drawings only.
    UPLOAD: (("airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"), "none"),
}

LIVE_INTERVAL = 0.3  # seconds between two looks inside a batch: lively, and light on the line
TABLE_ROWS = 1_000  # images in the table of results; the CSV holds all

NICE_NAMES = {
    "jpeg_compression": "JPEG compression",
    CORRUPTION_CYCLE: "all 15 in turn",
    "none": "no corruption",
}


def corruption_name(name: str) -> str:
    """A corruption's name for people: ``gaussian_noise`` → ``Gaussian noise``."""
    return NICE_NAMES.get(name) or display_name(name).capitalize()


def corruption_choices() -> list[tuple[str, str]]:
    """(label, value) of every choice of the form."""
    cycle = ("Cycle through all 15", CORRUPTION_CYCLE)
    return [("None", "none"), cycle, *((corruption_name(name), name) for name in CORRUPTIONS)]
