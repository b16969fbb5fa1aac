"""CLIPTTA (arXiv 2507.14312): adapt with CLIP's own contrastive form, the batch's images against its captions.

The order of things within a step is that of the authors' release: forward, regulariser on the whole batch, OCE,
strict ID filter, contrastive loss, (first step only) memory insertion, the same losses on a memory sample, Adam.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState
from cliptta_demo.backend.methods.base import AdaptingMethod, Prepared, Progress
from cliptta_demo.backend.methods.losses import outlier_contrastive_exposure, pseudo_captions, soft_contrastive
from cliptta_demo.backend.methods.memory import ConfidentMemory
from cliptta_demo.backend.methods.scores import ID_SCORES, otsu_threshold
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.backend.run.work import Work
from cliptta_demo.backend.settings import AdaptationSettings


class Cliptta(AdaptingMethod):
    """Soft contrastive loss, marginal-entropy regulariser and confident memory; every image counts as ID."""

    name = "cliptta"

    @classmethod
    def images(cls, settings: AdaptationSettings, batch_size: int, classes: int) -> tuple[int, int]:
        remembered = min(max(settings.memory_sample, classes), settings.memory_shots * classes)
        return batch_size, settings.steps * (batch_size + remembered)

    def step(
        self, batch: Prepared, state: AdaptationState, step: int, seed: int
    ) -> Work[tuple[AdaptationState, Progress]]:
        passes = self.passes(state)
        # The first step must see the batch before it can choose what to remember; later ones need one pass for both.
        remembered = self._recall(batch, state.memory, step, seed) if step > 0 else None
        features, memory_features = yield from self._embed(batch.pixels, remembered, passes)
        cosines = features @ self.prototypes.T
        keep = None
        if self.uses_threshold:
            scores = ID_SCORES[self.settings.score](cosines)
            if step == 0:
                state = state.with_threshold(otsu_threshold(scores.detach()))
                passes.threshold = state.threshold.detach().requires_grad_(True)
            keep = scores.detach() > passes.threshold.detach()
        terms = self._terms(features, cosines, keep)
        if self.uses_threshold and self.settings.oce_weight > 0:
            contrast = outlier_contrastive_exposure(scores, passes.threshold, self.settings.oce_gamma)
            terms["oce"] = self.settings.oce_weight * contrast
        if self.settings.memory_shots > 0:
            if step == 0:
                state = self._remember(state, batch.images, cosines.detach(), keep)
                remembered = self._recall(batch, state.memory, step, seed)
                if len(remembered):
                    memory_features = yield from passes.embed(remembered)
            if memory_features is not None:
                memory_cosines = memory_features @ self.prototypes.T
                memory_terms = self._terms(memory_features, memory_cosines, None)
                terms |= {f"memory {name}": term for name, term in memory_terms.items()}
        losses = {name: term.detach() for name, term in terms.items()}
        return (yield from self.descend(state, passes, terms)), Progress(step, cosines.detach(), None, losses)

    def _embed(self, pixels: Tensor, remembered: Tensor | None, passes: Passes) -> Work[tuple[Tensor, Tensor | None]]:
        """Embeddings of the batch and of the memory sample, in one forward pass."""
        if remembered is None or not len(remembered):
            return (yield from passes.embed(pixels)), None
        both = yield from passes.embed(torch.cat([pixels, remembered]))
        return both[: len(pixels)], both[len(pixels) :]

    def _terms(self, features: Tensor, cosines: Tensor, keep: Tensor | None) -> dict[str, Tensor]:
        """Contrastive loss over the kept images, regulariser over all of them."""
        settings = self.settings
        captions = pseudo_captions(cosines, self.prototypes)
        terms = {
            "contrastive": soft_contrastive(
                features, captions, self.backbone.logit_scale, keep=keep, symmetric=settings.symmetric
            )
        }
        if settings.regulariser_weight > 0:
            terms["regulariser"] = self.regulariser(cosines, settings.regulariser_weight)
        return terms

    def _remember(
        self, state: AdaptationState, images: Tensor, cosines: Tensor, keep: Tensor | None
    ) -> AdaptationState:
        memory = state.memory if state.memory is not None else ConfidentMemory.empty_like(images)
        confidence, predicted = cosines.softmax(dim=1).max(dim=1)
        if keep is not None:
            images, confidence, predicted = images[keep], confidence[keep], predicted[keep]
        return replace(state, memory=memory.insert(images, predicted, confidence, self.settings.memory_shots))

    def _recall(self, batch: Prepared, memory: ConfidentMemory | None, step: int, seed: int) -> Tensor | None:
        """Normalised images of the memory that join this step."""
        if memory is None or self.settings.memory_shots == 0:
            return None
        generator = torch.Generator().manual_seed(seed * 1_009 + step)
        chosen = memory.sample(self.settings.memory_sample, len(self.prototypes), generator)
        return batch.remembered(memory.images, chosen)


class ClipttaOce(Cliptta):
    """CLIPTTA for streams with strangers: Outlier Contrastive Exposure, a learnable threshold α and an ID filter."""

    name = "cliptta-oce"
    uses_threshold = True
