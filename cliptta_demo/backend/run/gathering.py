"""Batches that stand together: methods adapt to all of their images once they are complete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.base import Method


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
