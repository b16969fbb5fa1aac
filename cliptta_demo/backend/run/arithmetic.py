"""What a run costs in arithmetic, before it runs: how much in one turn, how much in all, how long on this machine.

Counted in GFLOP of the towers; a multiplication and an addition are two operations. Everything else (losses,
corruptions, drawing) is small beside them.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.data.stream import CLEAN_BATCH
from cliptta_demo.backend.methods.adaptation import Outline
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import PROMPTS_AT_ONCE, Backbone
from cliptta_demo.backend.models.loading import best_device, best_precision
from cliptta_demo.backend.models.offered import pace_of
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings
from cliptta_demo.languages import Text

THERE_AND_BACK = 3.0  # forward passes' worth of a forward and a backward pass, at most: frozen weights need less
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
    for kind in map(METHODS.get, settings.methods):
        outline = kind.outline(settings, classes)
        clean += towers.image * THERE_AND_BACK * CLEAN_BATCH * kind.clean_batches(outline)
        length = window if kind.by_window else 1
        taken = kind.cost(outline, size * length)
        batch += towers.image * (taken.forward + THERE_AND_BACK * taken.trained) / length
        batch += towers.prompt * (taken.prompts + THERE_AND_BACK * taken.trained_prompts) / length
        batch += towers.image * size * (length - 1) / length  # what is only predicted
        together = taken.trained / max(1, kind.steps(outline)) if taken.together is None else taken.together
        largest = max(largest, THERE_AND_BACK * together)
    return Cost(
        prompts=towers.prompt * classes * templates,
        clean=clean,
        batch=batch,
        largest_pass=towers.image * largest,
        batches=settings.stream.batches if batches is None else batches,
    )


def times_zero_shot(method: str, settings: AdaptationSettings, classes: int, batch_size: int) -> float:
    """How many times zero-shot's work a method does on a batch; a caption through the text tower counts as an image."""
    kind = METHODS[method]
    cost = kind.cost(Outline(settings=settings, classes=classes, own=kind.own() if kind.own else None), batch_size)
    return (cost.forward + cost.prompts + THERE_AND_BACK * (cost.trained + cost.trained_prompts)) / batch_size


class Pace:
    """How fast this machine works with each backbone: guessed at first, then learnt from its batches. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._guess: float | None = None
        self._lock = threading.Lock()

    def learn(self, backbone: str, gigaflops: float, seconds: float) -> None:
        """A batch has taken so long."""
        pace = gigaflops / max(seconds, 1e-6)
        with self._lock:
            self._known[backbone] = KEPT_SHARE * self._known.get(backbone, pace) + (1 - KEPT_SHARE) * pace

    @property
    def known(self) -> dict[str, float]:
        """GFLOP a second with each backbone, as far as learnt."""
        with self._lock:
            return dict(self._known)

    def told(self, known: dict[str, float]) -> None:
        """Others have learnt this, who do the work."""
        with self._lock:
            self._known.update(known)

    def seconds(self, backbone: str, gigaflops: float) -> float:
        """How long so much will take, about."""
        with self._lock:
            if backbone not in self._known and self._guess is None:
                self._guess = PROBE_SHARE * _probe()
            return gigaflops / (self._known.get(backbone) or self._guess * pace_of(backbone))


def _probe() -> float:
    """GFLOP a second of products of square matrices, in the precision that a backbone is loaded in."""
    device = best_device()
    product = products(device, getattr(torch, best_precision(device)))
    best = float("inf")
    for _ in range(PROBES):
        began = time.perf_counter()
        product().sum().item()
        best = min(best, time.perf_counter() - began)
    return PROBE_GIGAFLOPS / best


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
