"""A method that moves the normalisation parameters of the image tower, one optimiser step after the other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import (
    AdaptationState,
    Cost,
    Outline,
    Prepared,
    Progress,
    Step,
    adam_step,
)
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import marginal_entropy
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Passes


class AdaptingMethod(Method):
    """Moves the normalisation parameters of the image tower: forward, loss, Adam step, and a fresh forward pass.

    Most methods have only to say what their loss is, in :meth:`terms`; others have a :meth:`step` of their own, or
    something to do before a batch's first step, in :meth:`begin`. The values of the state begin with θ ``(P,)``; a
    method may add others to them in :meth:`start`.

    Attributes:
        kept_like_parameters: vectors ``(P,)`` that it keeps beside the optimiser's; kept_by_class: numbers per class.
        predicts_before: whether its authors' release predicts a batch before the last update, as its last step shows
            it; such a method uses the setting "prediction".
    """

    adapts = by_window = True
    uses = ("learning_rate", "rate_halves", "steps")
    kept_like_parameters: ClassVar[int] = 0
    kept_by_class: ClassVar[int] = 0
    predicts_before: ClassVar[bool] = False

    def __init_subclass__(cls, **about: Any) -> None:
        super().__init_subclass__(**about)
        cls.uses = (*(name for name in cls.uses if name != "prediction"), *["prediction"] * cls.predicts_before)

    @classmethod
    def steps(cls, outline: Outline) -> int:
        return outline.settings.steps

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(batch_size, cls.steps(outline) * batch_size)

    @classmethod
    def predicts_early(cls, outline: Outline) -> bool:
        asked = cls.predicts_before and outline.settings.prediction == "authors"
        return asked and getattr(outline.own, "by_authors", True)  # CLIPTTA's comparison predicts after the steps

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        vectors = 3 * (backbone.layout.size + 1)  # θ, perhaps one number more, and two moments
        return 0, 4 * (vectors + cls.kept_like_parameters * backbone.layout.size + cls.kept_by_class * outline.classes)

    def start(self) -> AdaptationState:
        return AdaptationState.start(self.backbone.source_parameters)

    def parameters(self, state: AdaptationState) -> Tensor:
        """θ ``(P,)``."""
        return state.values[: len(self.backbone.source_parameters)]

    def predictor(self, state: AdaptationState) -> Tensor:
        """θ ``(P,)`` of the prediction after the steps."""
        return self.parameters(state)

    def drift(self, state: AdaptationState) -> tuple[float, ...]:
        moved = self.parameters(state) - self.backbone.source_parameters
        return tuple(self.backbone.layout.root_mean_squares(moved).tolist())

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress]:
        self.choose_piece(whole=self.backbone.mixes_images)
        state = state or self.start()
        batch = Prepared(self.backbone, images)
        state = self.within_memory(len(images), self.begin, batch, state, seed)
        steps = self.steps(self.task.outline)
        for step in range(steps):
            state, progress = self.within_memory(len(images), self.step, batch, state, step, seed)
            yield progress
        if self.predicts_early(self.task.outline):
            yield replace(progress, step=steps, state=state, probabilities=batch.made.get("probabilities"))
            return
        state, cosines = self.within_memory(len(images), self.conclude, batch, state)
        yield Progress(steps, cosines, state)

    def follow(
        self, window: Tensor, count: int, full: bool, state: AdaptationState | None, seed: int
    ) -> Iterator[Progress]:
        """Adapts to all images of a window once it is full; in between nothing moves.

        Source: ``WINDOW_LENGTH`` in mariodoebler/test-time-adaptation.
        """
        if not full:
            return self.miss(window, count, state)
        return (progress.of_newest(count) for progress in self.adapt(window, state or self.start(), seed))

    def miss(self, window: Tensor, count: int, state: AdaptationState | None) -> Iterator[Progress]:
        state = state or self.start()
        self.choose_piece(whole=self.backbone.mixes_images)
        batch = Prepared(self.backbone, window if self.backbone.mixes_images else window[-count:])
        cosines = self.within_memory(len(batch.pixels), self.answers, batch.pixels, state)
        yield Progress(0, cosines, state).of_newest(count)

    def rate(self, state: AdaptationState) -> float | Tensor:
        """The learning rate of the next step: ``lr / (1 + b/h)`` after b batches, h of which halve it; 0: it stays.

        A rate that falls as 1/t is Robbins and Monro's (1951). Counted from the start or the last reset.
        """
        rate, halves = self.settings.learning_rate, self.settings.rate_halves
        steps = self.steps(self.task.outline)
        return rate / (1 + state.updates.double() / (steps * halves)) if halves else rate

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        """What comes before the first step on a batch; the state that the steps start from."""
        return state

    def fresh(self, state: AdaptationState) -> AdaptationState:
        """The start once more, for a method that forgets each batch; what was skipped stays counted."""
        return replace(self.start(), skipped=state.skipped)

    def source_cosines(self, batch: Prepared) -> Tensor:
        """Cosines ``(N, C)`` under the source model, made once for all steps.

        They go the way of those that learn, so that both are equal to the bit before the first step.
        """
        if "source" not in batch.made:
            passes = self.passes(self.backbone.source_parameters)
            batch.made["source"] = passes.embed(batch.pixels).detach() @ self.prototypes.T
            self.rest()
        return batch.made["source"]

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        """One optimiser step on one batch; ``step`` counts from 0 within it."""
        passes = self.passes(self.parameters(state))
        features = passes.embed(batch.pixels)
        cosines = features @ self.prototypes.T
        return self.descend(state, passes, self.terms(features, cosines), step, cosines)

    def conclude(self, batch: Prepared, state: AdaptationState) -> tuple[AdaptationState, Tensor]:
        """The state after a batch's last step, and the cosines ``(N, C)`` that the batch is predicted by."""
        return state, self.answers(batch.pixels, state)

    def answers(self, pixels: Tensor, state: AdaptationState) -> Tensor:
        """The cosines ``(N, C)`` that images are predicted by."""
        return self.predict(pixels, self.predictor(state))

    def terms(self, features: Tensor, cosines: Tensor) -> dict[str, Tensor]:
        """The weighted terms of the loss, scalars by name.

        Args:
            features: ``(N, d)`` unit embeddings of the batch; cosines: ``(N, C)``, theirs with the prototypes.
        """
        raise NotImplementedError

    def passes(self, parameters: Tensor) -> Passes:
        """Passes through the tower at θ ``(P,)``, and the way back to it."""
        return Passes(self.backbone.embed, parameters, self.piece, self.rest)

    def descend(
        self,
        state: AdaptationState,
        passes: Passes,
        terms: dict[str, Tensor],
        step: int,
        cosines: Tensor,
        *others: Tensor,
        taken: Tensor | None = None,
    ) -> Step:
        """Adam on the sum of the terms, which came from ``passes``, and what there is to see of the step.

        Args:
            others: leaves beside θ, the rest of the state's values in their order.
            taken: scalar bool; where it is false, no step is taken. None: true.
        """
        progress = Progress(step, cosines.detach(), None, {name: term.detach() for name, term in terms.items()})
        if not terms:  # every weight is 0: nothing to descend
            return state, progress
        loss = torch.stack(list(terms.values())).sum()
        gradient = passes.gradient(loss, *others)
        return adam_step(state, loss.detach(), gradient, self.rate(state), taken=taken), progress

    def regulariser(self, cosines: Tensor, weight: float) -> dict[str, Tensor]:
        """The term ``−λ_reg · H(mean_i p_i)`` of ``(N, C)`` cosines; none where λ_reg is 0."""
        return {"regulariser": -weight * marginal_entropy(self.backbone.logits(cosines))} if weight > 0 else {}
