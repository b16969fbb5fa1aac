"""LAME (Boudiaf et al. 2022): leave the model alone and mend its predictions, so that neighbours in a batch agree."""

import math

import torch
from torch import Tensor

from cliptta_demo.backend.declare import choice, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import RELEASES, Released, register
from cliptta_demo.backend.models.pieces import Rest
from cliptta_demo.languages import Text, say

ROUNDS = 100  # at most
SETTLED = 1e-8  # relative change of the energy that ends the rounds
LEAST = 1e-10  # added to a probability before its logarithm


class LameSettings(Released):
    """Settings of LAME's own."""

    affinity: str = choice(
        "knn", {"knn": Text("Nearest neighbours"), "rbf": Text("Gaussian"), "linear": Text("Cosines")},
        "CLIPTTA's comparison; its authors choose among the three on other data, their code starts with rbf",
        label=Text("Affinity"), help=Text("How much two images of a batch pull at each other."),
        spoken="who agrees with whom: {}", mark="LAME {}",
    )  # fmt: skip
    neighbours: int = whole(
        5, 1, 64, "its authors'",
        label=Text("Neighbours"), help=Text("That an image agrees with; for the Gaussian, they say how far is near."),
        mark=Text("{} neighbours"),
    )  # fmt: skip
    release: str = choice(
        "authors", RELEASES, "what LAME does with a classifier",
        label=Text("Starts from"),
        help=Text("CLIPTTA's starts from the softmax of unscaled cosines, which is nearly even."),
        spoken="whose definition: {}", mark=lambda own: say("LAME as {release}", release=own.by),
    )  # fmt: skip


@register
class Lame(Method):
    """Nothing moves and nothing is kept: one batch at a time, by rounds of averaging over like images."""

    name, label = "lame", "LAME"
    sentence = Text("Leaves the model alone and lets images that look alike agree on a class.")
    paper = "Boudiaf et al., Parameter-free Online Test-time Adaptation, CVPR 2022"
    family = "training-free"
    colour, symbol = "gold", "triangle-down"
    own = LameSettings

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        features = self.embed(images)
        cosines = features @ self.prototypes.T
        # An image that gave no finite numbers pulls at none.
        fine = features.isfinite().all(dim=1, keepdim=True)
        given = torch.where(fine, cosines, 0.0)
        scaled = self.task.own.by_authors
        unary = -(((self.backbone.logits(given) if scaled else given).softmax(dim=1) + LEAST).log())
        pull = self._pull(torch.where(fine, features, 0.0)) * fine * fine.T
        agreed = _agree(unary, pull, self.rest)
        return Progress(0, cosines, probabilities=torch.where(fine, agreed, math.nan))

    def _pull(self, features: Tensor) -> Tensor:
        """How much each image is pulled towards each other one's prediction, ``(N, N)``."""
        own, number = self.task.own, len(features)
        if own.affinity == "linear":
            return features @ features.T
        distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
        if own.affinity == "rbf":
            width = distances.topk(min(own.neighbours, number), largest=False).values[:, -1].mean()
            return torch.exp(-(distances**2) / (2 * width**2).clamp(min=1e-12))
        nearest = distances.fill_diagonal_(math.inf).topk(min(own.neighbours, number - 1), largest=False).indices
        return torch.zeros_like(distances).scatter_(1, nearest, 1.0)


def _agree(unary: Tensor, pull: Tensor, rest: Rest) -> Tensor:
    """The probabilities ``(N, C)`` on which the images settle, between what each says itself and what pulls at it.

    Args:
        unary: ``(N, C)``, minus the logarithms of their own probabilities; pull: ``(N, N)``.
    """
    agreed, before = (-unary).softmax(dim=1), math.inf
    for turn in range(ROUNDS):
        rest()
        others = pull @ agreed
        agreed = (others - unary).softmax(dim=1)
        # Waits for the device: a round costs more than that, and most are saved.
        energy = float((agreed * (unary - others + agreed.clamp(min=1e-20).log())).sum())
        if turn > 1 and abs(energy - before) <= SETTLED * abs(before):
            break
        before = energy
    return agreed
