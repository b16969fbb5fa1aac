"""ZERO (Farina et al. 2024): let the surest views of an image vote, each with a temperature of zero."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import Declared, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import entropy_of_logits
from cliptta_demo.backend.methods.per_image import draw_boxes, take_views
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import Text


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
            views = take_views(image, box)[0]
            looks.append(self._look(views))
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
