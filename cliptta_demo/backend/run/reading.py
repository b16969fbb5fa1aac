"""What a method's prediction says, whichever kind it is: probabilities, and the numbers that ID scores are made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cliptta_demo.backend.methods.base import Progress
from cliptta_demo.backend.models.backbone import Backbone

SMALLEST = torch.finfo(torch.float32).tiny  # a probability of 0 has no logarithm


@dataclass(frozen=True)
class Reading:
    """One prediction of N images.

    Attributes:
        probabilities: ``(N, C)``.
        scored: ``(N, C)``, what ID scores are computed from: cosines; logits on the cosines' scale; or logarithms of
            probabilities. A softmax over them gives the prediction, if a flatter one.
        cosines: ``(N, C)``; None where the method has none.
        unread: images for which the model gave no finite numbers; no class is likelier than another for them.
    """

    probabilities: Tensor
    scored: Tensor
    cosines: Tensor | None
    unread: int


def read(progress: Progress, backbone: Backbone) -> Reading:
    """Reads the last of the predictions that a moment carries."""
    cosines = None if progress.cosines is None else _finite(progress.cosines)[0]
    if progress.probabilities is not None:
        probabilities, unread = _finite(progress.probabilities)
        probabilities = torch.where(probabilities.sum(dim=1, keepdim=True) > 0, probabilities, 1.0)
        probabilities = probabilities / probabilities.sum(dim=1, keepdim=True)
        return Reading(probabilities, probabilities.clamp_min(SMALLEST).log(), cosines, unread)
    if progress.logits is not None:
        logits, unread = _finite(progress.logits)
        return Reading(logits.softmax(dim=1), logits / backbone.logit_scale, cosines, unread)
    cosines, unread = _finite(progress.cosines)
    return Reading(backbone.logits(cosines).softmax(dim=1), cosines, cosines, unread)


def _finite(values: Tensor) -> tuple[Tensor, int]:
    """The values in float32 with zeros for images that got NaN or infinity, and how many those are."""
    values = values.float()
    bad = ~values.isfinite().all(dim=1)
    return values.masked_fill(bad[:, None], 0.0), int(bad.sum())
