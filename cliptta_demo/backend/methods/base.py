"""What every method is: a small object with one ``adapt(images, state, seed)``.

``adapt`` is a generator. It yields one :class:`Progress` per optimiser step and a last one with the prediction made
*after* the steps. Only what that last one carries is the method's new state: whoever stops early keeps the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from cliptta_demo.backend.adaptation import AdaptationState, adam_step
from cliptta_demo.backend.backbone import Backbone
from cliptta_demo.backend.chunked import is_out_of_memory
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.losses import marginal_entropy
from cliptta_demo.backend.settings import AdaptationSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """One moment of a method's work on a batch.

    Attributes:
        step: optimiser steps done before these cosines, 0 … steps.
        cosines: ``(N, C)`` cosines of the batch.
        state: the new state in the last Progress, None before (and always for a method that keeps none).
        losses: the weighted terms of the loss at this step, scalars still on the device.
    """

    step: int
    cosines: Tensor
    state: AdaptationState | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)


class Method:
    """A way to predict a stream of batches.

    Args:
        backbone: the shared, frozen model.
        prototypes: ``(C, d)`` class prototypes.
        settings: what the method does with one batch.
    """

    name: ClassVar[str]
    uses_threshold: ClassVar[bool] = False  # whether its own α decides what is ID

    def __init__(self, backbone: Backbone, prototypes: Tensor, settings: AdaptationSettings) -> None:
        self.backbone = backbone
        self.prototypes = prototypes
        self.settings = settings
        # Images at a time, once memory ran out: for this run alone, since it may change the last bits of its numbers.
        self.chunk: int | None = None

    def embed(self, images: Tensor, parameters: Tensor | None = None) -> Tensor:
        """:meth:`.Backbone.embed`, in this run's chunks."""
        return self.backbone.embed(images, parameters, self.chunk)

    def start(self) -> AdaptationState | None:
        """The state before the first batch; None for a method that keeps none."""
        return None

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress]:
        """Adapts to ``(N, 3, S, S)`` images and predicts them; see the module's text.

        Args:
            images: uint8, or float already normalised.
            state: where the last batch ended.
            seed: of the method's own random choices on this batch.
        """
        raise NotImplementedError

    def within_memory(self, count: int, work: Callable[[], T]) -> T:
        """``work()``; where memory runs out, again with smaller chunks. Nothing has changed until a step returns."""
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the except block, whose traceback would keep the activations alive.
            self.chunk = self.backbone.smaller_chunk(count + self.settings.memory_sample, self.chunk)
            if self.chunk is None:
                raise UserError(
                    f"{count} images do not fit into the memory of {self.backbone.device}. "
                    "Choose a smaller batch size or a smaller backbone."
                )


class AdaptingMethod(Method):
    """The loop that TENT and CLIPTTA share: forward, loss, Adam step, and a fresh forward pass in the end."""

    def start(self) -> AdaptationState:
        return AdaptationState.start(self.backbone.source_parameters)

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress]:
        state = state or self.start()
        images = images.to(self.backbone.device)
        pixels = self.backbone.normalise(images)  # once, not at every step
        for step in range(self.settings.steps):
            state, progress = self.within_memory(len(images), partial(self.step, images, pixels, state, step, seed))
            yield progress
        cosines = self.within_memory(len(images), partial(self._predict, pixels, state))
        yield Progress(self.settings.steps, cosines, state)

    @torch.no_grad()
    def _predict(self, pixels: Tensor, state: AdaptationState) -> Tensor:
        return self.embed(pixels, state.parameters) @ self.prototypes.T

    def step(
        self, images: Tensor, pixels: Tensor, state: AdaptationState, step: int, seed: int
    ) -> tuple[AdaptationState, Progress]:
        """One optimiser step on one batch.

        Args:
            images: ``(N, 3, S, S)`` as they came; pixels: the same, normalised for the tower.
            step: counts from 0 within the batch.
        """
        raise NotImplementedError

    def descend(
        self, state: AdaptationState, parameters: Tensor, threshold: Tensor, terms: dict[str, Tensor]
    ) -> AdaptationState:
        """Adam on the sum of the terms; ``parameters`` and ``threshold`` are the leaves that the terms came from."""
        if not terms:  # every weight is 0: nothing to descend
            return state
        loss = torch.stack(list(terms.values())).sum()
        gradients = torch.autograd.grad(loss, (parameters, threshold), materialize_grads=True)
        # In older releases of torch the zeros of materialize_grads ask for gradients: the graph would grow for ever.
        gradient = torch.cat([part.detach().reshape(-1) for part in gradients])
        return adam_step(state, loss.detach(), gradient, self.settings.learning_rate)

    def regulariser(self, cosines: Tensor, weight: float) -> Tensor:
        """``−λ_reg · H(mean_i p_i)`` of ``(N, C)`` cosines."""
        return -weight * marginal_entropy(self.backbone.logits(cosines))


def leaves(state: AdaptationState) -> tuple[Tensor, Tensor]:
    """θ and α of a state as fresh tensors that ask for gradients."""
    return state.parameters.detach().requires_grad_(True), state.threshold.detach().requires_grad_(True)
