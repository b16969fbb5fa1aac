"""The class-wise confident memory: for each predicted class the most confident images seen so far."""

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor


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
