"""Between two batches: which stand together, so that methods adapt to all of their images once they are complete, and
when a method starts from the source model again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.settings import AdaptationSettings


@dataclass(frozen=True, eq=False)
class Gathering:
    """What has come since the last window was full.

    Attributes:
        images: ``(N, 3, S, S)``; count: how many of them, the last ones, are the batch that is at work.
        full: whether this batch completes it.
    """

    images: Tensor
    count: int
    full: bool

    @classmethod
    def of(cls, waiting: tuple[Tensor, ...], batch: Tensor, number: int, length: int) -> Gathering:
        """With batch ``number`` (from 0) of a stream whose windows are ``length`` batches long."""
        return cls(torch.cat([*waiting, batch]) if waiting else batch, len(batch), (number + 1) % length == 0)

    @property
    def waiting(self) -> tuple[Tensor, ...]:
        """The images that wait for the next batch."""
        return () if self.full else (self.images,)

    def work(self, method: Method, state: AdaptationState | None, seed: int) -> Iterator[Progress]:
        """A method's work on the batch; one that can't wait for more images takes it as it comes."""
        if method.by_window:
            return method.follow(self.images, self.count, self.full, state, seed)
        return method.adapt(self.images[-self.count :], state, seed)


# When a method has gone astray: SAR's numbers (Niu et al. 2023), in nats whatever the number of classes. SAR averages
# its reliable images' entropy over steps; this rule, for any method, all images' over batches, once adapted to. As in
# mariodoebler/test-time-adaptation the average begins anew with the model.
ASTRAY, MOMENTUM = 0.2, 0.9


@dataclass(frozen=True)
class Resets:
    """What must be known of the batches so far.

    Attributes:
        shift: corruption of the last batch, "" before the first.
        entropies: method → moving average of its predictions' entropy in nats since it last started.
        counts: method → how often it started anew.
    """

    shift: str = ""
    entropies: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def due(self, settings: AdaptationSettings, index: int, shift: str, methods: Iterable[str]) -> list[str]:
        """The methods that start anew before batch ``index``, whose corruption is ``shift``."""
        if not index:
            return []
        if settings.reset == "astray":
            return [name for name in methods if self.entropies.get(name, ASTRAY) < ASTRAY]
        if settings.reset == "shift":
            return list(methods) if shift != self.shift else []
        return list(methods) if settings.reset_every and index % settings.reset_every == 0 else []

    def renewed(self, names: Iterable[str]) -> Resets:
        """After these methods have started anew."""
        names = list(names)
        kept = {name: value for name, value in self.entropies.items() if name not in names}
        return replace(
            self, entropies=kept, counts=self.counts | {name: self.counts.get(name, 0) + 1 for name in names}
        )

    def after(self, shift: str, entropies: Mapping[str, float]) -> Resets:
        """After a batch; ``entropies``: method → mean entropy of its predictions in nats."""
        averages = {
            name: MOMENTUM * self.entropies.get(name, value) + (1 - MOMENTUM) * value
            for name, value in entropies.items()
        }
        return replace(self, shift=shift, entropies=averages)
