"""What the page shows first: everything that is a matter of choice."""

from dataclasses import dataclass, field

from cliptta_demo.backend.data.catalog import DEFAULT_PICTURE_CLASSES
from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.backend.settings import StreamSettings

UPLOAD = "upload"  # the data set that is the visitor's own images


@dataclass(frozen=True, kw_only=True)
class PageDefaults:
    """The experiment that the page opens with."""

    dataset: str = "pictures"
    class_names: tuple[str, ...] = DEFAULT_PICTURE_CLASSES
    # Heavy enough for TENT to collapse within eight batches, mild enough for CLIPTTA to repair much: docs/claims.md.
    # All that the first lesson says holds as with ten of 64, in 0.39 of the products; with ten of 16 it no longer does.
    stream: StreamSettings = field(
        default_factory=lambda: StreamSettings(corruption="impulse_noise", severity=4, batch_size=24, batches=8)
    )
    ood_source: str = "flags"
    backbone: str = TINY
    methods: tuple[str, ...] = ("zero-shot", "tent", "cliptta")

    @property
    def class_text(self) -> str:
        """The class names as they stand in the form."""
        return ", ".join(self.class_names)


DEFAULTS = PageDefaults()

# What people photograph and the built-in model has met in photographs, in everyday words.
PHOTOGRAPHED = (
    *("dog", "cat", "bird", "horse", "fish", "butterfly", "car", "bus", "train", "boat"),
    *("airplane", "house", "bridge", "mountain", "beach", "chair", "bottle", "shoe", "umbrella", "pizza"),
)

# Choosing a data set puts these into the form: (class names, corruption).
DATASET_DEFAULTS: dict[str, tuple[tuple[str, ...], str]] = {
    "pictures": (DEFAULT_PICTURE_CLASSES, DEFAULTS.stream.corruption),
    "unseen-style": (DEFAULT_PICTURE_CLASSES, "none"),
    UPLOAD: (PHOTOGRAPHED, "none"),
}

LIVE_INTERVAL = 0.3  # seconds between two looks inside a batch: lively, and light on the line
LIVE_RUNS = 3  # so many runs are looked at that often, more of them in turns: each look costs the page some 5 ms
TABLE_ROWS = 1_000  # images in the table of results; the CSV holds all
