"""What RoTTA, SoTTA and STAMP have in common: they learn from a memory of images, not from the batch as it comes."""

from collections.abc import Callable

import torch
from torch import Tensor

from cliptta_demo.backend.declare import whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Prepared, adam_step
from cliptta_demo.backend.methods.base import AdaptingMethod
from cliptta_demo.backend.methods.image_memory import ImageMemory
from cliptta_demo.backend.methods.registry import Released
from cliptta_demo.backend.methods.task import Outline
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.work import Work

ITEM_BYTES = 400  # of one place in the memory, beside its image


class RememberingSettings(Released):
    """Own settings of each of them."""

    capacity: int = whole(
        64, 1, 1024, "its authors'",
        label="Images remembered", help="Of all classes together.", costly=True, restart="the memory's size",
    )  # fmt: skip


class Remembering(AdaptingMethod):
    """The state keeps ``memory`` and ``seen``, how many images have come. One remembered twice counts twice."""

    family = "memory"

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        capacity = outline.own.capacity
        return capacity, super().keeps(outline, backbone)[1] + ITEM_BYTES * capacity

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> Work[AdaptationState]:
        state = yield from super().begin(batch, state, seed)
        memory = state.kept.get("memory") or ImageMemory.empty_like(batch.images)
        return state.keep(memory=memory, seen=state.kept.get("seen", 0) + len(batch.images))

    def first(self, batch: Prepared, state: AdaptationState) -> int:
        """The number in the stream of the batch's first image."""
        return state.kept["seen"] - len(batch.images)

    def look(self, batch: Prepared, parameters: Tensor) -> Work[Tensor]:
        """Cosines ``(N, C)`` of the batch under θ, without a graph; what the steps to come show as the prediction."""
        batch.made["cosines"] = yield from self.predict(batch.pixels, parameters)
        yield from self.rest()
        return batch.made["cosines"]

    def recall(self, batch: Prepared, memory: ImageMemory) -> Tensor:
        """The memory's images, normalised."""
        return batch.remembered(memory.images, torch.arange(len(memory.images), device=memory.images.device))

    def learn(
        self,
        state: AdaptationState,
        pixels: Tensor,
        rows: Tensor,
        loss: Callable[[Tensor], Tensor],
        *,
        sharp: bool = False,
        learning_rate: float | None = None,
    ) -> Work[tuple[AdaptationState, Tensor]]:
        """One optimiser step on remembered images; the new state, and the loss before it.

        Args:
            pixels: of the images; rows: ``(M,)``, which of them each item is.
            loss: the items' cosines ``(M, C)`` → scalar.
            sharp: whether the gradient is taken at the sharpest point near θ. learning_rate: None for the common one.
        """
        value, gradient = yield from self._slope(self.parameters(state), pixels, rows, loss)
        if sharp:
            yield from self.rest()
            _, gradient = yield from self._slope(self.sharpest(state, gradient), pixels, rows, loss)
        rate = self.settings.learning_rate if learning_rate is None else learning_rate
        return adam_step(state, value, gradient, rate), value

    def _slope(
        self, parameters: Tensor, pixels: Tensor, rows: Tensor, loss: Callable[[Tensor], Tensor]
    ) -> Work[tuple[Tensor, Tensor]]:
        passes = self.passes(parameters)
        features = yield from passes.embed(pixels)
        value = loss(features[rows] @ self.prototypes.T)
        gradient = yield from passes.gradient(value)
        return value.detach(), gradient
