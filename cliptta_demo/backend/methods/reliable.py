"""TENT on images that are sure enough, which its authors call reliable.

ETA and EATA (Niu et al., ICML 2022): of those the ones unlike what was learnt from before. SAR (Niu et al., ICLR 2023):
with a sharpness-aware step, and a way back from too much certainty.
"""

import math
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step, sharpest
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import entropy_of_logits, mean_of
from cliptta_demo.backend.methods.registry import Released, definition, register
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.languages import Text

MOMENTUM = 0.9  # of the average of what was learnt from, in both releases, and of SAR's average loss


class ReliableSettings(Released):
    """How sure is sure enough."""

    entropy_share: float = number(
        0.4, 0, 1, "the releases' of ETA, EATA and SAR",
        label=Text("Entropy limit"), help=Text("Learns from images below this share of the largest entropy, ln C."),
        step=0.05, mark=Text("entropy limit {:g}"),
    )  # fmt: skip

    def limit(self, classes: int) -> float:
        """E₀, in nats."""
        return self.entropy_share * math.log(classes)


class FilterSettings(ReliableSettings):
    """Which images count as unlike the others."""

    similarity: float = number(
        0.4, 0, 1, "the release's for CIFAR-10, which has few classes; for ImageNet it takes 0.05",
        label=Text("Similarity limit"), help=Text("Leaves out images whose prediction is more like the average one."),
        step=0.05, mark=Text("similarity limit {:g}"),
    )  # fmt: skip


class EtaSettings(FilterSettings):
    """ETA's, and what CLIPTTA's comparison makes of it."""

    release: str = definition(
        "ETA", Text("CLIPTTA's compares unscaled predictions: all are alike, and all images are left out.")
    )
    regulariser: float = number(
        0.0, 0, 100, "its authors have none; CLIPTTA's comparison takes 0.1",
        label="λ_reg", help=Text("Adds CLIPTTA's pull towards using all classes."), mark="λ_reg {:g}",
    )  # fmt: skip


@register
class Eta(AdaptingMethod):
    """Entropy of reliable, non-redundant images, each weighted by how sure it is; no step where no image is left.

    CLIPTTA's comparison compares softmax without temperature. Those are all nearly even, so that nothing is left
    after a stream's first step: Adam goes on by the regulariser alone, or by its momentum.
    """

    name, label = "eta", "ETA"
    sentence = Text("Learns from sure images alone, and of those only from what it has not seen often.")
    paper = "Niu et al., Efficient Test-Time Model Adaptation without Forgetting, ICML 2022"
    family, predicts_before = "entropy", True
    colour, symbol = "purple", "cross"
    own = EtaSettings
    kept_by_class = 1

    def start(self) -> AdaptationState:
        """With an average of nothing, which is like no prediction."""
        return super().start().keep(average=self.prototypes.new_zeros(len(self.prototypes)))

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        passes = self.passes(self.parameters(state))
        cosines = passes.embed(batch.pixels) @ self.prototypes.T
        logits, own, classes = self.backbone.logits(cosines), self.task.own, len(self.prototypes)
        entropies = entropy_of_logits(logits)
        predictions = (logits if own.by_authors else cosines).detach().softmax(dim=1)
        average = state.kept["average"]
        unlike = F.cosine_similarity(average, predictions).abs() < own.similarity
        kept = (entropies < own.limit(classes)) & unlike
        weights = (own.limit(classes) - entropies.detach()).exp()
        terms = {"entropy": mean_of(weights * entropies, kept)} | self._others(state, passes, cosines)
        state = state.keep(average=_moved(average, predictions, kept))
        taken = kept.any() if own.by_authors else None
        return self.descend(state, passes, terms, step, cosines, taken=taken)

    def _others(self, state: AdaptationState, passes: Passes, cosines: Tensor) -> dict[str, Tensor]:
        """Terms beside the entropy."""
        return self.regulariser(cosines, self.task.own.regulariser)


def _moved(average: Tensor, predictions: Tensor, kept: Tensor) -> Tensor:
    """The average ``(C,)`` with the mean of the kept ``(N, C)`` predictions in it."""
    mean = torch.where(kept[:, None], predictions, 0.0).sum(dim=0) / kept.sum().clamp(min=1)
    moved = torch.where(average.sum() > 0, MOMENTUM * average + (1 - MOMENTUM) * mean, mean)
    return torch.where(kept.any(), moved, average)


class EataSettings(FilterSettings):
    """How tightly the source model is held on to."""

    fisher_weight: float = number(
        2000.0, 0, 10_000_000, "the release's for ImageNet; for CIFAR-10 it takes 1",
        label=Text("λ, weight of the anchor"), help=Text("Holds on to the parameters that matter to the source model."),
        step=1, mark=Text("anchor {:g}"),
    )  # fmt: skip
    fisher_batches: int = whole(
        4, 0, 32, "256 images are less work than half a batch of ten steps; the release takes 2,000",
        label=Text("Clean batches of 64"),
        help=Text("From which it learns, before the first batch, which parameters matter."),
        slider=True, step=1, mark=Text("{} clean batches"),
    )  # fmt: skip


@register
class Eata(Eta):
    """ETA and ``λ Σ_k F_k (θ_k − θ⁰_k)²``, F the diagonal Fisher information of uncorrupted images.

    F is made once, on a run's first batch, and kept with its state; without clean images it is 0.
    """

    name, label = "eata", "EATA"
    sentence = Text("ETA on an elastic leash: what matters on clean images may move least.")
    colour, symbol, dash = "purple", "star", "dash"
    own = EataSettings
    kept_like_parameters = 1

    @classmethod
    def clean_batches(cls, outline: Outline) -> int:
        return outline.own.fisher_batches

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        return state if "fisher" in state.kept else state.keep(fisher=self._fisher)

    @cached_property
    def _fisher(self) -> Tensor:
        """Mean over clean batches of the squared gradient ``(P,)`` of the cross-entropy with the own predictions."""
        source = self.backbone.source_parameters
        squares = [torch.zeros_like(source)]
        for index in range(self.task.own.fisher_batches if self.task.clean_images else 0):
            images = self.task.clean_images(index)
            if not len(images):
                continue
            passes = Passes(self.backbone.embed, source, self.piece, self.rest)
            logits = self.backbone.logits(passes.embed(images) @ self.prototypes.T)
            squares.append(passes.gradient(F.cross_entropy(logits, logits.argmax(dim=1))) ** 2)
            self.rest()
        return torch.stack(squares).sum(dim=0) / max(1, len(squares) - 1)

    def _others(self, state: AdaptationState, passes: Passes, cosines: Tensor) -> dict[str, Tensor]:
        moved = passes.parameters - self.backbone.source_parameters
        return {"anchor": self.task.own.fisher_weight * (state.kept["fisher"] * moved**2).sum()}


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
    family, predicts_before = "entropy", True
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
        return cosines, entropies, entropies < self.task.own.limit(len(self.prototypes))

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
        values = torch.where(back, self.backbone.source_parameters, after.values)
        return replace(after.keep(average=average), values=values)
