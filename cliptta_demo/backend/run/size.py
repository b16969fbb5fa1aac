"""Bytes: how many plain data hold, and how many a run will hold, from its settings alone."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from cliptta_demo.backend.data.schedule import strangers_of
from cliptta_demo.backend.data.stream import CLEAN_BATCH
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.settings import RunSettings

# Upper bounds of what is kept beside pixels and parameters; a test compares them with real runs.
IMAGE_BYTES = 240  # an image's name, label and place in the results
RESULT_BYTES = 40  # what one method says of one image: class, confidence, score, verdict; its score in the tally
LABEL_BYTES = 12  # class and confidence of an image that a method remembers
BATCH_BYTES = 6_000  # of one method in one batch: the arrays' own heads, seven points of curves
SHEET_BYTES = 3.0  # of one pixel of the two sheets of images, base64 included: noise is JPEG's worst
LARGEST_SHEET_TILE = 112 * 112  # pixels of one image there


def nbytes(value: Any) -> int:
    """Bytes that plain data hold in memory: dataclasses, containers, texts, arrays, tensors with all of their storage.

    What several parts share is counted once.
    """
    total, seen, rest = 0, {}, [value]
    while rest:
        item = rest.pop()
        if item is None or id(item) in seen:
            continue
        seen[id(item)] = item  # kept alive, or another could get the same id
        if isinstance(item, Tensor):
            storage = item.untyped_storage()
            key = ("storage", storage.data_ptr())
            if key not in seen:
                seen[key] = storage
                total += storage.nbytes()
        elif isinstance(item, np.ndarray):
            total += sys.getsizeof(item)  # its data too, where they are its own
            rest.append(item.base)
        else:
            total += sys.getsizeof(item)
            if isinstance(item, dict):
                rest += [*item.keys(), *item.values()]
            elif isinstance(item, tuple | list | set | frozenset):
                rest += {id(part): part for part in item}.values()
            elif hasattr(item, "__dict__") and not isinstance(item, type):
                rest += vars(item).values()
    return total


@dataclass(frozen=True)
class RunSize:
    """Bytes that a run may hold at most.

    Attributes:
        memory: the images that methods remember; images: how many one of them may; size: their side in pixels.
        uploads: a person's own decoded images; rest: parameters, moments, counts, results, sheets.
        working: what is there only while the run is at work, beside a step's activations.
    """

    memory: int
    images: int
    size: int
    uploads: int
    rest: int
    working: int

    @property
    def kept(self) -> int:
        """Between two batches."""
        return self.memory + self.uploads + self.rest


def run_size(
    settings: RunSettings, backbone: Backbone, classes: int, length: int | None = None, batches: int | None = None
) -> RunSize:
    """What a run may hold when its last batch is done.

    Args:
        settings: of the run; classes: C.
        length: known images that the source has; None for an endless one.
        batches: that the run will have done by then, where it is less than the stream has.
    """
    stream = settings.stream
    strangers = strangers_of(stream)
    batches = stream.batches if batches is None else min(batches, stream.batches)
    if length is not None:
        batches = min(batches, -(-length // (stream.batch_size - strangers)))
    images = batches * stream.batch_size
    if length is not None:
        images = min(images, length + batches * strangers)
    names = dict.fromkeys((REFERENCE, *settings.methods))
    pixels = 3 * backbone.info.image_size**2
    batch = min(stream.batch_size, images)
    together = min(settings.images_together, images)
    kinds = [METHODS[name] for name in names]
    adapting = sum(kind.adapts for kind in kinds)
    kept = [kind.keeps(kind.outline(settings, classes), backbone) for kind in kinds]
    clean = CLEAN_BATCH * max(kind.clean_batches(kind.outline(settings, classes)) for kind in kinds)
    remembered = [min(count, images) for count, _ in kept]
    memory = sum(remembered) * (pixels + LABEL_BYTES)
    rest = sum(beside for _, beside in kept) + len(names) * batches * BATCH_BYTES
    rest += images * (IMAGE_BYTES + len(names) * RESULT_BYTES)
    rest += len(names) * (4 * batch * classes + 24 * classes + 64 * len(backbone.layout.layers)) + 500 * classes
    rest += round(batch * SHEET_BYTES * min(pixels // 3, LARGEST_SHEET_TILE)) + (together - batch) * pixels
    # This batch and the next, clean and corrupted, and the first one's clean images; for each method the window as
    # floats, and the new memory beside the old one, one of them with the window before it is cut.
    working = 4 * batch + 4 * adapting * together + clean + (max(remembered) + together) * any(remembered)
    working = working * pixels + memory
    return RunSize(memory, max(remembered), backbone.info.image_size, 0, rest, working)
