"""BATCLIP (Maharana et al. 2025): each class's images are drawn to its caption, and classes apart.

One form moves the image tower alone, as most methods do; the other the text tower too, anew at each step.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.base import THERE_AND_BACK
from cliptta_demo.backend.methods.losses import mean_entropy
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.pieces import Passes, embed_in_pieces
from cliptta_demo.languages import Text

PROMPT = "a photo of a {}."  # the release's, which takes no more than one


def class_terms(features: Tensor, prototypes: Tensor, predicted: Tensor) -> dict[str, Tensor]:
    """Minus how well the classes' mean images fit their captions, and minus how far they lie apart; scalars.

    The first is a mean over the classes that are predicted, the second a sum over all ordered pairs of them.

    Args:
        features: ``(N, d)`` image embeddings as the tower made them; prototypes: ``(C, d)`` unit vectors.
        predicted: ``(N,)`` int64, the images' classes.
    """
    member = (predicted[:, None] == torch.arange(len(prototypes), device=predicted.device)).to(features.dtype)
    counts = member.sum(dim=0)
    there = counts > 0
    means = member.T @ features / counts.clamp(min=1)[:, None]  # (C, d), 0 where a class is not predicted
    directions = F.normalize(means, dim=1)
    pairs = there[:, None] & there & ~torch.eye(len(there), dtype=torch.bool, device=there.device)
    return {
        "alignment": -(means * prototypes).sum() / there.sum(),
        "separation": -torch.where(pairs, 1 - directions @ directions.T, 0.0).sum(),
    }


@register
class BatclipImage(AdaptingMethod):
    """The image tower moves, captions stay: the release's switch FREEZE_TEXT_ENCODER. Release: sarthaxxxxx/BATCLIP.

    The release takes one step a batch; its optimiser decays the weights too.
    """

    name, label = "batclip-image", Text("BATCLIP, image tower")
    sentence = Text("Draws the images of each class to its caption, and pushes the classes apart.")
    paper = "Maharana et al., BATCLIP: Bimodal Online Test-Time Adaptation for CLIP, ICCV 2025"
    family, predicts_before = "captions", True
    colour, symbol, dash = "purple", "diamond", "dash"

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        passes = self.passes(self.predictor(state))
        features = passes.embed(batch.pixels)
        captions = self.captions(passes)
        cosines = F.normalize(features, dim=1) @ captions.T
        terms = {"entropy": mean_entropy(self.backbone.logits(cosines))}
        terms |= class_terms(features, captions, cosines.detach().argmax(dim=1))
        return self.descend(state, passes, terms, step, cosines)

    def passes(self, parameters: Tensor) -> Passes:
        return Passes(partial(self.backbone.embed, unit=False), parameters, self.piece, self.rest)

    def captions(self, passes: Passes) -> Tensor:
        """The class prototypes ``(C, d)`` of a step."""
        return self.prototypes


@register
class Batclip(BatclipImage):
    """The method as published: the text tower's normalisation parameters, φ, move with θ, behind it in one vector.

    Its captions are "a photo of a …." whatever the task's prompts are, in its prediction too.
    """

    name, label = "batclip", "BATCLIP"
    sentence = Text("Moves captions too: images and caption of each class are drawn to one another, and classes apart.")
    colour, symbol, dash = "teal", "square", "dash"

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        steps, classes = cls.steps(outline), outline.classes
        return Cost(batch_size, steps * batch_size, classes, steps * classes)

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        return 0, super().keeps(outline, backbone)[1] + 3 * 4 * len(backbone.text_parameters)

    def start(self) -> AdaptationState:
        return AdaptationState.start(torch.cat([self.backbone.source_parameters, self.backbone.text_parameters]))

    def predictor(self, state: AdaptationState) -> Tensor:
        """θ and φ in one vector ``(P + Q,)``."""
        return state.values

    def predict(self, images: Tensor, parameters: Tensor | None = None) -> Tensor:
        values = self.start().values if parameters is None else parameters
        features = self.embed(images, self._towers(values)[0])
        self.rest()
        captions = embed_in_pieces(self._both, self._classes, values, self._prompts, self.rest)
        return features @ captions.T

    def passes(self, parameters: Tensor) -> Passes:
        return Passes(self._both, parameters, self.piece, self.rest)

    def captions(self, passes: Passes) -> Tensor:
        return passes.embed(self._classes, max(1, self._prompts // THERE_AND_BACK))

    @property
    def _classes(self) -> Tensor:
        return torch.arange(len(self.prototypes))

    @property
    def _prompts(self) -> int:
        """Prompts in one pass."""
        return min(self.piece * THERE_AND_BACK, self.task.prompts_at_once)

    def _towers(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """θ and φ."""
        size = len(self.backbone.source_parameters)
        return values[:size], values[size:]

    def _both(self, given: Tensor, values: Tensor) -> Tensor:
        """Of images ``(N, 3, S, S)`` the embeddings, of classes ``(n,)`` the captions' unit embeddings."""
        image, text = self._towers(values)
        if given.ndim > 1:
            return self.backbone.embed(given, image, unit=False)
        words = [display_name(self.task.class_names[number]) for number in given.tolist()]
        return self.backbone.encode([PROMPT.replace("{}", word) for word in words], norms=text)
