"""An older CLIPTTA, which its authors' scripts run on ImageNet: it learns from the memory alone.

It is not on offer: its class is here for whoever wants the paper's ImageNet numbers, and ``register(ClipttaOld)`` puts
it beside the others.
"""

from __future__ import annotations

from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Prepared, Step
from cliptta_demo.backend.methods.cliptta import Cliptta
from cliptta_demo.backend.methods.task import Outline


class ClipttaOld(Cliptta):
    """The batch enters the memory before the first step and takes no part in the loss. Without a memory none moves."""

    name, label = "cliptta-old", "CLIPTTA (older)"
    sentence = "CLIPTTA that learns only from the surest images of each class so far."
    colour, symbol, dash = "grey", "diamond", "dot"

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        joining = super().cost(outline, 0).trained
        return Cost(2 * batch_size, joining)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        if step == 0:
            batch.made["cosines"] = yield from self.predict(batch.pixels, self.parameters(state))
            if self.settings.memory_shots > 0:
                state = self._remember(state, batch.images, batch.made["cosines"], None)
        passes, terms = self.passes(self.parameters(state)), {}
        if len(remembered := self._recall(batch, state, step, seed)):
            features = yield from passes.embed(remembered)
            memory_terms = self._terms(features, features @ self.prototypes.T, None)
            terms = {f"memory {name}": term for name, term in memory_terms.items()}
        return (yield from self.descend(state, passes, terms, step, batch.made["cosines"]))
