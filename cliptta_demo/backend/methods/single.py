"""Methods that adapt to one image at a time.

TPT (Shu et al. 2022) and R-TPT (Sheng et al. 2025) reword the prompt: vectors in the place of its first words move, the
image tower stays as it is. RLCF (Zhao et al. 2024): an untouched CLIP rewards guesses for each image, and those
rewarded become likelier; what moves are the words of the prompt, or the normalisation parameters of the image tower.
"""

import math
from functools import partial

import torch
from torch import Tensor

from cliptta_demo.backend.declare import number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.base import THERE_AND_BACK
from cliptta_demo.backend.methods.losses import mean_entropy
from cliptta_demo.backend.methods.per_image import PerImage, ViewSettings
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.pieces import Passes, embed_in_pieces
from cliptta_demo.languages import Text

WORDS, COUNT = "a photo of a", 4  # the context vectors start as these words'


class PromptSettings(ViewSettings):
    """TPT's and R-TPT's."""

    learning_rate: float = number(
        5e-3, 0, 1, "the release's",
        label=Text("Learning rate"), help=Text("Of AdamW, on the prompt's words."), step=0.001, mark=Text("lr {:g}"),
    )  # fmt: skip
    steps: int = whole(1, 1, 20, "the release's", label=Text("Steps per image"), mark=Text("{} steps"))


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
        return Passes(self._encode, values, max(1, self._prompts // THERE_AND_BACK), self.rest)

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
        return min(self.piece * THERE_AND_BACK, self.task.prompts_at_once)

    def _captions(self, context: Tensor) -> Tensor:
        """Unit embeddings ``(C, d)`` of the class prompts with this context, without a graph."""
        return embed_in_pieces(self._encode, torch.arange(len(self.prototypes)), context, self._prompts, self.rest)

    def _encode(self, numbers: Tensor, context: Tensor) -> Tensor:
        """Unit embeddings ``(n, d)`` of the prompts of these classes ``(n,)``, with the context ``(4 · width,)``."""
        words = [display_name(self.task.class_names[number]) for number in numbers.tolist()]
        return self.backbone.encode([f"{WORDS} {word}." for word in words], context.view(COUNT, -1))


@register
class Tpt(PromptTuning):
    """Minimises the entropy of the mean prediction of an image's surest views. Release: azshue/TPT."""

    name, label = "tpt", "TPT"
    sentence = Text("Crops each image in many ways and rewords the prompt until the crops agree.")
    paper = "Shu et al., Test-Time Prompt Tuning for Zero-Shot Generalization in Vision-Language Models, NeurIPS 2022"
    colour, symbol = "gold", "hexagon"
    own = PromptSettings

    def terms(self, cosines: Tensor, source: Tensor) -> dict[str, Tensor]:
        views = self.backbone.logits(cosines).log_softmax(dim=1)
        mean = views.logsumexp(dim=0) - math.log(len(views))
        return {"entropy of the mean": -(mean.exp() * mean).sum()}


class RTptSettings(PromptSettings):
    """TPT's, and how views are weighed."""

    neighbours: int = whole(
        20, 1, 255, "the release's",
        label=Text("Neighbours"), help=Text("Views that a view is compared with: those most like it."),
        mark=Text("{} neighbours"),
    )  # fmt: skip
    temperature: float = number(
        0.01, 1e-4, 10, "the release's",
        label=Text("Temperature"), help=Text("The smaller, the fewer views decide."), mark=Text("temperature {:g}"),
    )  # fmt: skip


@register
class RTpt(PromptTuning):
    """The mean entropy of the surest views, and a prediction from all views, weighed. Release: TomSheng21/R-TPT.

    The release leaves out similarities of 1 or more, which rounding decides: a view may stay its own neighbour, and
    of equal views both drop out. Here a view is never its own neighbour, and equal views are each other's.
    """

    name, label = "r-tpt", "R-TPT"
    sentence = Text("Rewords the prompt for each image, and trusts the crops that look most like the others.")
    paper = (
        "Sheng et al., R-TPT: Improving Adversarial Robustness of Vision-Language Models through Test-Time Prompt "
        "Tuning, CVPR 2025"
    )
    colour, symbol = "teal", "triangle-down"
    own = RTptSettings

    def terms(self, cosines: Tensor, source: Tensor) -> dict[str, Tensor]:
        return {"entropy": mean_entropy(self.backbone.logits(cosines))}

    def weights(self, seen: Tensor) -> Tensor:
        similar = seen @ seen.T
        similar = similar.masked_fill(self.left_out(similar), -torch.inf)
        nearest = similar.topk(min(self.task.own.neighbours, len(seen) - 1), dim=1).values
        return (nearest.mean(dim=1) / self.task.own.temperature).softmax(dim=0)

    def left_out(self, similar: Tensor) -> Tensor:
        """Which pairs of views ``(V, V)`` are no neighbours, whatever their similarity: each with itself."""
        return torch.eye(len(similar), dtype=torch.bool, device=similar.device)


REWARD_SCALE = 2.5  # CLIPScore's
PAPER = (
    "Zhao et al., Test-Time Adaptation with CLIP Reward for Zero-Shot Generalization in Vision-Language Models, "
    "ICLR 2024"
)


class RlcfSettings(ViewSettings):
    """The image tower's."""

    guesses: int = whole(
        3, 1, 10, "the release's",
        label=Text("Guesses"), help=Text("Likeliest classes of a view, which are rewarded or not."),
        mark=Text("{} guesses"),
    )  # fmt: skip
    steps: int = whole(3, 1, 20, "the release's", label=Text("Steps per image"), mark=Text("{} steps"))


class RlcfPromptSettings(RlcfSettings):
    """The prompt's."""

    learning_rate: float = number(
        7e-3, 0, 1, "the release's",
        label=Text("Learning rate"), help=Text("Of AdamW, on the prompt's words."), step=0.001, mark=Text("lr {:g}"),
    )  # fmt: skip


def reward_loss(logits: Tensor, source: Tensor, guesses: int) -> Tensor:
    """Policy gradient on the likeliest classes of each view; scalar.

    A guess's reward is 2.5 times its cosine under the source model, at least 0, above the mean of its view's guesses.

    Args:
        logits: ``(V, C)`` of the views; source: ``(V, C)`` cosines under the source model, the reward model here.
    """
    guessed = logits.topk(min(guesses, logits.shape[1]), dim=1).indices
    reward = REWARD_SCALE * source.gather(1, guessed).clamp_min(0)
    reward = reward - reward.mean(dim=1, keepdim=True)
    return -(reward * logits.log_softmax(dim=1).gather(1, guessed)).mean()


@register
class RlcfPrompt(PromptTuning):
    """The prompt's words move. Release: mzhaoshuai/RLCF, whose reward model is a larger CLIP, ViT-L/14."""

    name, label = "rlcf-prompt", Text("RLCF prompt")
    sentence = Text("Makes guesses for each image and rewords the prompt towards those that an untouched CLIP rewards.")
    paper = PAPER
    colour, symbol, dash = "brown", "star", "dash"
    own = RlcfPromptSettings
    weight_decay = 5e-4

    def terms(self, cosines: Tensor, source: Tensor) -> dict[str, Tensor]:
        return {"reward": reward_loss(self.backbone.logits(cosines), source, self.task.own.guesses)}


@register
class Rlcf(PerImage, AdaptingMethod):
    """The normalisation parameters move; the release offers that too (``tune_norm``), and moves the whole tower.

    Rewards stop at 0: a tower whose cosines are negative, as SigLIP's may be, gets none and does not move.
    """

    name, label = "rlcf", "RLCF"
    sentence = Text("Makes guesses for each image and tunes the tower towards those that an untouched CLIP rewards.")
    paper = PAPER
    colour, symbol = "purple", "cross"
    uses = ("learning_rate",)
    own = RlcfSettings
    weight_decay = 5e-4
    terms = RlcfPrompt.terms

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        own = outline.own
        trained = batch_size * own.steps * own.chosen
        return Cost(batch_size * (own.views + 1), trained, together=own.chosen)

    def prompts(self) -> Tensor:
        return self.prototypes

    def passes(self, values: Tensor) -> Passes:
        return Passes(partial(self.backbone.embed, alone=True), values, self.piece, self.rest)

    def compare(self, passes: Passes, views: Tensor, seen: Tensor) -> Tensor:
        return passes.embed(views) @ self.prototypes.T

    def judge(self, values: Tensor, views: Tensor, seen: Tensor) -> Tensor:
        with torch.no_grad():
            return (self.backbone.embed(views[:1], values, alone=True) @ self.prototypes.T)[0]
