"""Zero-shot: the untouched source model."""

from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.base import Method
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
