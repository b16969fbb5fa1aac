"""CLIPTTA with Outlier Contrastive Exposure (arXiv 2507.14312, its section on open-set adaptation)."""

from dataclasses import replace

import torch
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState
from cliptta_demo.backend.methods.cliptta import Cliptta
from cliptta_demo.backend.methods.losses import outlier_contrastive_exposure
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.methods.scores import ID_SCORES, otsu_threshold
from cliptta_demo.languages import say


@register
class ClipttaOce(Cliptta):
    """CLIPTTA for streams with strangers: Outlier Contrastive Exposure, a learnable threshold α and an ID filter.

    α is the last of the state's values, behind θ.
    """

    name, label = "cliptta-oce", "CLIPTTA + OCE"
    sentence = say("CLIPTTA that also learns which images are strangers, and leaves them out.")
    colour, symbol, dash = "green", "triangle-up", "dash"
    uses = (*Cliptta.uses, "oce_weight", "oce_gamma", "score")
    uses_threshold = True

    def start(self) -> AdaptationState:
        source = self.backbone.source_parameters
        return AdaptationState.start(torch.cat([source, source.new_zeros(1)]))

    def threshold(self, state: AdaptationState) -> Tensor:
        return state.values[-1]

    def _known(
        self, state: AdaptationState, cosines: Tensor, step: int
    ) -> tuple[AdaptationState, Tensor | None, tuple[Tensor, ...], dict[str, Tensor]]:
        scores = ID_SCORES[self.settings.score](cosines)
        if step == 0:
            state = self._with_threshold(state, otsu_threshold(scores.detach()))
        threshold = self.threshold(state).detach().requires_grad_(True)
        terms = {}
        if self.settings.oce_weight > 0:
            contrast = outlier_contrastive_exposure(scores, threshold, self.settings.oce_gamma)
            terms["oce"] = self.settings.oce_weight * contrast
        return state, scores.detach() > self.threshold(state), (threshold,), terms

    def _with_threshold(self, state: AdaptationState, threshold: Tensor) -> AdaptationState:
        """The same state with another α, unless that is NaN; its Adam moments carry on, as in the authors' release."""
        threshold = torch.where(threshold.isfinite(), threshold, state.values[-1]).to(state.values)
        return replace(state, values=torch.cat([state.values[:-1], threshold.reshape(1)]))
