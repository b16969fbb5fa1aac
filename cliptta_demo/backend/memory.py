"""The class-wise confident memory: for each predicted class the most confident images seen so far."""

from __future__ import annotations

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
    """

    images: Tensor
    labels: Tensor
    confidence: Tensor

    @classmethod
    def empty_like(cls, images: Tensor) -> ConfidentMemory:
        """An empty memory for images of the shape, dtype and device of ``images`` (N, 3, H, W)."""
        device = images.device
        return cls(
            images[:0].clone(),
            torch.zeros(0, dtype=torch.int64, device=device),
            torch.zeros(0, device=device),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def insert(self, images: Tensor, labels: Tensor, confidence: Tensor, shots: int) -> ConfidentMemory:
        """Adds images and keeps the ``shots`` most confident of each class; on equal confidence the older stays.

        An image whose confidence is NaN would be the most confident for ever; it is left out.

        Args:
            images: ``(N, 3, H, W)``; labels: ``(N,)`` int64 predicted classes; confidence: ``(N,)`` float.
            shots: images kept per class, ≥ 0.
        """
        labels = torch.cat([self.labels, labels])
        confidence = torch.cat([self.confidence, confidence.float().nan_to_num(nan=-1.0)])
        order = confidence.argsort(descending=True, stable=True)
        order = order[labels[order].argsort(stable=True)]  # by class, inside a class by falling confidence
        sorted_labels = labels[order]
        first = torch.searchsorted(sorted_labels, sorted_labels)  # where the class of each entry begins
        rank = torch.arange(len(order), device=order.device) - first
        kept = order[(rank < shots) & (confidence[order] >= 0)]
        return ConfidentMemory(torch.cat([self.images, images])[kept], labels[kept], confidence[kept])

    def sample(self, size: int, generator: torch.Generator) -> Tensor:
        """``size`` distinct images, chosen uniformly; all of them, in a fixed order, when there are no more."""
        if len(self) <= size:
            return self.images
        chosen = torch.randperm(len(self), generator=generator)[:size]
        return self.images[chosen.to(self.images.device)]

    def to(self, device: torch.device | str) -> ConfidentMemory:
        """The same memory on another device."""
        return ConfidentMemory(self.images.to(device), self.labels.to(device), self.confidence.to(device))
