"""RLCF (Zhao et al. 2024): an untouched CLIP rewards guesses for each image, and those rewarded become likelier.

Two methods that differ in what moves: the words of the prompt, or the normalisation parameters of the image tower.
"""

from functools import partial
from types import SimpleNamespace

import torch
from torch import Tensor

from cliptta_demo.backend.declare import number, whole
from cliptta_demo.backend.methods.adaptation import Cost, Outline
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.per_image import PerImage, ViewSettings
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.methods.tpt import PromptTuning
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.languages import Text

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

    @property
    def learning_rate(self) -> float:
        return self.settings.learning_rate

    def prompts(self) -> Tensor:
        return self.prototypes

    def passes(self, values: Tensor) -> Passes:
        return Passes(SimpleNamespace(embed=partial(self.backbone.embed, alone=True)), values, self.piece, self.rest)

    def compare(self, passes: Passes, views: Tensor, seen: Tensor) -> Tensor:
        return passes.embed(views) @ self.prototypes.T

    def judge(self, values: Tensor, views: Tensor, seen: Tensor) -> Tensor:
        with torch.no_grad():
            return (self.backbone.embed(views[:1], values, alone=True) @ self.prototypes.T)[0]
