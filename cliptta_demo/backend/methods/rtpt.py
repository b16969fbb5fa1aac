"""R-TPT (Sheng et al. 2025): reword the prompt for each view by itself, and let views that resemble others decide."""

import torch
from torch import Tensor

from cliptta_demo.backend.declare import number, whole
from cliptta_demo.backend.methods.losses import mean_entropy
from cliptta_demo.backend.methods.prompt_tuning import PromptSettings, PromptTuning
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import say


class RTptSettings(PromptSettings):
    """TPT's, and how views are weighed."""

    neighbours: int = whole(
        20, 1, 255, "the release's",
        label=say("Neighbours"), help=say("Views that a view is compared with: those most like it."),
        mark=say("{} neighbours"),
    )  # fmt: skip
    temperature: float = number(
        0.01, 1e-4, 10, "the release's",
        label=say("Temperature"), help=say("The smaller, the fewer views decide."), mark=say("temperature {:g}"),
    )  # fmt: skip


@register
class RTpt(PromptTuning):
    """The mean entropy of the surest views, and a prediction from all views, weighed. Release: TomSheng21/R-TPT.

    The release leaves out similarities of 1 or more, which rounding decides: a view may stay its own neighbour, and
    of equal views both drop out. Here a view is never its own neighbour, and equal views are each other's.
    """

    name, label = "r-tpt", "R-TPT"
    sentence = say("Rewords the prompt for each image, and trusts the crops that look most like the others.")
    paper = (
        "Sheng et al., R-TPT: Improving Adversarial Robustness of Vision-Language Models through Test-Time Prompt "
        "Tuning, CVPR 2025"
    )
    colour, symbol = "teal", "triangle-down"
    own = RTptSettings

    def terms(self, cosines: Tensor, source: Tensor) -> dict[str, Tensor]:
        return {"entropy": mean_entropy(self.backbone.logits(cosines))}

    def weights(self, seen: Tensor) -> Tensor:
        similar = seen @ seen.T
        similar = similar.masked_fill(self.left_out(similar), -torch.inf)
        nearest = similar.topk(min(self.task.own.neighbours, len(seen) - 1), dim=1).values
        return (nearest.mean(dim=1) / self.task.own.temperature).softmax(dim=0)

    def left_out(self, similar: Tensor) -> Tensor:
        """Which pairs of views ``(V, V)`` are no neighbours, whatever their similarity: each with itself."""
        return torch.eye(len(similar), dtype=torch.bool, device=similar.device)
