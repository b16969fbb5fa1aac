"""Methods that reword the prompt: vectors in the place of its first words move, the image tower stays as it is."""

import torch
from torch import Tensor

from cliptta_demo.backend.declare import number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost
from cliptta_demo.backend.methods.per_image import PerImage, ViewSettings
from cliptta_demo.backend.methods.task import Outline
from cliptta_demo.backend.models.backbone import PROMPTS_AT_ONCE, Backbone
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.pieces import Passes, embed_in_pieces
from cliptta_demo.languages import say

WORDS, COUNT = "a photo of a", 4  # the context vectors start as these words'
THERE_AND_BACK = 3  # prompts that only go forward, which one with its graph is worth in time and memory


class PromptSettings(ViewSettings):
    """TPT's and R-TPT's."""

    learning_rate: float = number(
        5e-3, 0, 1, "the release's",
        label=say("Learning rate"), help=say("Of AdamW, on the prompt's words."), step=0.001, mark=say("lr {:g}"),
    )  # fmt: skip
    steps: int = whole(1, 1, 20, "the release's", label=say("Steps per image"), mark=say("{} steps"))


class Captions:
    """The class prompts, to go piece by piece through the text tower: their numbers in, their embeddings out."""

    def __init__(self, backbone: Backbone, class_names: tuple[str, ...]) -> None:
        self.backbone = backbone
        self.prompts = [f"{WORDS} {display_name(name)}." for name in class_names]

    def embed(self, numbers: Tensor, context: Tensor) -> Tensor:
        """Unit embeddings ``(n, d)`` of the prompts of these numbers ``(n,)``, with the context ``(4 · width,)``."""
        return self.backbone.encode([self.prompts[number] for number in numbers.tolist()], context.view(COUNT, -1))


class PromptTuning(PerImage):
    """Four context vectors move. No image of a view goes through the image tower more than once."""

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        trained = batch_size * outline.own.steps * outline.classes
        return Cost(batch_size * outline.own.views, 0, (batch_size + 1) * outline.classes, trained)

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        return 0, 3 * 4 * backbone.context(WORDS, COUNT).numel()  # the vectors and two moments

    def start(self) -> AdaptationState:
        return AdaptationState.start(self.backbone.context(WORDS, COUNT).flatten())

    def prompts(self) -> Tensor:
        return self._captions(self.start().values)

    def passes(self, values: Tensor) -> Passes:
        captions, at_once = Captions(self.backbone, self.task.class_names), max(1, self._prompts // THERE_AND_BACK)
        return Passes(captions, values, at_once, self.rest)

    def compare(self, passes: Passes, views: Tensor, seen: Tensor) -> Tensor:
        text = passes.embed(torch.arange(len(self.prototypes)))
        return seen @ text.T

    def judge(self, values: Tensor, views: Tensor, seen: Tensor) -> Tensor:
        return self.weights(seen) @ seen @ self._captions(values).T

    def weights(self, seen: Tensor) -> Tensor:
        """How much each of the views ``(V, d)``, the image first, counts in the prediction, ``(V,)``: here it alone."""
        return torch.eye(len(seen), device=seen.device)[0]

    @property
    def _prompts(self) -> int:
        """Prompts in one pass."""
        return min(self.piece * THERE_AND_BACK, self.task.prompts_at_once or PROMPTS_AT_ONCE)

    def _captions(self, context: Tensor) -> Tensor:
        """Unit embeddings ``(C, d)`` of the class prompts with this context, without a graph."""
        captions = Captions(self.backbone, self.task.class_names)
        numbers = torch.arange(len(self.prototypes))
        return embed_in_pieces(captions, numbers, context, self._prompts, self.rest)
