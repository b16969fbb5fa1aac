"""What is remembered of a stream, each image under the class that was predicted for it.

CLIPTTA keeps the most confident images of each class. RoTTA, SoTTA and STAMP learn from a memory alone, not from the
batch as it comes; who makes room for whom is each method's own rule.
"""

import math
import random
from collections import Counter
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


@dataclass(frozen=True)
class ConfidentMemory:
    """At most ``shots`` images per predicted class (paper: 4 to 16). Immutable: ``insert`` returns a new one.

    Attributes:
        images: ``(K, 3, H, W)``, uint8 as the stream delivers them.
        labels: ``(K,)`` int64, the class predicted when the image was inserted.
        confidence: ``(K,)`` float32, max softmax of the unscaled cosines, frozen at insertion.
        held: how many images each class has of those that have any, so that nobody need ask a GPU.
    """

    images: Tensor
    labels: Tensor
    confidence: Tensor
    held: tuple[int, ...] = ()

    @classmethod
    def empty_like(cls, images: Tensor) -> "ConfidentMemory":
        """An empty memory for images of the shape, dtype and device of ``images`` (N, 3, H, W)."""
        return cls(images[:0].clone(), images.new_zeros(0).long(), images.new_zeros(0).float())

    def __len__(self) -> int:
        return len(self.labels)

    def insert(self, images: Tensor, labels: Tensor, confidence: Tensor, shots: int) -> "ConfidentMemory":
        """Adds images and keeps the ``shots`` most confident of each class; on equal confidence the older stays.

        An image whose confidence is NaN would be the most confident for ever; it is left out. How many stay decides
        what goes through the tower, so that a GPU is waited for here, once a batch.

        Args:
            images: ``(N, 3, H, W)``; labels: ``(N,)`` int64 predicted classes; confidence: ``(N,)`` float.
            shots: images kept per class, ≥ 0.
        """
        labels = torch.cat([self.labels, labels])
        confidence = torch.cat([self.confidence, confidence.float().nan_to_num(nan=-1.0)])
        order, within = _ranked(labels, -confidence, shots)
        within &= confidence[order] >= 0
        held = Counter(labels[order].masked_fill(~within, -1).tolist())
        del held[-1]
        kept = _first(order, within, held.total())
        return ConfidentMemory(
            torch.cat([self.images, images])[kept], labels[kept], confidence[kept], tuple(held.values())
        )

    def sample(self, size: int, classes: int, generator: torch.Generator) -> Tensor:
        """Rising positions ``(n,)`` of about ``size`` images, balanced over the classes as in the authors' release.

        Of each class that holds more, ``max(1, size // classes)`` are chosen at random; of one that holds fewer, all.

        Args:
            size: images asked for; fewer come where classes hold fewer, more where there are more classes than that.
            classes: C, those of the whole list, whether the memory holds some or not.
        """
        keys = torch.rand(len(self), generator=generator).to(self.labels.device, non_blocking=True)
        most = max(1, size // classes)
        return _first(*_ranked(self.labels, keys, most), sum(min(most, held) for held in self.held)).sort().values


def lowest_of_each(labels: Tensor, values: Tensor, most: int) -> Tensor:
    """Positions of the ``most`` entries of each class whose values are lowest, of equals the earlier.

    Class by class, and within a class by rising value. ``labels`` ``(K,)`` int64; ``values`` ``(K,)``.
    """
    order, within = _ranked(labels, values, most)
    return order[within]


def _ranked(labels: Tensor, values: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """All positions ``(K,)`` in that order, and which of them are among the ``most`` of their class."""
    order = values.argsort(stable=True)
    order = order[labels[order].argsort(stable=True)]
    classes = labels[order]
    place = torch.arange(len(classes), device=classes.device) - torch.searchsorted(classes, classes)
    return order, place < most


def _first(order: Tensor, within: Tensor, count: int) -> Tensor:
    """``order[within]``, of which there are ``count``: whoever knows that need not wait for a GPU to tell."""
    return order[within.logical_not().argsort(stable=True)[:count]]


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


Loss = Callable[[Tensor], Tensor]
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
    """The state keeps ``memory`` and ``seen``, how many images have come. One remembered twice counts twice.

    ``chance`` is what chooses at random.
    """

    family, predicts_before = "memory", True
    chance = staticmethod(random.Random)

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        capacity = outline.own.capacity
        return capacity, super().keeps(outline, backbone)[1] + ITEM_BYTES * capacity

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        state = super().begin(batch, state, seed)
        memory = state.kept.get("memory") or ImageMemory(batch.images[:0].clone())
        return state.keep(memory=memory, seen=state.kept.get("seen", 0) + len(batch.images))

    def offer(
        self, batch: Prepared, state: AdaptationState, labels: Tensor, values: Tensor, rule: Rule, start: int = 0
    ) -> AdaptationState:
        """Offers the batch's images to the memory, from ``start`` on as many as there are ``values`` ``(N,)``."""
        images, first = batch.images[start : start + len(values)], state.kept["seen"] - len(batch.images) + start
        return state.keep(memory=state.kept["memory"].offer(images, first, labels, values, rule))

    def look(self, batch: Prepared, parameters: Tensor) -> Tensor:
        """Cosines ``(N, C)`` of the batch under θ, without a graph; what the steps to come show as the prediction."""
        batch.made["cosines"] = self.predict(batch.pixels, parameters)
        self.rest()
        return batch.made["cosines"]

    def learn(
        self, state: AdaptationState, pixels: Tensor, rows: Tensor, loss: Loss, sharp: bool = False, pace: float = 1.0
    ) -> tuple[AdaptationState, Tensor]:
        """One optimiser step on remembered images; the new state, and the loss before it.

        Args:
            pixels: of the images; rows: ``(M,)``, which of them each item is.
            loss: the items' cosines ``(M, C)`` → scalar.
            sharp: whether the gradient is taken at the sharpest point near θ. pace: times the common learning rate.
        """
        value, gradient = self._slope(self.parameters(state), pixels, rows, loss)
        if sharp:
            self.rest()
            _, gradient = self._slope(sharpest(self.parameters(state), gradient), pixels, rows, loss)
        return adam_step(state, value, gradient, pace * self.rate(state)), value

    def _slope(self, parameters: Tensor, pixels: Tensor, rows: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
        passes = self.passes(parameters)
        features = passes.embed(pixels)
        value = loss(features[rows] @ self.prototypes.T)
        gradient = passes.gradient(value)
        return value.detach(), gradient
