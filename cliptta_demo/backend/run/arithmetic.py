"""What a run costs, before it runs: arithmetic in one turn and in all, how long on this machine, how many bytes.

Arithmetic is counted in GFLOP of the towers; a multiplication and an addition are two operations. Everything else
(losses, corruptions, drawing) is small beside them.
"""

import sys
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.data.schedule import strangers_of
from cliptta_demo.backend.data.stream import CLEAN_BATCH
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.backbone import PROMPTS_AT_ONCE, Backbone
from cliptta_demo.backend.models.loading import best_device, best_precision
from cliptta_demo.backend.models.offered import entry_of
from cliptta_demo.backend.run.arrivals import THERE_AND_BACK, batches_for_one
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import Text

PROBE_SIDE = 1024  # of the square matrices by which the pace of an unknown model is guessed
PROBE_GIGAFLOPS = 2 * PROBE_SIDE**3 / 1e9
PROBES = 5  # the best of them counts
PROBE_SHARE = 0.6  # of their pace that a tower reaches
KEPT_SHARE = 0.7  # of what was known of a pace, when a batch tells anew


@dataclass(frozen=True)
class Turn:
    """How much is worked on between two rests.

    Attributes:
        images: through the image tower, None for as many as fit into memory; prompts: through the text tower.
    """

    images: int | None = None
    prompts: int = PROMPTS_AT_ONCE


WHOLE = Turn()


@dataclass(frozen=True)
class Towers:
    """GFLOP of a forward pass: of one image and of one prompt."""

    image: float
    prompt: float

    @classmethod
    def of(cls, backbone: Backbone) -> "Towers":
        """Counted on one image and one prompt, once for each backbone."""
        if backbone.tower not in _COUNTED:
            size = backbone.info.image_size
            image = torch.zeros(1, 3, size, size, dtype=torch.uint8)
            _COUNTED[backbone.tower] = cls(
                gigaflops(lambda: backbone.embed(image)), gigaflops(lambda: backbone.encode(["a photo"]))
            )
        return _COUNTED[backbone.tower]

    def turn(self, most: float) -> Turn:
        """The turn that holds at most so many GFLOP; at least one image, and one prompt."""
        images = int(most / max(THERE_AND_BACK * self.image, 1e-9))
        prompts = int(most / max(self.prompt, 1e-9))
        return Turn(max(1, images), max(1, min(PROMPTS_AT_ONCE, prompts)))


_COUNTED: WeakKeyDictionary[nn.Module, Towers] = WeakKeyDictionary()


def gigaflops(work: Callable[[], object]) -> float:
    """What ``work`` multiplies and adds. The counter can't see into torch's fused attention."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter:
            work()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return counter.get_total_flops() / 1e9


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run takes, in GFLOP.

    Attributes:
        prompts: class names in all templates through the text tower; clean: what methods learn from clean images.
        batch: one full batch under all methods; largest_pass: the largest of its passes, if it is not cut.
        batches: how many there are.
    """

    prompts: float
    clean: float
    batch: float
    largest_pass: float
    batches: int

    @property
    def total(self) -> float:
        """Of the whole run."""
        return self.prompts + self.clean + self.batches * self.batch


def cost_of(settings: RunSettings, towers: Towers, classes: int, templates: int, batches: int | None = None) -> Cost:
    """What a run costs.

    Args:
        classes, templates: how many.
        batches: of the stream, where it ends before ``settings`` say.
    """
    size, window = settings.stream.batch_size, settings.adaptation.window
    clean, batch, largest = 0.0, 0.0, size
    for name in settings.methods:
        kind = METHODS[name]
        outline = kind.outline(settings, classes)
        clean += towers.image * THERE_AND_BACK * CLEAN_BATCH * kind.clean_batches(outline)
        length = window if kind.by_window else 1
        taken, every = kind.cost(outline, size * length), length * batches_for_one(name, settings, classes)
        forward = taken.forward - size * length * kind.predicts_early(outline)  # no pass after the steps
        batch += towers.image * (forward + THERE_AND_BACK * taken.trained) / every
        batch += towers.prompt * (taken.prompts + THERE_AND_BACK * taken.trained_prompts) / every
        batch += towers.image * size * (every - 1) / every  # what is only predicted
        together = taken.trained / max(1, kind.steps(outline)) if taken.together is None else taken.together
        largest = max(largest, THERE_AND_BACK * together)
    return Cost(
        prompts=towers.prompt * classes * templates,
        clean=clean,
        batch=batch,
        largest_pass=towers.image * largest,
        batches=settings.stream.batches if batches is None else batches,
    )


class Pace:
    """How fast this machine works with each backbone: guessed at first, then learnt from its batches.

    Attributes:
        known: GFLOP a second with each backbone, as far as learnt, here or by others who do the work.
    """

    def __init__(self) -> None:
        self.known: dict[str, float] = {}
        self._guess: float | None = None

    def learn(self, backbone: str, gigaflops: float, seconds: float) -> None:
        """A batch has taken so long."""
        pace = gigaflops / max(seconds, 1e-6)
        self.known[backbone] = KEPT_SHARE * self.known.get(backbone, pace) + (1 - KEPT_SHARE) * pace

    def seconds(self, backbone: str, gigaflops: float) -> float:
        """How long so much will take, about."""
        if backbone not in self.known and self._guess is None:
            self._guess = PROBE_SHARE * _probe()
        return gigaflops / (self.known.get(backbone) or self._guess * getattr(entry_of(backbone), "pace", 1.0))


def _probe() -> float:
    """GFLOP a second of products of square matrices, in the precision that a backbone is loaded in."""
    device = best_device()
    product = products(device, getattr(torch, best_precision(device)))
    return PROBE_GIGAFLOPS / min(timeit.repeat(lambda: product().sum().item(), number=1, repeat=PROBES))


def products(device: torch.device | str, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    """A plain product of square matrices, of ``PROBE_GIGAFLOPS``: what a processor's pace is measured by."""
    square = torch.rand(PROBE_SIDE, PROBE_SIDE, device=device, dtype=dtype)
    return lambda: square @ square


def duration(seconds: float) -> str:
    """Seconds for people: "40 s", "12 min", "3.5 h", "6 days"."""
    if seconds < 90:
        return Text("{seconds:.0f} s", seconds=max(seconds, 1))
    if seconds < 90 * 60:
        return Text("{minutes:.0f} min", minutes=seconds / 60)
    if seconds < 48 * 3600:
        return Text("{hours:.1f} h", hours=seconds / 3600)
    return Text("{days:,.0f} days", days=seconds / 86_400)


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
