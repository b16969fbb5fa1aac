"""CALIP (Guo et al. 2023): attention between the places in an image and the captions, without parameters."""

import torch
from torch import Tensor

from cliptta_demo.backend.declare import Declared, number
from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress, Task
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import Text

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
