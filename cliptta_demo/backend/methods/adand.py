"""AdaND (Cao et al. 2025): a small detector of strangers learns beside the model, which stays as it is.

Written from the method's definition alone.
"""

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.declare import Declared, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Progress, adam_step
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import embed_in_pieces
from cliptta_demo.languages import Text

EPSILON = 1e-8  # its authors' Adam's
QUEUE = 512  # scores that a threshold is looked for among
STEPS = 100  # thresholds that are tried, from 0 on, a hundredth apart
IMAGES_PER_NOISE = 8  # images of the stream for each of noise
JUST = 1e-6  # so little below the threshold that what lies on it counts as known


class AdandSettings(Declared):
    """Settings of AdaND's own."""

    rate: float = number(
        5e-4, 0, 1, "its authors'",
        label=Text("Detector's rate"), help=Text("Of Adam, one step for each batch."), step=0.0001,
        mark=Text("AdaND rate {:g}"),
    )  # fmt: skip
    trust_after: int = whole(
        10, 0, 1000, "its authors', with batches of 128",
        label=Text("Trusted after"), help=Text("Batches before the detector is asked; until then, how sure CLIP is."),
        mark=Text("AdaND trusted after {}"),
    )  # fmt: skip


@register
class Adand(Method):
    """Predicts what CLIP does. What it adds is an ID score: that of a detector, two logits on the tower's features.

    The detector learns from pseudo-labels: an image is a stranger where CLIP is less sure than a threshold, found among
    the last scores. One is always found, even where all are known: images of noise, which are strangers for certain,
    give it something to find.

    The state's values are the detector's: weights ``(2, d)``, a stranger's first, then a bias for each.
    """

    name, label = "adand", "AdaND"
    sentence = Text("Predicts as CLIP does, and trains a detector beside it to tell which images are strangers.")
    paper = "Cao et al., Noisy Test-Time Adaptation in Vision-Language Models, ICLR 2025"
    family = "strangers"
    colour, symbol = "vermilion", "star"
    own = AdandSettings
    uses_threshold = own_scores = True

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(batch_size + -(-batch_size // IMAGES_PER_NOISE))

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        return 0, 4 * (3 * 2 * (backbone.dimension + 1) + 2 * QUEUE + 1)

    def start(self) -> AdaptationState:
        weights = self.initial(self.prototypes.shape[1]).to(self.prototypes)
        nothing = weights[:0]
        kept = {"batches": 0, "images": 0, "unsure": nothing, "suspect": nothing, "threshold": nothing.sum()}
        return AdaptationState.start(weights, kept)

    def threshold(self, state: AdaptationState | None) -> Tensor:
        return state.kept["threshold"]

    def initial(self, dimension: int) -> Tensor:
        """The detector that a stream begins with, ``(2 · dimension + 2,)``: as a linear layer of torch's begins."""
        generator = torch.Generator().manual_seed(0)
        return (2 * torch.rand(2 * dimension + 2, generator=generator) - 1) / math.sqrt(dimension)

    def noise(self, count: int, side: int, seed: int) -> Tensor:
        """Images of noise ``(count, 3, side, side)`` uint8: normal pixels, each image from 0 to 255."""
        generator = torch.Generator().manual_seed(seed)
        pixels = torch.randn(count, 3, side, side, generator=generator)
        low, high = pixels.amin(dim=(1, 2, 3), keepdim=True), pixels.amax(dim=(1, 2, 3), keepdim=True)
        return ((pixels - low) / (high - low) * 255).round().to(torch.uint8)

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        state, own, count = state or self.start(), self.task.own, len(images)
        batches, seen = state.kept["batches"], state.kept["images"]
        # Of batches too small for one, every so many bring it.
        more = count // IMAGES_PER_NOISE or (seen + count) // IMAGES_PER_NOISE - seen // IMAGES_PER_NOISE
        noise = self.backbone.normalise(self.noise(more, images.shape[-1], seed))
        pixels = torch.cat([self.backbone.normalise(images), noise])
        features, fine, cosines = self._seen(pixels)
        unsure = 1 - self.backbone.logits(cosines).softmax(dim=1).amax(dim=1)
        last = _joined(state.kept["unsure"], unsure)
        cut = best_cut(last)
        strangers = (unsure > cut) | (torch.arange(len(pixels), device=pixels.device) >= count)
        after, suspect, loss = self._learn(state, features, strangers, fine)
        asked, confidence = state.kept["suspect"], 1 - unsure
        if batches > own.trust_after:
            asked = _joined(asked, torch.where(fine, suspect, math.nan))
            cut, confidence = best_cut(asked), 1 - suspect
        kept = {"batches": batches + 1, "images": seen + count, "unsure": last, "suspect": asked}
        scores = torch.where(fine, confidence, 0.0)[:count]
        after = after.keep(**kept, threshold=(1 - cut - JUST).float())
        return Progress(0, cosines[:count], after, {"detector": loss}, scores=scores)

    def answer_as_it_is(self, images: Tensor, state: AdaptationState) -> Progress:
        features, fine, cosines = self._seen(self.backbone.normalise(images))
        confidence = self.backbone.logits(cosines).softmax(dim=1).amax(dim=1)
        if state.kept["batches"] - 1 > self.task.own.trust_after:  # as its threshold is
            confidence = 1 - self._logarithms(state, features)[:, 0].exp()
        return Progress(0, cosines, state, scores=torch.where(fine, confidence, 0.0))

    def _seen(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features ``(N, d)`` of normalised images, not of unit length; which of them count ``(N,)``; cosines."""
        given = embed_in_pieces(partial(self.backbone.embed, unit=False), pixels, None, self.piece, self.rest)
        fine = given.isfinite().all(dim=1)
        return torch.where(fine[:, None], given, 0.0), fine, F.normalize(given, dim=1) @ self.prototypes.T

    def _logarithms(self, state: AdaptationState, features: Tensor) -> Tensor:
        """Logarithms ``(N, 2)`` of the detector's probabilities: a stranger, and not."""
        return (features @ state.values[:-2].view(2, -1).T + state.values[-2:]).log_softmax(dim=1)

    def _learn(
        self, state: AdaptationState, features: Tensor, strangers: Tensor, fine: Tensor
    ) -> tuple[AdaptationState, Tensor, Tensor]:
        """One step of the detector on all of a batch's features ``(N, d)``: the state after it, how much each is a
        stranger's before it ``(N,)``, 0 to 1, and the loss.

        Args:
            strangers: the pseudo-labels ``(N,)``, bool; fine: which of the images count.
        """
        logarithms = self._logarithms(state, features)
        wanted = (torch.stack([strangers, ~strangers], dim=1) & fine[:, None]).float()
        number = fine.sum().clamp(min=1)
        loss = -(wanted * logarithms).sum() / number
        slopes = (logarithms.exp() * fine[:, None] - wanted) / number  # of the loss, by the logits
        gradient = torch.cat([(slopes.T @ features).flatten(), slopes.sum(dim=0)])
        after = adam_step(state, loss, gradient, self.task.own.rate, epsilon=EPSILON, taken=fine.any())
        return after, logarithms[:, 0].exp(), loss


def _joined(queue: Tensor, scores: Tensor) -> Tensor:
    """The last so many scores; those that are no finite number keep their place and count for nothing."""
    return torch.cat([queue, scores])[-QUEUE:]


def best_cut(scores: Tensor) -> Tensor:
    """The threshold that parts ``(N,)`` scores, 0 to 1, into two of least variance; the first of equals; 0: none does.

    Source: as Otsu's, of a hundred thresholds. Scalar, float64.
    """
    cuts = torch.arange(STEPS, dtype=torch.float64, device=scores.device) / STEPS
    values, fine = torch.nan_to_num(scores.double()), scores.isfinite()
    within = torch.zeros_like(cuts)
    for side in (values >= cuts[:, None], values < cuts[:, None]):
        taken = side & fine
        number = taken.sum(dim=1)
        mean = (taken * values).sum(dim=1) / number.clamp(min=1)
        squares = (taken * (values - mean[:, None]) ** 2).sum(dim=1)
        within = within + torch.where(number > 0, squares, math.inf)
    return cuts.take(within.argmin())
