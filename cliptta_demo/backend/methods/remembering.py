"""What RoTTA, SoTTA and STAMP have in common: they learn from a memory of images, not from the batch as it comes.

Each image in memory is under the class that was predicted for it; who makes room for whom is each method's own rule.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from cliptta_demo.backend.declare import whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Outline, Prepared, adam_step, sharpest
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.registry import Released
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.languages import Text

ITEM_BYTES = 400  # of one place in the memory, beside its image


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
    def empty_like(cls, images: Tensor) -> "ImageMemory":
        """An empty memory for images of the shape, dtype and device of ``images`` (N, 3, H, W)."""
        return cls(images[:0].clone())

    def offer(self, images: Tensor, first: int, labels: Tensor, uncertainties: Tensor, rule: Rule) -> "ImageMemory":
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

    def only(self, items: Sequence[Item]) -> "ImageMemory":
        """A memory of these items alone, whose images this one has."""
        numbers = tuple(sorted({item.number for item in items}))
        return replace(self, images=self.images[self._rows(numbers)], numbers=numbers, items=tuple(sorted(items)))

    def rows(self) -> Tensor:
        """``(len(items),)`` int64, on the images' device: which of the images each item is."""
        return self._rows([item.number for item in self.items])

    def _rows(self, numbers: Sequence[int]) -> Tensor:
        row = {number: place for place, number in enumerate(self.numbers)}
        return torch.tensor([row[number] for number in numbers], dtype=torch.int64).to(self.images.device)


class RememberingSettings(Released):
    """Own settings of each of them."""

    capacity: int = whole(
        64, 1, 1024, "its authors'",
        label=Text("Images remembered"), help=Text("Of all classes together."), restart=Text("the memory's size"),
    )  # fmt: skip


class Remembering(AdaptingMethod):
    """The state keeps ``memory`` and ``seen``, how many images have come. One remembered twice counts twice."""

    family = "memory"

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        capacity = outline.own.capacity
        return capacity, super().keeps(outline, backbone)[1] + ITEM_BYTES * capacity

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        state = super().begin(batch, state, seed)
        memory = state.kept.get("memory") or ImageMemory.empty_like(batch.images)
        return state.keep(memory=memory, seen=state.kept.get("seen", 0) + len(batch.images))

    def first(self, batch: Prepared, state: AdaptationState) -> int:
        """The number in the stream of the batch's first image."""
        return state.kept["seen"] - len(batch.images)

    def look(self, batch: Prepared, parameters: Tensor) -> Tensor:
        """Cosines ``(N, C)`` of the batch under θ, without a graph; what the steps to come show as the prediction."""
        batch.made["cosines"] = self.predict(batch.pixels, parameters)
        self.rest()
        return batch.made["cosines"]

    def learn(
        self,
        state: AdaptationState,
        pixels: Tensor,
        rows: Tensor,
        loss: Callable[[Tensor], Tensor],
        *,
        sharp: bool = False,
        learning_rate: float | Tensor | None = None,
    ) -> tuple[AdaptationState, Tensor]:
        """One optimiser step on remembered images; the new state, and the loss before it.

        Args:
            pixels: of the images; rows: ``(M,)``, which of them each item is.
            loss: the items' cosines ``(M, C)`` → scalar.
            sharp: whether the gradient is taken at the sharpest point near θ. learning_rate: None for the common one.
        """
        value, gradient = self._slope(self.parameters(state), pixels, rows, loss)
        if sharp:
            self.rest()
            _, gradient = self._slope(sharpest(self.parameters(state), gradient), pixels, rows, loss)
        rate = self.rate(state) if learning_rate is None else learning_rate
        return adam_step(state, value, gradient, rate), value

    def _slope(
        self, parameters: Tensor, pixels: Tensor, rows: Tensor, loss: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        passes = self.passes(parameters)
        features = passes.embed(pixels)
        value = loss(features[rows] @ self.prototypes.T)
        gradient = passes.gradient(value)
        return value.detach(), gradient
