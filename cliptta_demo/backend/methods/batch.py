"""One batch in a method's hands: its images as the tower wants them, what is said of it, and what it takes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.backend.work import Work

MOST_PREPARED = 2**24  # numbers in a memory that is normalised as a whole: 1,365 images of 64 pixels, 111 of 224


@dataclass(frozen=True)
class Progress:
    """One moment of a method's work on a batch. Of the three predictions the last that is there counts.

    Attributes:
        step: steps done before this prediction, 0 … steps.
        cosines: ``(N, C)`` cosines of the batch's images and the prototypes.
        state: the new state in the last Progress, None before (and always for a method that keeps none).
        losses: the weighted terms of the loss at this step, scalars still on the device.
        logits: ``(N, C)`` scaled logits, of a method whose prediction is more than scaled cosines.
        probabilities: ``(N, C)``, of a method that has no logits.
    """

    step: int
    cosines: Tensor | None = None
    state: AdaptationState | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)
    logits: Tensor | None = None
    probabilities: Tensor | None = None


@dataclass(frozen=True)
class Cost:
    """What one batch takes of the towers.

    Attributes:
        forward, trained: images that go forward through the image tower alone, and that go there and back.
        prompts, trained_prompts: the same of the text tower.
        together: images of one pass there and back; None: as many as an even share of the steps has.
    """

    forward: int
    trained: int = 0
    prompts: int = 0
    trained_prompts: int = 0
    together: int | None = None


Step = Work[tuple[AdaptationState, Progress]]  # an optimiser step: the state after it, and what there is to see of it


class Prepared:
    """The images ``(N, 3, S, S)`` of one batch as the tower wants them: normalised once, not at every step."""

    def __init__(self, backbone: Backbone, images: Tensor) -> None:
        self.backbone = backbone
        self.images = images.to(backbone.device)
        self.pixels = backbone.normalise(self.images)
        self.made: dict[Hashable, Tensor] = {}  # what a method makes for this batch and may want at a later step
        self._memory: tuple[Tensor, Tensor] | None = None  # images as they came and normalised

    def remembered(self, images: Tensor, chosen: Tensor) -> Tensor:
        """Those of the memory's ``images`` at the positions ``chosen``, normalised; one memory serves many steps."""
        if images.numel() > MOST_PREPARED:
            return self.backbone.normalise(images.index_select(0, chosen))
        if self._memory is None or self._memory[0] is not images:
            self._memory = images, self.backbone.normalise(images)
        return self._memory[1][chosen]

    def source_features(self, piece: int) -> Work[Tensor]:
        """Unit embeddings ``(N, d)`` under the source model, made once for all steps.

        They go the way of the features that learn, so that both are equal to the bit before the first step.
        """
        if "source" not in self.made:
            passes = Passes(self.backbone, self.backbone.source_parameters, piece)
            self.made["source"] = (yield from passes.embed(self.pixels)).detach()
        return self.made["source"]
