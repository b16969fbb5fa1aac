"""Mint (Bao et al. 2025): one step a batch, always from the source model, that brings classes further apart.

Written from the paper's definition alone.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import Declared, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Outline, Prepared, Progress, Step, adam_step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.languages import Text


class MintSettings(Declared):
    """How soon what was seen counts as much as what is written."""

    prior: int = whole(
        10_000, 1, 1_000_000, "the authors', as many as CIFAR-10 has test images",
        label=Text("Prior of the captions"),
        help=Text("After so many images the means of what was seen count as much as the captions."),
        step=100, mark=Text("prior {}"),
    )  # fmt: skip


@dataclass(frozen=True)
class ClassMeans:
    """Embeddings of the whole stream, added up by predicted class.

    Attributes:
        sums: ``(C, d)``; counts: ``(C,)`` int64, how many they are.
    """

    sums: Tensor
    counts: Tensor

    def add(self, features: Tensor, predicted: Tensor) -> "ClassMeans":
        """With ``(N, d)`` more, of these classes ``(N,)``; those that are not finite are left out."""
        fine = features.isfinite().all(dim=1)
        sums = self.sums.index_add(0, predicted, torch.where(fine[:, None], features, 0.0))
        return ClassMeans(sums, self.counts.index_add(0, predicted, fine.long()))

    @property
    def means(self) -> Tensor:
        """``(C, d)``, 0 for a class of which there is none."""
        return self.sums / self.counts.clamp(min=1)[:, None]

    @property
    def mean(self) -> Tensor:
        """``(d,)``, of them all."""
        return self.sums.sum(dim=0) / self.counts.sum().clamp(min=1)


@register
class Mint(AdaptingMethod):
    """The variance between predicted classes grows by one step of signs: the gradient's mean over all batches so far.

    θ starts anew with each batch, with empty moments, so that Adam moves every coordinate by the learning rate, up or
    down. Two kinds of means go on through the stream: those of the source model's embeddings, which the loss is about,
    and those after the step, which the captions move towards as more images come.
    """

    name, label = "mint", "Mint"
    sentence = Text("Starts each batch anew with one step that brings all classes seen so far further apart.")
    paper = (
        "Bao et al., Mint: A Simple Test-Time Adaptation of Vision-Language Models against Common Corruptions, "
        "NeurIPS 2025"
    )
    family = "redundancy"
    colour, symbol, dash = "brown", "hexagon", "dash"
    uses = ("learning_rate",)
    own = MintSettings
    kept_like_parameters = 1

    @classmethod
    def steps(cls, outline: Outline) -> int:
        return 1

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        return 0, super().keeps(outline, backbone)[1] + 2 * outline.classes * (4 * backbone.dimension + 8)

    def start(self) -> AdaptationState:
        state, counter = super().start(), torch.zeros_like(super().start().updates)
        none = ClassMeans(torch.zeros_like(self.prototypes), counter.expand(len(self.prototypes)).clone())
        return state.keep(before=none, after=none, gradient=torch.zeros_like(state.values), batches=counter)

    def rate(self, state: AdaptationState) -> float:
        """Always the same: no step follows another."""
        return self.settings.learning_rate

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        return replace(self.fresh(state), kept=state.kept)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        passes, kept = self.passes(self.parameters(state)), state.kept
        features = passes.embed(batch.pixels)
        cosines = features @ self.prototypes.T
        predicted = cosines.detach().argmax(dim=1)
        seen = kept["before"].add(features.detach(), predicted)
        loss = between_classes(features, predicted, seen)
        gradient = passes.gradient(loss)
        fine = loss.isfinite() & gradient.isfinite().all()
        mean = (kept["batches"] * kept["gradient"] + gradient) / (kept["batches"] + 1)
        state = adam_step(state, loss.detach(), torch.where(fine, mean, gradient), self.rate(state))
        mean = torch.where(fine, mean, kept["gradient"])
        state = state.keep(before=seen, gradient=mean, batches=kept["batches"] + fine.long())
        return state, Progress(step, cosines.detach(), None, {"variance between classes": loss.detach()})

    def conclude(self, batch: Prepared, state: AdaptationState) -> tuple[AdaptationState, Tensor]:
        features = self.embed(batch.pixels, self.parameters(state))
        after = state.kept["after"].add(features, (features @ self.prototypes.T).argmax(dim=1))
        return state.keep(after=after), features @ self.captions(after).T

    def answers(self, pixels: Tensor, state: AdaptationState) -> Tensor:
        return self.embed(pixels, self.parameters(state)) @ self.captions(state.kept["after"]).T

    def captions(self, after: ClassMeans) -> Tensor:
        """Unit prototypes ``(C, d)`` on their way to the classes' means; those of no image stay."""
        count = after.counts.sum()
        share = (count / (self.task.own.prior + count)).to(self.prototypes)
        return F.normalize((1 - share) * self.prototypes + share * after.means, dim=1)


def between_classes(features: Tensor, predicted: Tensor, seen: ClassMeans) -> Tensor:
    """Minus the variance between classes, a scalar in which each class of the batch weighs the same.

    Each image's squared distance to its class's mean, less that to the mean of all.

    Args:
        features: ``(N, d)`` unit embeddings; predicted: ``(N,)`` int64, their classes; seen: of the stream so far.
    """
    ones = torch.ones_like(predicted)
    sizes = torch.zeros_like(seen.counts).index_add(0, predicted, ones)
    weights = 1 / (sizes[predicted] * (sizes > 0).sum())
    near, far = (features - seen.means[predicted]).square(), (features - seen.mean).square()
    return (weights * (near - far).sum(dim=1)).sum()
