"""A memory of images, each under the class that was predicted for it; who makes room for whom is its owner's rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor


class Item(NamedTuple):
    """One place in the memory. Items sort by class, and within a class by arrival.

    Attributes:
        label: the class predicted on arrival; arrival: which offer it was, from 0; number: the image's in the stream.
        uncertainty: what its owner wants to know of it again.
    """

    label: int
    arrival: int
    number: int
    uncertainty: float


Rule = Callable[[list[Item], Item], list[Item]]  # items, newcomer → items, with the newcomer or without


@dataclass(frozen=True)
class ImageMemory:
    """Items and their images. Immutable: ``offer`` returns another one. An image that is held twice is kept once.

    Attributes:
        images: ``(K, 3, H, W)``, as the stream delivers them; numbers: K numbers in the stream, rising.
        items: in order; offered: how many images were offered so far, taken or not.
    """

    images: Tensor
    numbers: tuple[int, ...] = ()
    items: tuple[Item, ...] = ()
    offered: int = 0

    @classmethod
    def empty_like(cls, images: Tensor) -> ImageMemory:
        """An empty memory for images of the shape, dtype and device of ``images`` (N, 3, H, W)."""
        return cls(images[:0].clone())

    def offer(self, images: Tensor, first: int, labels: Tensor, uncertainties: Tensor, rule: Rule) -> ImageMemory:
        """Offers ``(N, 3, H, W)`` images one by one, in their order.

        Args:
            first: the first one's number in the stream; the others follow.
            labels: ``(N,)`` int64 predicted classes.
            uncertainties: ``(N,)`` float; who has none that is finite is passed over.
        """
        items = list(self.items)
        for position, (label, uncertainty) in enumerate(zip(labels.tolist(), uncertainties.tolist(), strict=True)):
            if math.isfinite(uncertainty):
                items = rule(items, Item(label, self.offered + position, first + position, uncertainty))
        numbers = (*self.numbers, *range(first, first + len(images)))
        pool = ImageMemory(torch.cat([self.images, images]), numbers, (), self.offered + len(images))
        return pool.only(items)

    def only(self, items: Sequence[Item]) -> ImageMemory:
        """A memory of these items alone, whose images this one has."""
        numbers = tuple(sorted({item.number for item in items}))
        return replace(self, images=self.images[self._rows(numbers)], numbers=numbers, items=tuple(sorted(items)))

    def rows(self) -> Tensor:
        """``(len(items),)`` int64, on the images' device: which of the images each item is."""
        return self._rows([item.number for item in self.items])

    def _rows(self, numbers: Sequence[int]) -> Tensor:
        row = {number: place for place, number in enumerate(self.numbers)}
        return torch.tensor([row[number] for number in numbers], dtype=torch.int64).to(self.images.device)
