"""Zero-shot, the untouched source model, and TENT (Wang et al. 2021).

TENT minimises the entropy of each prediction, each image on its own; and with a regulariser.
"""

from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import mean_entropy
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import Text


@register
class ZeroShot(Method):
    """Predicts with the source model and changes nothing."""

    name, label = "zero-shot", Text("Zero-shot")
    sentence = Text("The model as it was trained, the yardstick of all others.")
    paper = "Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021"
    family = "yardstick"
    colour, symbol, dash = "grey", "circle", "dot"

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        return Progress(0, self.predict(images))


@register
class Tent(AdaptingMethod):
    """Wrong predictions reinforce themselves just as right ones do; with too many steps all images fall into few
    classes (class collapse). ``tent_regulariser_weight`` > 0 adds CLIPTTA's regulariser, for a fair comparison.
    """

    name, label = "tent", "TENT"
    sentence = Text("Makes each prediction surer of itself, right or wrong.")
    paper = "Wang et al., Tent: Fully Test-Time Adaptation by Entropy Minimization, ICLR 2021"
    family = "entropy"
    colour, symbol = "vermilion", "square"
    predicts_before = True
    regulariser_setting = "tent_regulariser_weight"
    uses = (*AdaptingMethod.uses, regulariser_setting)

    def terms(self, features: Tensor, cosines: Tensor) -> dict[str, Tensor]:
        entropy = {"entropy": mean_entropy(self.backbone.logits(cosines))}
        return entropy | self.regulariser(cosines, getattr(self.settings, self.regulariser_setting))


@register
class TentRegularised(Tent):
    """TENT and CLIPTTA's regulariser, at CLIPTTA's weight: what of CLIPTTA's gain is not the contrast."""

    name, label = "tent-reg", Text("TENT + regulariser")
    sentence = Text("TENT with a pull towards using all classes, which keeps it from collapse.")
    paper = "Lafon et al., CLIPTTA: Robust Contrastive Vision-Language Test-Time Adaptation, NeurIPS 2025"
    colour, symbol, dash = "gold", "hexagon", "dash"
    predicts_before = False
    regulariser_setting = "regulariser_weight"
    uses = (*AdaptingMethod.uses, regulariser_setting)
