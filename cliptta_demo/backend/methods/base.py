"""What every method is: a small object with one ``adapt(images, state, seed)``.

``adapt`` is a generator. It yields one :class:`Progress` per optimiser step and a last one with the prediction made
*after* the steps, and None where a step rests between two pieces. Only what the last Progress carries is the method's
new state: whoever stops early keeps the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.adaptation import AdaptationState, adam_step
from cliptta_demo.backend.methods.losses import marginal_entropy
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.device_memory import is_out_of_memory
from cliptta_demo.backend.models.pieces import Passes, embed_in_pieces
from cliptta_demo.backend.run.work import Work
from cliptta_demo.backend.settings import AdaptationSettings

T = TypeVar("T")
MOST_PREPARED = 2**24  # numbers in a memory that is normalised as a whole: 1,365 images of 64 pixels, 111 of 224


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


class Prepared:
    """The images of one batch as the tower wants them: normalised once, not at every step.

    Args:
        images: ``(N, 3, S, S)`` as they came.
    """

    def __init__(self, backbone: Backbone, images: Tensor) -> None:
        self.backbone = backbone
        self.images = images.to(backbone.device)
        self.pixels = backbone.normalise(self.images)
        self._memory: tuple[Tensor, Tensor] | None = None  # images as they came and normalised

    def remembered(self, images: Tensor, chosen: Tensor) -> Tensor:
        """Those of the memory's ``images`` at the positions ``chosen``, normalised; one memory serves many steps."""
        if images.numel() > MOST_PREPARED:
            return self.backbone.normalise(images.index_select(0, chosen))
        if self._memory is None or self._memory[0] is not images:
            self._memory = images, self.backbone.normalise(images)
        return self._memory[1][chosen]


class Method:
    """A way to predict a stream of batches.

    Args:
        backbone: the shared, frozen model.
        prototypes: ``(C, d)`` class prototypes.
        settings: what the method does with one batch.
        at_once: images that go through the tower between two rests, at most; None: as many as fit into memory.
    """

    name: ClassVar[str]
    uses_threshold: ClassVar[bool] = False  # whether its own α decides what is ID

    def __init__(
        self, backbone: Backbone, prototypes: Tensor, settings: AdaptationSettings, at_once: int | None = None
    ) -> None:
        self.backbone = backbone
        self.prototypes = prototypes
        self.settings = settings
        self.at_once = at_once
        self.piece = 2**30  # images in one pass on the present batch

    @classmethod
    def images(cls, settings: AdaptationSettings, batch_size: int, classes: int) -> tuple[int, int]:
        """What a batch costs: images that go forward through the tower alone, and images that go there and back."""
        return batch_size, 0

    def start(self) -> AdaptationState | None:
        """The state before the first batch; None for a method that keeps none."""
        return None

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress | None]:
        """Adapts to ``(N, 3, S, S)`` images and predicts them; see the module's text.

        Args:
            images: uint8, or float already normalised.
            state: where the last batch ended.
            seed: of the method's own random choices on this batch.
        """
        raise NotImplementedError

    def predict(self, images: Tensor, parameters: Tensor | None = None) -> Work[Tensor]:
        """Cosines ``(N, C)`` under θ (None: the source model's), without a graph."""
        features = yield from embed_in_pieces(self.backbone, images, parameters, self.piece)
        with torch.no_grad():
            return features @ self.prototypes.T

    def choose_piece(self, whole: bool) -> None:
        """Settles how many images make a pass on the batch to come, by what memory is free now.

        Args:
            whole: the batch can't be cut.
        """
        self.piece = 2**30 if whole else min(self.at_once or 2**30, self.backbone.images_that_fit())

    def within_memory(self, count: int, work: Callable[[], Work[T]]) -> Work[T]:
        """``work()``; where memory runs out, again in smaller pieces. Nothing has changed until a step returns.

        The pieces stay small for this run alone, since they may change the last bits of its numbers.
        """
        while True:
            try:
                return (yield from work())
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the except block, whose traceback would keep the activations alive.
            if self.backbone.device.type == "cuda":
                torch.cuda.empty_cache()
            self.piece = self.at_once = min(count + self.settings.memory_sample, self.piece) // 2
            if not self.piece or self.backbone.mixes_images:
                raise UserError(
                    f"{count} images do not fit into the memory of {self.backbone.device}. "
                    "Choose a smaller batch size or a smaller backbone."
                )


class AdaptingMethod(Method):
    """The loop that TENT and CLIPTTA share: forward, loss, Adam step, and a fresh forward pass in the end."""

    @classmethod
    def images(cls, settings: AdaptationSettings, batch_size: int, classes: int) -> tuple[int, int]:
        return batch_size, settings.steps * batch_size

    def start(self) -> AdaptationState:
        return AdaptationState.start(self.backbone.source_parameters)

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress | None]:
        self.choose_piece(whole=self.backbone.mixes_images)
        state = state or self.start()
        batch = Prepared(self.backbone, images)
        for step in range(self.settings.steps):
            work = partial(self.step, batch, state, step, seed)
            state, progress = yield from self.within_memory(len(images), work)
            yield progress
        work = partial(self.predict, batch.pixels, state.parameters)
        yield Progress(self.settings.steps, (yield from self.within_memory(len(images), work)), state)

    def step(
        self, batch: Prepared, state: AdaptationState, step: int, seed: int
    ) -> Work[tuple[AdaptationState, Progress]]:
        """One optimiser step on one batch; ``step`` counts from 0 within it."""
        raise NotImplementedError

    def passes(self, state: AdaptationState) -> Passes:
        """The passes of a step that begins at ``state``."""
        return Passes(self.backbone, state.parameters, state.threshold, self.piece)

    def descend(self, state: AdaptationState, passes: Passes, terms: dict[str, Tensor]) -> Work[AdaptationState]:
        """Adam on the sum of the terms, which came from ``passes``."""
        if not terms:  # every weight is 0: nothing to descend
            return state
        loss = torch.stack(list(terms.values())).sum()
        gradient = yield from passes.gradient(loss)
        return adam_step(state, loss.detach(), gradient, self.settings.learning_rate)

    def regulariser(self, cosines: Tensor, weight: float) -> Tensor:
        """``−λ_reg · H(mean_i p_i)`` of ``(N, C)`` cosines."""
        return -weight * marginal_entropy(self.backbone.logits(cosines))
