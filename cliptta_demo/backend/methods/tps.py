"""TPS (Sui et al. 2025): shift the class prototypes for each image, in the space of embeddings, until its crops agree.

TPT at the price of a few multiplications: no tower is gone through again, and none backwards.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import number, switch, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline
from cliptta_demo.backend.methods.per_image import PerImage, ViewSettings
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.methods.single import Tpt
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.languages import Text, say


class TpsSettings(ViewSettings):
    """TPS's own."""

    learning_rate: float = number(
        5e-3, 0, 1, "the release's example's; it takes others for other data",
        label=Text("Learning rate"), help=Text("Of AdamW: how far a first step moves each coordinate."), step=0.001,
        mark=Text("lr {:g}"),
    )  # fmt: skip
    steps: int = whole(1, 1, 20, "the release's", label=Text("Steps per image"), mark=Text("{} steps"))
    shared: bool = switch(
        False, "the release's default",
        label=Text("One shift for all"), help=Text("All classes move by the same shift, rather than each by its own."),
        spoken="one shift for all classes",
        mark=lambda own: say("one shift for all") if own.shared else say("a shift for each class"),
    )  # fmt: skip


@register
class Tps(PerImage):
    """A shift v of each class's prototype moves: ``N(t + v)``, from 0. Release: elaine-sui/TPS.

    Its paper adds descriptions of the classes by a language model to the templates; here templates alone.
    """

    name, label = "tps", "TPS"
    sentence = Text("Crops each image in many ways and shifts the captions' embeddings until the crops agree.")
    paper = (
        "Sui et al., Just Shift It: Test-Time Prototype Shifting for Zero-Shot Generalization with Vision-Language "
        "Models, WACV 2025"
    )
    colour, symbol = "green", "diamond"
    own = TpsSettings
    terms = Tpt.terms

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(batch_size * outline.own.views)

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        shifts = 1 if outline.own.shared else outline.classes
        return 0, 3 * 4 * shifts * backbone.dimension  # of the last image, and two moments

    def start(self) -> AdaptationState:
        shape = self.prototypes[:1] if self.task.own.shared else self.prototypes
        return AdaptationState.start(torch.zeros_like(shape).flatten())

    def prompts(self) -> Tensor:
        return self.prototypes

    def passes(self, values: Tensor) -> Passes:
        return Passes(self._shifted, values, len(self.prototypes), self.rest)

    def compare(self, passes: Passes, views: Tensor, seen: Tensor) -> Tensor:
        return seen @ passes.embed(self.prototypes).T

    def judge(self, values: Tensor, views: Tensor, seen: Tensor) -> Tensor:
        return self._shifted(self.prototypes, values) @ seen[0]

    def _shifted(self, prototypes: Tensor, shift: Tensor) -> Tensor:
        """Unit prototypes ``(C, d)`` that have moved by a shift ``(C · d,)``, or ``(d,)`` for all of them."""
        return F.normalize(prototypes + shift.view(-1, prototypes.shape[1]), dim=1)
