"""CLIPTTA (arXiv 2507.14312): adapt with CLIP's own contrastive form, the batch's images against its captions.

The order of things within a step is that of the authors' release: forward, regulariser on the whole batch, OCE,
strict ID filter, contrastive loss, (first step only) memory insertion, the same losses on a memory sample, Adam.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from cliptta_demo.backend.declare import Declared, choice
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import (
    ID_SCORES,
    entropy_of_logits,
    mean_of,
    otsu_threshold,
    outlier_contrastive_exposure,
    pseudo_captions,
    soft_contrastive,
)
from cliptta_demo.backend.methods.memory import ConfidentMemory
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.languages import Text, say

# the state, which images count as ID (N,) (None: all), further leaves, further terms
Known = tuple[AdaptationState, Tensor | None, tuple[Tensor, ...], dict[str, Tensor]]
OBJECTIVES = {
    "contrastive": Text("Contrastive: the batch's captions"),
    "entropy": Text("Entropy: each image alone"),
    "none": Text("None: the regulariser alone"),
}


class ClipttaSettings(Declared):
    """What is put in the place of the contrastive loss, to see what it does."""

    objective: str = choice(
        "contrastive", OBJECTIVES, "the paper's; the others are for an ablation",
        label=Text("Objective"), help=Text("Entropy is TENT's; regulariser and memory stay as they are."),
        mark=lambda own: say("objective: {name}", name=own.objective),
    )  # fmt: skip


@register
class Cliptta(AdaptingMethod):
    """Soft contrastive loss, marginal-entropy regulariser and confident memory; every image counts as ID."""

    name, label = "cliptta", "CLIPTTA"
    sentence = Text("Lets each image find its caption among the batch's, and asks the batch to use all classes.")
    paper = "Lafon et al., CLIPTTA: Robust Contrastive Vision-Language Test-Time Adaptation, NeurIPS 2025"
    family = "captions"
    colour, symbol = "blue", "diamond"
    own = ClipttaSettings
    uses = (*AdaptingMethod.uses, "regulariser_weight", "memory_shots", "memory_sample", "symmetric", "caution")

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        settings, classes = outline.settings, outline.classes
        remembered = min(max(settings.memory_sample, classes), settings.memory_shots * classes)
        looks = 1 + (settings.caution > 0)
        return Cost(looks * batch_size, settings.steps * (batch_size + remembered))

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        return outline.settings.memory_shots * outline.classes, super().keeps(outline, backbone)[1]

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        """How much the batch may teach where ``caution`` asks for it: from 0, zero-shot is sure of all of it, to 1.

        Ours, not the paper's. One rate does not suit all streams: what repairs a model that reads 30 % costs one that
        reads 90 % six points. Adam takes steps as long for a small loss as for a large one, so the rate has to fall.
        """
        if not self.settings.caution:
            return state
        entropy = entropy_of_logits(self.backbone.logits(self.source_cosines(batch))).mean()
        unsure = entropy / math.log(len(self.prototypes)) / self.settings.caution
        return state.keep(unsure=unsure.clamp(max=1).square())

    def rate(self, state: AdaptationState) -> float | Tensor:
        return super().rate(state) * (state.kept["unsure"] if self.settings.caution else 1.0)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        passes = self.passes(self.parameters(state))
        # The first step must see the batch before it can choose what to remember; later ones need one pass for both.
        remembered = self._recall(batch, state, step, seed) if step > 0 else batch.pixels[:0]
        together = torch.cat([batch.pixels, remembered]) if len(remembered) else batch.pixels
        features, memory_features = passes.embed(together).split([len(batch.pixels), len(remembered)])
        cosines = features @ self.prototypes.T
        state, keep, leaves, terms = self._known(state, cosines, step)
        terms = self._terms(features, cosines, keep) | terms
        if step == 0 and self.settings.memory_shots > 0:
            state = self._remember(state, batch.images, cosines.detach(), keep)
            if len(remembered := self._recall(batch, state, step, seed)):
                memory_features = passes.embed(remembered)
        if len(memory_features):
            memory_terms = self._terms(memory_features, memory_features @ self.prototypes.T, None)
            terms |= {f"memory {name}": term for name, term in memory_terms.items()}
        return self.descend(state, passes, terms, step, cosines, *leaves)

    def _known(self, state: AdaptationState, cosines: Tensor, step: int) -> Known:
        """What is known of the images at a step, by their ``(N, C)`` cosines."""
        return state, None, (), {}

    def _terms(self, features: Tensor, cosines: Tensor, keep: Tensor | None) -> dict[str, Tensor]:
        """The objective over the kept images, regulariser over all of them."""
        settings, scale, terms = self.settings, self.backbone.logit_scale, {}
        if self.task.own.objective == "contrastive":
            captions = pseudo_captions(cosines, self.prototypes)
            terms["contrastive"] = soft_contrastive(features, captions, scale, keep=keep, symmetric=settings.symmetric)
        elif self.task.own.objective == "entropy":
            entropy = entropy_of_logits(self.backbone.logits(cosines))
            terms["entropy"] = entropy.mean() if keep is None else mean_of(entropy, keep)
        return terms | self.regulariser(cosines, settings.regulariser_weight)

    def _remember(
        self, state: AdaptationState, images: Tensor, cosines: Tensor, keep: Tensor | None
    ) -> AdaptationState:
        memory = state.kept.get("memory") or ConfidentMemory.empty_like(images)
        confidence, predicted = cosines.softmax(dim=1).max(dim=1)
        if keep is not None:
            confidence = confidence.where(keep, torch.nan)  # left out
        return state.keep(memory=memory.insert(images, predicted, confidence, self.settings.memory_shots))

    def _recall(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Tensor:
        """Normalised images of the memory that join this step."""
        memory = state.kept.get("memory")
        if memory is None or self.settings.memory_shots == 0:
            return batch.pixels[:0]
        generator = torch.Generator().manual_seed(seed * 1_009 + step)
        chosen = memory.sample(self.settings.memory_sample, len(self.prototypes), generator)
        return self.backbone.normalise(memory.images[chosen])


@register
class ClipttaOce(Cliptta):
    """CLIPTTA for streams with strangers: Outlier Contrastive Exposure, a learnable threshold α and an ID filter.

    α is the last of the state's values, behind θ.
    """

    name, label = "cliptta-oce", "CLIPTTA + OCE"
    sentence = Text("CLIPTTA that also learns which images are strangers, and leaves them out.")
    colour, symbol, dash = "green", "triangle-up", "dash"
    uses = (*Cliptta.uses, "oce_weight", "oce_gamma", "score")
    uses_threshold = True

    def start(self) -> AdaptationState:
        source = self.backbone.source_parameters
        return AdaptationState.start(torch.cat([source, source.new_zeros(1)]))

    def threshold(self, state: AdaptationState) -> Tensor:
        return state.values[-1]

    def _known(self, state: AdaptationState, cosines: Tensor, step: int) -> Known:
        scores = ID_SCORES[self.settings.score](cosines)
        if step == 0:  # another α, unless that is NaN; its Adam moments carry on, as in the authors' release
            found = otsu_threshold(scores.detach())
            found = torch.where(found.isfinite(), found, state.values[-1]).to(state.values)
            state = replace(state, values=torch.cat([state.values[:-1], found.reshape(1)]))
        threshold = self.threshold(state).detach().requires_grad_(True)
        terms = {}
        if self.settings.oce_weight > 0:
            contrast = outlier_contrastive_exposure(scores, threshold, self.settings.oce_gamma)
            terms["oce"] = self.settings.oce_weight * contrast
        return state, scores.detach() > self.threshold(state), (threshold,), terms
