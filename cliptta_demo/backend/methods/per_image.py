"""One image at a time: many views of it, a few steps from the source model, a prediction, and all is forgotten.

The loop that TPT, R-TPT and RLCF share. Which parameters move, what the loss is and how the image is judged in the end
is for each of them to say.

Views are random crops, brought back to the image's size, some of them mirrored, drawn from a seed: the releases of TPT,
R-TPT, RLCF and ZERO look at each image through torchvision's ``RandomResizedCrop`` and ``RandomHorizontalFlip``, and at
the image itself; so do these.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from cliptta_demo.backend.declare import Declared, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Outline, Progress, adam_step
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import entropy_of_logits
from cliptta_demo.languages import Text

LEAST_SHARE = 0.08  # of the image's area in a crop; torchvision's default, as the next
WIDEST = 4 / 3  # the ratio of a crop's sides, at most


def draw_boxes(images: int, count: int, side: int, seed: int) -> Tensor:
    """Where the views lie: ``(images, count, 5)`` int64, each top, left, height, width, and 1 where it is mirrored.

    The first view of each image is the image. ``side``: of the images, in pixels.
    """
    generator = torch.Generator().manual_seed(seed)
    area, shape, down, across, mirrored = torch.rand(images, count, 5, generator=generator).unbind(-1)
    area = (LEAST_SHARE + (1 - LEAST_SHARE) * area) * side * side
    ratio = torch.exp((2 * shape - 1) * math.log(WIDEST))
    width = (area * ratio).sqrt().round().clamp(1, side)
    height = (area / ratio).sqrt().round().clamp(1, side)
    top, left = ((side - height + 1) * down).floor(), ((side - width + 1) * across).floor()
    boxes = torch.stack([top, left, height, width, mirrored.round()], dim=-1).long()
    boxes[:, 0] = torch.tensor([0, 0, side, side, 0])
    return boxes


def take_views(images: Tensor, boxes: Tensor) -> Tensor:
    """The views ``(N, V, 3, S, S)`` of ``(N, 3, S, S)`` images, each stretched to the image's size by nearest pixels.

    Args:
        boxes: ``(N, V, 5)``, see :func:`draw_boxes`.
    """
    side = images.shape[-1]
    places = torch.arange(side, device=images.device)
    # (N, V, 1) each
    top, left, height, width, mirrored = boxes.to(images.device, non_blocking=True)[..., None].unbind(-2)
    across = torch.where(mirrored == 1, side - 1 - places, places)
    rows, columns = top + places * height // side, left + across * width // side  # (N, V, S)
    image = torch.arange(len(images), device=images.device)[:, None, None, None]
    return images[image, :, rows[..., :, None], columns[..., None, :]].permute(0, 1, 4, 2, 3)


REPORTS = 8  # looks at a batch at work, at most; each shows the images done adapted and the others as they were
EPSILON = 1e-8  # of the releases' AdamW


class ViewSettings(Declared):
    """What the releases have in common: how many views, and which of them the steps learn from."""

    views: int = whole(
        64, 2, 256, "the releases'",
        label=Text("Views per image"), help=Text("The image and random crops of it."), mark=Text("{} views"),
    )  # fmt: skip
    share: float = number(
        0.1, 0.01, 1, "the releases'",
        label=Text("Share of views"), help=Text("That the steps learn from: those of lowest entropy."), step=0.05,
        mark=Text("{:g} of the views"),
    )  # fmt: skip

    @property
    def chosen(self) -> int:
        """How many views the steps learn from; rounded down, as in the releases."""
        return max(1, int(self.views * self.share))


class PerImage(Method):
    """Adapts to each image of a batch by itself. Nothing is carried on but the count of steps that were skipped.

    The method's own settings are :class:`ViewSettings` with ``steps``, and ``learning_rate`` where it is not the run's.
    A batch's progress is told in ``REPORTS`` parts: its "steps" are shares of its images, not of the optimiser.

    What each method says, for views ``(V, 3, S, S)`` of an image, itself the first, and ``seen`` ``(V, d)``, their
    embeddings under the source model:
        prompts(): unit embeddings ``(C, d)`` of the class prompts before any step.
        passes(values): passes through the tower that learns, at these values ``(P,)``.
        compare(passes, views, seen): cosines ``(V, C)`` with the classes, whose gradient finds its way through passes.
        terms(cosines, source): of the loss, by the chosen views' ``(V, C)`` cosines now and under the source model.
        judge(values, views, seen): cosines ``(C,)`` of the image at the values it ended with.
    """

    family = "single"
    by_window, follow, miss = False, Method.follow, Method.miss  # not even where θ is what moves
    weight_decay: ClassVar[float] = 0.01  # AdamW's own

    @classmethod
    def steps(cls, outline: Outline) -> int:
        return REPORTS

    def boxes(self, count: int, side: int, seed: int) -> Tensor:
        """Where the views of a batch's images lie, ``(count, views, 5)``; see :func:`draw_boxes`."""
        return draw_boxes(count, self.task.own.views, side, seed)

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress]:
        self.choose_piece(whole=False)
        state = replace(self.start(), skipped=state.skipped) if state is not None else self.start()
        pixels = self.backbone.normalise(images)
        boxes = self.boxes(len(pixels), pixels.shape[-1], seed)
        count = len(pixels)
        prompts = self.within_memory(count, self.prompts)
        self.rest()
        features = self.within_memory(count, self.embed, pixels)
        cosines = features @ prompts.T
        yield Progress(0, cosines)
        losses: list[dict[str, Tensor]] = []
        for index, end in enumerate(range(1, count + 1)):
            one = slice(index, end)
            given = pixels[one], boxes[one], features[one], prompts, state
            own, after, terms = self.within_memory(count, self.one_image, *given)
            state = replace(state, skipped=after.skipped)
            cosines = torch.cat([cosines[:index], own[None], cosines[end:]])
            losses.append(terms[-1])
            part = REPORTS * end // count
            if end < count and part > REPORTS * index // count:
                yield Progress(part, cosines, None, _means(losses))
            self.rest()
        yield Progress(REPORTS, cosines, after, _means(losses))

    def one_image(
        self, image: Tensor, boxes: Tensor, feature: Tensor, prompts: Tensor, state: AdaptationState
    ) -> tuple[Tensor, AdaptationState, list[dict[str, Tensor]]]:
        """All work on one image: cosines ``(C,)`` that it is predicted by, the state after it, each step's terms."""
        views = take_views(image, boxes)[0]
        seen = torch.cat([feature, self.embed(views[1:])])
        source = seen @ prompts.T
        surest = entropy_of_logits(self.backbone.logits(source)).argsort(stable=True)[: self.task.own.chosen]
        losses = []
        for _ in range(self.task.own.steps):
            self.rest()
            passes = self.passes(state.values)
            cosines = self.compare(passes, views[surest], seen[surest])
            terms = self.terms(cosines, source[surest])
            loss = torch.stack(list(terms.values())).sum()
            gradient = passes.gradient(loss)
            rate = (self.task.own if hasattr(self.task.own, "learning_rate") else self.settings).learning_rate
            how = {"weight_decay": self.weight_decay, "epsilon": EPSILON}
            state = adam_step(state, loss.detach(), gradient, rate, **how)
            losses.append({name: term.detach() for name, term in terms.items()})
        self.rest()
        cosines = self.judge(state.values, views, seen)
        return cosines, state, losses


def _means(losses: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([terms[name] for terms in losses]).mean() for name in losses[0]}
