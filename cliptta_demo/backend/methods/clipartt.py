"""CLIPArTT (Vargas Hakim et al. 2025): captions that name an image's likeliest classes, "a photo of a A or B or C"."""

import torch
from torch import Tensor

from cliptta_demo.backend.declare import choice, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import likeness, pseudo_captions, soft_targets_loss
from cliptta_demo.backend.methods.registry import RELEASES, Released, register
from cliptta_demo.backend.models.backbone import PROMPTS_AT_ONCE
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.languages import Text


class ClipArttSettings(Released):
    """CLIPArTT's own."""

    candidates: int = whole(
        3, 1, 5, "the authors' K",
        label=Text("Classes in a caption"),
        help=Text("The likeliest, in their order; 1 takes the class's own prompts."),
        slider=True, step=1, mark=Text("{} classes in a caption"),
    )  # fmt: skip
    release: str = choice(
        "authors", RELEASES, "each batch starts anew, and the target learns; CLIPTTA's does neither",
        label=Text("CLIPArTT as in"), mark=lambda own: f"CLIPArTT {own.by}",
    )  # fmt: skip


@register
class ClipArtt(AdaptingMethod):
    """Images learn to prefer the captions of the images that they resemble.

    The authors' release forgets each batch before the next. Captions are made anew at each step, of the ranking then;
    those that the batch has had already are not sent through the text tower again. They are remembered no longer than
    the batch, so that a run that was paused goes on with the same numbers to the last bit.
    """

    name, label = "clipartt", "CLIPArTT"
    sentence = Text(
        "Captions each image with its three likeliest classes, and learns from which images get similar ones."
    )
    paper = "Vargas Hakim et al., CLIPArTT: Adaptation of CLIP to New Domains at Test Time, WACV 2025"
    family = "captions"
    colour, symbol, dash = "teal", "hexagon", "dot"
    own = ClipArttSettings

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        steps = cls.steps(outline)
        captions = batch_size * (1 + (steps - 1) / 5)  # measured: at each further step a fifth of them are others
        return Cost(batch_size, steps * batch_size, round(captions) if outline.own.candidates > 1 else 0)

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        return self.fresh(state) if self.task.own.by_authors else state

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        passes = self.passes(self.parameters(state))
        features = passes.embed(batch.pixels)
        cosines = features @ self.prototypes.T
        captions = self._captions(batch, cosines.detach())
        target = likeness(features, captions)
        target = target.T if self.task.own.by_authors else target.detach()
        loss = soft_targets_loss(self.backbone.logit_scale * features @ captions.T, target)
        return self.descend(state, passes, {"contrastive": loss}, step, cosines)

    def _captions(self, batch: Prepared, cosines: Tensor) -> Tensor:
        """For each image the embedding ``(N, d)`` of the caption that names its likeliest classes."""
        count = min(self.task.own.candidates, len(self.prototypes))
        if count == 1:
            return pseudo_captions(cosines, self.prototypes)
        ranked = [tuple(classes) for classes in cosines.topk(count).indices.tolist()]
        wanted = [classes for classes in dict.fromkeys(ranked) if classes not in batch.made]
        words = [display_name(name) for name in self.task.class_names]
        prompts = [f"a photo of a {' or '.join(words[one] for one in classes)}" for classes in wanted]
        at_once = self.task.prompts_at_once or PROMPTS_AT_ONCE
        for start in range(0, len(wanted), at_once):
            self.rest()
            some = slice(start, start + at_once)
            batch.made |= zip(wanted[some], self.backbone.encode(prompts[some]), strict=True)
        return torch.stack([batch.made[classes] for classes in ranked])
