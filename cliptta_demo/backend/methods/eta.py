"""ETA (Niu et al., ICML 2022): TENT on images that are sure, and unlike what it has learnt from before."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import number
from cliptta_demo.backend.methods.adaptation import AdaptationState, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import entropy_of_logits, mean_of
from cliptta_demo.backend.methods.registry import Released, definition, register
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.languages import say

MOMENTUM = 0.9  # of the average of what was learnt from, in both releases


class ReliableSettings(Released):
    """How sure is sure enough."""

    entropy_share: float = number(
        0.4, 0, 1, "the releases' of ETA, EATA and SAR",
        label=say("Entropy limit"), help=say("Learns from images below this share of the largest entropy, ln C."),
        step=0.05, mark=say("entropy limit {:g}"),
    )  # fmt: skip

    def limit(self, classes: int) -> float:
        """E₀, in nats."""
        return self.entropy_share * math.log(classes)

    def reliable(self, entropies: Tensor, classes: int) -> Tensor:
        """Which of ``(…)`` entropies in nats are below E₀, bool."""
        return entropies < self.limit(classes)


class FilterSettings(ReliableSettings):
    """Which images count as unlike the others."""

    similarity: float = number(
        0.4, 0, 1, "the release's for CIFAR-10, which has few classes; for ImageNet it takes 0.05",
        label=say("Similarity limit"), help=say("Leaves out images whose prediction is more like the average one."),
        step=0.05, mark=say("similarity limit {:g}"),
    )  # fmt: skip


class EtaSettings(FilterSettings):
    """ETA's, and what CLIPTTA's comparison makes of it."""

    release: str = definition(
        "ETA", say("CLIPTTA's compares unscaled predictions: all are alike, and all images are left out.")
    )
    regulariser: float = number(
        0.0, 0, 100, "its authors have none; CLIPTTA's comparison takes 0.1",
        label="λ_reg", help=say("Adds CLIPTTA's pull towards using all classes."), mark="λ_reg {:g}",
    )  # fmt: skip


@register
class Eta(AdaptingMethod):
    """Entropy of reliable, non-redundant images, each weighted by how sure it is; no step where no image is left.

    CLIPTTA's comparison compares softmax without temperature. Those are all nearly even, so that nothing is left
    after a stream's first step: Adam goes on by the regulariser alone, or by its momentum.
    """

    name, label = "eta", "ETA"
    sentence = say("Learns from sure images alone, and of those only from what it has not seen often.")
    paper = "Niu et al., Efficient Test-Time Model Adaptation without Forgetting, ICML 2022"
    family = "entropy"
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
        kept = own.reliable(entropies, classes) & unlike
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
