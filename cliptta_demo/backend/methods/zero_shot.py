"""Zero-shot: the untouched source model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from cliptta_demo.backend.adaptation import AdaptationState
from cliptta_demo.backend.methods.base import Method, Progress


class ZeroShot(Method):
    """Predicts with the source model and changes nothing."""

    name = "zero-shot"

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress]:
        yield Progress(0, self.within_memory(len(images), partial(self._predict, images)))

    @torch.no_grad()
    def _predict(self, images: Tensor) -> Tensor:
        return self.embed(images) @ self.prototypes.T
