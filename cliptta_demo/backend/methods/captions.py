"""Images learn to prefer the captions of images that they resemble.

CLIPArTT (Vargas Hakim et al. 2025): captions name an image's likeliest classes, "a photo of a A or B or C". WATT
(Osowiechi et al. 2024): adapts once with each of eight prompts, and averages what came of it.
"""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from cliptta_demo.backend.declare import choice, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import likeness, pseudo_captions, soft_targets_loss
from cliptta_demo.backend.methods.registry import RELEASES, Released, register
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
        at_once = self.task.prompts_at_once
        for start in range(0, len(wanted), at_once):
            self.rest()
            some = slice(start, start + at_once)
            batch.made |= zip(wanted[some], self.backbone.encode(prompts[some]), strict=True)
        return torch.stack([batch.made[classes] for classes in ranked])


TEMPLATES = (  # the authors' own, whatever the task's are
    "a photo of a {}",
    "itap of a {}",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)


class WattSettings(Released):
    """WATT's own; the steps of a batch are rounds · 8 prompts · steps per prompt."""

    rounds: int = whole(
        5, 1, 50, "the authors' M; their scripts of WATT-P set 50: 800 steps a batch",
        label=Text("Rounds"), help=Text("Each goes through all eight prompts and ends with an average."),
        slider=True, step=1, mark=Text("{} rounds"),
    )  # fmt: skip
    repeats: int = whole(
        2, 1, 10, "the authors' L",
        label=Text("Steps per prompt"), slider=True, step=1, mark=Text("{} steps per prompt"),
    )  # fmt: skip
    release: str = choice(
        "authors", RELEASES, "each batch starts anew; CLIPTTA's goes on, and contrasts images in place of captions",
        label=Text("WATT as in"), mark=lambda own: f"WATT {own.by}",
    )  # fmt: skip


class Watt(AdaptingMethod):
    """Both forms. Within a batch the state keeps where the round began, and how far its prompts have led so far.

    Adam's moments run through everything; in the first round of the authors' parallel form they start anew with each
    prompt. The prediction is made with the task's prototypes, as any other method's.
    """

    paper = "Osowiechi et al., WATT: Weight Average Test-Time Adaptation of CLIP, NeurIPS 2024"
    family = "captions"
    uses = ("learning_rate", "rate_halves")
    own = WattSettings
    parallel: ClassVar[bool]  # whether each prompt starts where the round began, or where the one before it ended

    @classmethod
    def steps(cls, outline: Outline) -> int:
        return outline.own.rounds * len(TEMPLATES) * outline.own.repeats

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        self.task.template_prototypes(TEMPLATES)
        state = self.fresh(state) if self.task.own.by_authors else state
        return state.keep(centre=state.values, moved=torch.zeros_like(state.values))

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        (turn, repeat), own = divmod(step, self.task.own.repeats), self.task.own
        part, template = divmod(turn, len(TEMPLATES))
        if self.parallel and repeat == 0:  # back to where the round began; the authors' first round with empty moments
            anew = self.fresh(state) if part == 0 and own.by_authors else state
            state = replace(anew, values=state.kept["centre"], kept=state.kept)
        passes = self.passes(self.parameters(state))
        features = passes.embed(batch.pixels)
        prototypes = self.task.template_prototypes(TEMPLATES)[template]
        captions = pseudo_captions(features.detach() @ prototypes.T, prototypes)
        logits, target = self.backbone.logit_scale * features @ captions.T, likeness(features, captions)
        loss = soft_targets_loss(logits, target.T) if own.by_authors else soft_targets_loss(logits, target, dim=0)
        cosines = features @ self.prototypes.T
        state, progress = self.descend(state, passes, {"contrastive": loss}, step, cosines)
        if repeat + 1 == own.repeats:
            state = self._noted(state, last_of_round=template + 1 == len(TEMPLATES))
        return (state if step + 1 < self.steps(self.task.outline) else replace(state, kept={})), progress

    def _noted(self, state: AdaptationState, last_of_round: bool) -> AdaptationState:
        """A prompt's way is noted; at the end of a round θ is their average."""
        centre = state.kept["centre"]
        moved = state.kept["moved"] + (state.values - centre) / len(TEMPLATES)
        if last_of_round:
            centre, moved = centre + moved, torch.zeros_like(moved)
            state = replace(state, values=centre)
        return state.keep(centre=centre, moved=moved)


@register
class WattP(Watt):
    """In parallel: the average of eight ways from one place."""

    name, label = "watt-p", "WATT-P"
    sentence = Text("Asks eight different prompts where to go, from one starting point, and goes to the middle.")
    colour, symbol, dash = "gold", "star", "dashdot"
    parallel = True


@register
class WattS(Watt):
    """One after the other: the average of eight stations of one way."""

    name, label = "watt-s", "WATT-S"
    sentence = Text("Lets eight different prompts lead one after the other, and settles in the middle of the way.")
    colour, symbol, dash = "brown", "triangle-down", "dashdot"
    parallel = False
