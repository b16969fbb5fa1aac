"""SAR (Niu et al., ICLR 2023): reliable images, a sharpness-aware step, and a way back from too much certainty."""

from dataclasses import replace

import torch
from torch import Tensor

from cliptta_demo.backend.declare import number
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step, sharpest
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.eta import ReliableSettings
from cliptta_demo.backend.methods.losses import entropy_of_logits, mean_of
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.languages import Text

MOMENTUM = 0.9  # of the average loss


class SarSettings(ReliableSettings):
    """When it begins anew."""

    recovery: float = number(
        0.2, 0, 10, "written into the release's code",
        label=Text("Recovery"), help=Text("Back to the source model when the average loss is below this; 0: never."),
        step=0.05, mark=Text("recovery {:g}"),
    )  # fmt: skip


@register
class Sar(AdaptingMethod):
    """Entropy of reliable images, its gradient taken where the loss is steepest uphill of θ.

    Where the moving average of that entropy falls below ``recovery``, θ goes back to the source's. As in the releases,
    Adam's moments and the average stay, so that it goes back at every step until the average has risen again: with few
    classes, whose entropies are small, that happens soon.
    """

    name, label = "sar", "SAR"
    sentence = Text("Looks for a flat place where sure predictions stay sure, and starts again if it gets too sure.")
    paper = "Niu et al., Towards Stable Test-Time Adaptation in Dynamic Wild World, ICLR 2023"
    family = "entropy"
    colour, symbol = "teal", "triangle-down"
    own = SarSettings

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(batch_size, 2 * cls.steps(outline) * batch_size, together=batch_size)

    def start(self) -> AdaptationState:
        """With an average loss that is infinite until there is one."""
        return super().start().keep(average=self.prototypes.new_tensor(torch.inf))

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        here = self.passes(self.parameters(state))
        cosines, entropies, reliable = self._entropies(here, batch.pixels)
        loss = mean_of(entropies, reliable)
        there = self.passes(sharpest(self.parameters(state), here.gradient(loss)))
        self.rest()
        _, entropies, still = self._entropies(there, batch.pixels)
        reliable = reliable & still
        nearby = mean_of(entropies, reliable)
        after, progress = self.descend(state, there, {"entropy nearby": nearby}, step, cosines)
        progress = replace(progress, losses={"entropy": loss.detach()} | progress.losses)
        return self._recovered(state, after, nearby.detach(), reliable.any()), progress

    def _entropies(self, passes: Passes, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Cosines ``(N, C)``, entropies ``(N,)``, and which of them are reliable."""
        cosines = passes.embed(pixels) @ self.prototypes.T
        entropies = entropy_of_logits(self.backbone.logits(cosines))
        return cosines, entropies, self.task.own.reliable(entropies, len(self.prototypes))

    def _recovered(
        self, before: AdaptationState, after: AdaptationState, loss: Tensor, known: Tensor
    ) -> AdaptationState:
        """The state after a step, at the source's θ where the average loss is too low.

        Args:
            before: the step; loss: at the step's sharpest place; known: whether there is one.
        """
        average = before.kept["average"]
        moved = torch.where(average.isfinite(), MOMENTUM * average + (1 - MOMENTUM) * loss, loss)
        average = torch.where(known, moved, average)
        back = (average < self.task.own.recovery) & (after.updates > before.updates)
        return replace(
            after.keep(average=average), values=torch.where(back, self.backbone.source_parameters, after.values)
        )
