"""TENT (Wang et al. 2021): minimise the entropy of each prediction, each image on its own."""

from __future__ import annotations

from cliptta_demo.backend.methods.adaptation import AdaptationState
from cliptta_demo.backend.methods.base import AdaptingMethod, Prepared, Progress
from cliptta_demo.backend.methods.losses import mean_entropy
from cliptta_demo.backend.run.work import Work


class Tent(AdaptingMethod):
    """Wrong predictions reinforce themselves just as right ones do; with too many steps all images fall into few
    classes (class collapse). ``tent_regulariser_weight`` > 0 adds CLIPTTA's regulariser, for a fair comparison.
    """

    name = "tent"

    def step(
        self, batch: Prepared, state: AdaptationState, step: int, seed: int
    ) -> Work[tuple[AdaptationState, Progress]]:
        passes = self.passes(state)
        cosines = (yield from passes.embed(batch.pixels)) @ self.prototypes.T
        terms = {"entropy": mean_entropy(self.backbone.logits(cosines))}
        if self.settings.tent_regulariser_weight > 0:
            terms["regulariser"] = self.regulariser(cosines, self.settings.tent_regulariser_weight)
        losses = {name: term.detach() for name, term in terms.items()}
        return (yield from self.descend(state, passes, terms)), Progress(step, cosines.detach(), None, losses)
