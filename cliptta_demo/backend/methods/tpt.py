"""TPT (Shu et al. 2022): reword the prompt until the views of an image agree."""

import math

from torch import Tensor

from cliptta_demo.backend.methods.prompt_tuning import PromptSettings, PromptTuning
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import say


@register
class Tpt(PromptTuning):
    """Minimises the entropy of the mean prediction of an image's surest views. Release: azshue/TPT."""

    name, label = "tpt", "TPT"
    sentence = say("Crops each image in many ways and rewords the prompt until the crops agree.")
    paper = "Shu et al., Test-Time Prompt Tuning for Zero-Shot Generalization in Vision-Language Models, NeurIPS 2022"
    colour, symbol = "gold", "hexagon"
    own = PromptSettings

    def terms(self, cosines: Tensor, source: Tensor) -> dict[str, Tensor]:
        views = self.backbone.logits(cosines).log_softmax(dim=1)
        mean = views.logsumexp(dim=0) - math.log(len(views))
        return {"entropy of the mean": -(mean.exp() * mean).sum()}
