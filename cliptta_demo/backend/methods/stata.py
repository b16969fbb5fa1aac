"""StatA (Zanella et al. 2025): a Gaussian for each class, fitted to the batch and held near its caption.

Written from the method's definition in its paper alone.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import Declared, choice, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import Text

TURNS = 5  # of the probabilities in a round, with the Gaussians as they are
CALM = 50.0  # what log-likelihoods are divided by
LEAST = 1e-12  # variances and sums that something is divided by are no smaller


class StatASettings(Declared):
    """Settings of StatA's own."""

    anchor: float = number(
        1.0, 1e-3, 1000, "its authors' α",
        label=Text("α, hold of the captions"), help=Text("So many images count as much as a class's caption does."),
        step=0.1, mark="StatA α {:g}",
    )  # fmt: skip
    pull: float = number(
        1.0, 0, 100, "its authors'",
        label=Text("λ, pull of neighbours"), help=Text("How much an image agrees with those most like it."),
        step=0.1, mark="StatA λ {:g}",
    )  # fmt: skip
    neighbours: int = whole(
        3, 1, 64, "its authors'",
        label=Text("Neighbours"), help=Text("That an image agrees with."), mark=Text("{} neighbours"),
    )  # fmt: skip
    rounds: int = whole(10, 1, 100, "its authors'", label=Text("Rounds"), mark=Text("StatA, {} rounds"))
    counted: str = choice(
        "hard", {"hard": Text("Predicted"), "soft": Text("In part")}, "its authors'",
        label=Text("Images of a class"), help=Text("Those predicted as it; or each in part, by its probability."),
        spoken="which images count for a class: {}", mark="StatA {}",
    )  # fmt: skip


@register
class StatA(Method):
    """Nothing moves and nothing is kept: one batch at a time, in rounds of assigning images and fitting Gaussians.

    A class whose images do not come keeps its caption for a mean, so that few classes in a batch do it no harm.
    """

    name, label = "stata", "StatA"
    sentence = Text("Learns nothing, but sorts a batch into clouds of images, each held near its class's caption.")
    paper = "Zanella et al., Realistic Test-Time Adaptation of Vision-Language Models, CVPR 2025"
    family = "training-free"
    colour, symbol = "blue", "triangle-up"
    own = StatASettings

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        features = self.embed(images)
        cosines = features @ self.prototypes.T
        # An image that gave no finite numbers belongs to no cloud.
        fine = features.isfinite().all(dim=1, keepdim=True)
        prior = self.backbone.logits(torch.where(fine, cosines, 0.0)).softmax(dim=1)
        agreed = self._agree(torch.where(fine, features, 0.0).double(), prior.double(), fine.double())
        return Progress(0, cosines, probabilities=torch.where(fine, agreed.float(), math.nan))

    def _agree(self, features: Tensor, prior: Tensor, fine: Tensor) -> Tensor:
        """The probabilities ``(N, C)`` on which images and Gaussians settle, in float64 for differences of squares.

        Args:
            prior: the source model's; fine: ``(N, 1)``, 1 for an image that counts and 0 for another.
        """
        captions, squares, agreed = self.prototypes.double(), features**2, prior * fine
        pull = self._pull(features, fine)
        around_captions = agreed.T @ squares - 2 * captions * (agreed.T @ features)
        around_captions = (around_captions + captions**2 * agreed.sum(dim=0)[:, None]).sum(dim=0)
        source = (around_captions / fine.sum().clamp(min=1)).clamp(min=LEAST)
        means, variances = captions, source.expand_as(captions)
        for turn in range(self.task.own.rounds + 1):
            self.rest()
            if turn:
                means, variances = self._fitted(features, squares, agreed, source)
            fit = _log_density(features, squares, means, variances) / CALM
            for _ in range(TURNS):
                agreed = (prior.log() + fit + pull @ agreed).softmax(dim=1) * fine
        return agreed

    def _pull(self, features: Tensor, fine: Tensor) -> Tensor:
        """How much each image is pulled towards each other one's probabilities, ``(N, N)``."""
        own, similar = self.task.own, features @ features.T
        possible = similar.masked_fill(fine.T == 0, -1.0).fill_diagonal_(-math.inf)
        nearest = possible.topk(min(own.neighbours, len(similar) - 1)).indices
        weights = torch.zeros_like(similar).scatter_(1, nearest, 1.0) * similar  # 0 for one that doesn't count
        return own.pull / (2 * own.neighbours) * (weights + weights.T)

    def _fitted(self, features: Tensor, squares: Tensor, agreed: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances ``(C, d)`` of each class's Gaussian, between its images and its caption.

        Args:
            agreed: ``(N, C)``; source: ``(d,)``, the variances that all classes begin with.
        """
        captions, sizes = self.prototypes.double(), agreed.sum(dim=0)[:, None]
        if self.task.own.counted == "soft":
            counts = sizes
        else:
            most = agreed.argmax(dim=1)[:, None]
            counts = torch.zeros_like(sizes).index_add_(0, most[:, 0], agreed.gather(1, most).ceil())
        share = counts / (counts + self.task.own.anchor)
        sums, nonzero = agreed.T @ features, sizes.clamp(min=LEAST)  # of a class that nothing speaks for, share is 0
        means = F.normalize(share * F.normalize(sums, dim=1) + (1 - share) * captions, dim=1)
        scatter = (agreed.T @ squares - 2 * means * sums + means**2 * sizes) / nonzero
        return means, (share * scatter + (1 - share) * (source + (captions - means) ** 2)).clamp(min=LEAST)


def _log_density(features: Tensor, squares: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Of images ``(N, d)``, whose squares are given too, under Gaussians ``(C, d)``; ``(N, C)``, up to a constant."""
    away = squares @ (1 / variances).T - 2 * features @ (means / variances).T + (means**2 / variances).sum(dim=1)
    return -(away + variances.log().sum(dim=1)) / 2
