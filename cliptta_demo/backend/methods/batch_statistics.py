"""Batch normalisation with each batch's own mean and variance: for prediction alone, and under TENT as published.

A tower without batch normalisation has no such statistics to renew: LayerNorm takes mean and variance from each token
at every pass. There the one is zero-shot and the other TENT, and a note says so.
"""

from torch import Tensor

from cliptta_demo.backend.declare import Declared, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress, Task
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.methods.tent import Tent
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.languages import Text, say


class BatchStatisticsSettings(Declared):
    """How much the source's statistics still count."""

    source_images: int = whole(
        256, 0, 4096, "best on the four held-out corruptions; MEMO (Zhang et al. 2022) has 16, Nado et al. 0",
        label=Text("N, the source's statistics"),
        help=Text("They count as those of N images beside the batch's. 0: the batch's alone."),
        mark=Text("source N {}"),
    )  # fmt: skip


@register
class BatchStatistics(Method):
    """No step is taken and nothing is kept: each batch is normalised by itself, one image by the places of its maps."""

    name, label = "batch-statistics", Text("Batch statistics")
    sentence = Text("Learns nothing, but normalises by the batch's mean and variance. On a ViT it is zero-shot.")
    paper = (
        "Schneider et al., Improving Robustness against Common Corruptions by Covariate Shift Adaptation, NeurIPS 2020"
    )
    family = "training-free"
    colour, symbol, dash = "brown", "square", "dash"
    own = BatchStatisticsSettings

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.backbone = task.backbone.with_batch_statistics(task.own.source_images)
        self.note = "" if task.backbone.layout.batch_norms else _note(task.backbone, self.label, say("Zero-shot"))

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        self.choose_piece(whole=self.backbone.mixes_images)
        return Progress(0, self.predict(images, self.backbone.source_parameters))


@register
class TentBatch(Tent):
    """TENT as its authors have it: the batch's statistics at every pass, gradients too, none of the source's."""

    name, label = "tent-batch", Text("TENT + batch statistics")
    sentence = Text("TENT as published: it normalises by the batch's mean and variance too. On a ViT it is TENT.")
    colour, symbol, dash = "brown", "triangle-up", "dot"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.backbone = task.backbone.with_batch_statistics()
        self.note = _note(task.backbone, self.label, Tent.label)


def _note(backbone: Backbone, method: str, other: str) -> str:
    """Why a method is the same as another one on this backbone; "" where it is not."""
    about = {"name": backbone.info.name, "method": method, "other": other}
    if backbone.mixes_images:
        return say(
            "On {name} all methods that adapt normalise by the batch's statistics: {method} is {other}.", **about
        )
    if backbone.layout.batch_norms:
        return ""
    without = Text("{name} has no batch normalisation, and nothing is to be taken from a batch: {method} is {other}.")
    return say(without, **about)
