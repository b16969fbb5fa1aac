"""OSTTA (Lee et al., ICCV 2023): learn from images of which the model has become surer than it was at the source."""

import torch

from cliptta_demo.backend.declare import number
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import entropy_of_logits, mean_of
from cliptta_demo.backend.methods.registry import Released, definition, register
from cliptta_demo.languages import Text


class OsttaSettings(Released):
    """Which images are learnt from."""

    release: str = definition("OSTTA", Text("Where no image has become surer, CLIPTTA's learns from all of them."))
    margin: float = number(
        0.0, -1, 1, "its authors'; CLIPTTA's comparison takes 0.4",
        label=Text("Surer by"), help=Text("By how much the source's class must have become more probable."),
        step=0.05, mark=Text("surer by {:g}"),
    )  # fmt: skip
    regulariser: float = number(
        0.5, 0, 100, "of 1, 0.5, 0.2 and 0.1, which UniEnt's authors try; CLIPTTA's comparison takes 0.1",
        label="λ_reg", help=Text("Pull towards using all classes."), step=0.1, mark="λ_reg {:g}",
    )  # fmt: skip


@register
class Ostta(AdaptingMethod):
    """Entropy of the images whose source class has become more probable, and the regulariser.

    The source model is the teacher, as in the releases of UniEnt and CLIPTTA. Before a stream's first step both are
    the same model, and with a margin of 0 all images pass by equality.
    """

    name, label = "ostta", "OSTTA"
    sentence = Text("Learns from images that it has become surer of, since strangers rather make it less sure.")
    paper = "Lee et al., Towards Open-Set Test-Time Adaptation Utilizing the Wisdom of Crowds, ICCV 2023"
    family = "entropy"
    colour, symbol = "brown", "hexagon"
    own = OsttaSettings

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(2 * batch_size, cls.steps(outline) * batch_size)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        own, logits = self.task.own, self.backbone.logits
        teacher = self.source_cosines(batch)
        passes = self.passes(self.parameters(state))
        cosines = passes.embed(batch.pixels) @ self.prototypes.T
        before, classes = logits(teacher).softmax(dim=1).max(dim=1, keepdim=True)
        present = logits(cosines).detach().softmax(dim=1).gather(1, classes)
        kept = (present - before)[:, 0] >= own.margin
        if own.release == "cliptta":
            kept = torch.where(kept.any(), kept, True)
        terms = {"entropy": mean_of(entropy_of_logits(logits(cosines)), kept)}
        terms |= self.regulariser(cosines, own.regulariser)
        return self.descend(state, passes, terms, step, cosines)
