"""Methods that move nothing and keep nothing.

ZERO (Farina et al. 2024): let the surest views of an image vote, each with a temperature of zero. LAME (Boudiaf et al.
2022): mend the predictions, so that neighbours in a batch agree. CALIP (Guo et al. 2023): attention between the places
in an image and the captions, without parameters.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import Declared, choice, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Progress, Task
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import entropy_of_logits
from cliptta_demo.backend.methods.per_image import draw_boxes, take_views
from cliptta_demo.backend.methods.registry import RELEASES, Released, register
from cliptta_demo.backend.models.pieces import Rest
from cliptta_demo.languages import Text, say


class ZeroSettings(Declared):
    """Settings of ZERO's own."""

    views: int = whole(
        17, 2, 64, "CLIPTTA's comparison; its authors look at 64",
        label=Text("Views per image"), help=Text("The image, and random parts of it."), mark=Text("{} views"),
    )  # fmt: skip
    share: float = number(
        0.3, 0.01, 1, "its authors'",
        label=Text("Share that votes"), help=Text("The surest views, at least one."),
        step=0.05, mark=Text("{:g} of the views vote"),
    )  # fmt: skip


@register
class Zero(Method):
    """Nothing moves and nothing is kept: one image at a time, the shares of the votes as its probabilities."""

    name, label = "zero", "ZERO"
    sentence = Text("Looks at many parts of each image and lets the surest of them vote.")
    paper = "Farina et al., Frustratingly Easy Test-Time Adaptation of Vision-Language Models, NeurIPS 2024"
    family = "training-free"
    colour, symbol = "brown", "cross"
    own = ZeroSettings

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(outline.own.views * batch_size)

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        images = images.to(self.backbone.device)
        boxes = draw_boxes(len(images), self.task.own.views, images.shape[-1], seed)
        looks = []
        for image, box in zip(images.split(1), boxes.split(1), strict=True):
            self.rest()
            looks.append(self._look(take_views(image, box)[0]))
        cosines, ranked = (torch.stack(parts) for parts in zip(*looks, strict=True))
        votes = self._votes(ranked)
        # An image that gave no finite numbers has no votes.
        fine = cosines.isfinite().all(dim=1, keepdim=True)
        return Progress(0, cosines, probabilities=torch.where(fine, votes / votes.sum(dim=1, keepdim=True), math.nan))

    def _look(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """The cosines ``(C,)`` of the first view, the image, and the class ``(V,)`` of each, the surest view first."""
        cosines = self.predict(views)
        order = entropy_of_logits(self.backbone.logits(cosines)).argsort(stable=True)
        return cosines[0], cosines.argmax(dim=1)[order]

    def _votes(self, ranked: Tensor) -> Tensor:
        """Votes ``(N, C)`` of the surest of the views, ranked ``(N, V)``; one more breaks a tie.

        It is that of the surest view among the others whose class is one of the tied; of the voters if there is none.
        """
        voters = max(1, int(self.task.own.share * self.task.own.views))
        votes = F.one_hot(ranked[:, :voters], len(self.prototypes)).sum(dim=1)
        tied = votes == votes.amax(dim=1, keepdim=True)
        others = ranked.roll(-voters, dims=1)
        first = tied.gather(1, others).long().argmax(dim=1, keepdim=True)
        more = (tied.sum(dim=1, keepdim=True) > 1).long()
        return votes.scatter_add(1, others.gather(1, first), more).float()


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


SHARPNESS = 2.0  # of both attentions


class CalipSettings(Declared):
    """Settings of CALIP's own."""

    seen_weight: float = number(
        2.0, 0, 20, "CLIPTTA's comparison; its authors search it on labelled images",
        label=Text("β₂, places that captions look at"), help=Text("Weight of the image as each caption sees it."),
        step=0.1, mark="CALIP β₂ {:g}",
    )  # fmt: skip
    told_weight: float = number(
        0.1, 0, 20, "CLIPTTA's comparison; its authors search it on labelled images",
        label=Text("β₃, captions that places look at"), help=Text("Weight of what the places say in captions."),
        step=0.01, mark="CALIP β₃ {:g}",
    )  # fmt: skip


@register
class Calip(Method):
    """Nothing moves and nothing is kept. With a sharpness of 2 attention is nearly even: each place gets its share."""

    name, label = "calip", "CALIP"
    sentence = Text("Learns nothing, but looks at each place in an image before it decides.")
    paper = "Guo et al., CALIP: Zero-Shot Enhancement of CLIP with Parameter-free Attention, AAAI 2023"
    family = "training-free"
    colour, symbol = "purple", "star"
    own = CalipSettings

    def __init__(self, task: Task) -> None:
        """Raises :class:`UserError` where the backbone shows no places: not in the middle of a run."""
        super().__init__(task)
        self.backbone.look()

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        parts = []
        for part in images.split(self.piece):
            if parts:
                self.rest()
            with torch.no_grad():
                parts.append(self._attend(*self.backbone.embed_with_places(part)))
        cosines, logits = (torch.cat(of_all) for of_all in zip(*parts, strict=True))
        return Progress(0, cosines, logits=logits)

    def _attend(self, features: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and logits ``(N, C)`` of images with these features ``(N, d)``, and of their places ``(N, M, d)``."""
        own, captions = self.task.own, self.prototypes
        cosines = features @ captions.T
        fit = SHARPNESS * places @ captions.T  # (N, M, C)
        like_whole = (places @ features[:, :, None])[..., 0]  # (N, M)
        seen = torch.einsum("nm,nmc->nc", like_whole, fit.softmax(dim=1))
        told = fit.softmax(dim=2) @ captions  # (N, M, d)
        told = (told.mean(dim=1) + told.amax(dim=1)) @ captions.T
        further = own.seen_weight * seen + own.told_weight * told
        return cosines, self.backbone.logits(cosines) + self.backbone.logit_scale * further
