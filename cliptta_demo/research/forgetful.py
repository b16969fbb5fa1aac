"""Methods that start anew with each batch or image: a short stream tells as much of them as a long one."""

from dataclasses import replace

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.settings import StreamSettings

SINGLE_IMAGES = tuple(name for name, method in METHODS.items() if method.family == "single")
FORGETFUL = (*SINGLE_IMAGES, "zero", "watt-p", "watt-s")
BATCHES = 1  # an image takes them up to a hundred times as long as others


def shortened(stream: StreamSettings, method: str) -> StreamSettings:
    """The stream for a method: one batch where it forgets each."""
    return replace(stream, batches=BATCHES) if method in FORGETFUL else stream
