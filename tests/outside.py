"""Two methods, an ID score, a corruption and a kind of data set as somebody else would add them: one file, one import.

As a plugin, a file that is loaded under another name, it adds them at once.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from cliptta_demo.backend.corruptions import CORRUPTIONS, Corruption, register_corruption
from cliptta_demo.backend.corruptions.constants import PUBLISHED, Setting
from cliptta_demo.backend.data.catalog import SOURCES, register_source
from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.declare import Declared, choice, number, switch, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Progress, Step, adam_step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import ID_SCORES, entropy_of_logits, register_score
from cliptta_demo.backend.methods.registry import METHODS, register
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Passes


class CacheSettings(Declared):
    """Settings of its own, one of each kind."""

    shots: int = whole(3, 1, 16, "the paper's", label="Shots", help="Kept per class.", mark="{} features")
    weight: float = number(2.0, 0, 10, label="Weight", option="lambda-cache", mark="cache {:g}")
    mode: str = choice("sum", {"sum": "Sum", "mean": "Mean"}, label="Mode", restart="the cache's mode")
    frozen: bool = switch(False, label="Frozen")


class FeatureCache(Method):
    """Moves nothing: the surest features seen so far, class by class, add to the logits. In the manner of TDA.

    Its prediction is no cosines; images are taken in their order.
    """

    name, label = "feature-cache", "Feature cache"
    sentence = "Remembers the surest images of each class and asks them too."
    paper, family = "Karmanov et al., Efficient Test-Time Adaptation of Vision-Language Models, CVPR 2024", "cache"
    colour, symbol = "blue", "diamond"  # CLIPTTA has them already
    own = CacheSettings

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        return 0, 4 * outline.own.shots * outline.classes * (backbone.dimension + 4)

    def start(self) -> AdaptationState:
        keys = self.prototypes[:0].clone()
        cache = (keys, torch.zeros(0, dtype=torch.int64, device=keys.device), keys.new_zeros(0))
        return AdaptationState.start(keys.new_zeros(0), {"cache": cache, "seen": 0})

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
        state = state or self.start()
        features = self.embed(images)
        settings, logits, cache = self.task.own, [], state.kept["cache"]
        weight = settings.weight / (settings.shots if settings.mode == "mean" else 1)
        for feature in features:
            own = self.backbone.logits(feature @ self.prototypes.T)
            cache = cache if settings.frozen else self._insert(cache, feature, own)
            keys, labels, _ = cache
            near = weight * (-5 * (1 - keys @ feature)).exp()
            logits.append(own.index_add(0, labels, near))
        state = state.keep(cache=cache, seen=state.kept["seen"] + len(images))
        return Progress(0, None, state, logits=torch.stack(logits))

    def _insert(self, cache: tuple[Tensor, ...], feature: Tensor, logits: Tensor) -> tuple[Tensor, ...]:
        new = (feature, logits.argmax(), entropy_of_logits(logits))
        keys, labels, entropies = (torch.cat([old, one[None]]) for old, one in zip(cache, new, strict=True))
        mine = (labels == new[1]).nonzero()[:, 0]
        kept = torch.ones_like(labels, dtype=torch.bool)
        kept[mine[entropies[mine].argsort(stable=True)[self.task.own.shots :]]] = False
        return keys[kept], labels[kept], entropies[kept]


class Sharp(AdaptingMethod):
    """TENT with a sharpness-aware step (Foret et al. 2021), as SAR has it; two steps whatever is asked for."""

    name, label = "sharp", "Sharpness-aware"
    sentence = "Looks for parameters in whose whole neighbourhood predictions are sure."
    paper, family = "Niu et al., Towards Stable Test-Time Adaptation in Dynamic Wild World, ICLR 2023", "normalisation"
    colour, symbol = "purple", "star"
    uses = ("learning_rate",)

    @classmethod
    def steps(cls, outline: Outline) -> int:
        return 2

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(batch_size, 2 * cls.steps(outline) * batch_size)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        here = self.passes(self.parameters(state))
        loss, cosines = self._entropy(here, batch.pixels)
        slope = here.gradient(loss)
        there = self.passes(self.parameters(state) + 0.05 * slope / (slope.norm() + 1e-12))
        loss, _ = self._entropy(there, batch.pixels)
        gradient = there.gradient(loss)
        loss = loss.detach()
        average = 0.9 * state.kept["average"] + 0.1 * loss if "average" in state.kept else loss
        state = adam_step(state, loss, gradient, self.settings.learning_rate).keep(average=average)
        return state, Progress(step, cosines.detach(), None, {"entropy": loss})

    def _entropy(self, passes: Passes, pixels: Tensor) -> tuple[Tensor, Tensor]:
        cosines = passes.embed(pixels) @ self.prototypes.T
        return entropy_of_logits(self.backbone.logits(cosines)).mean(), cosines


def margin(cosines: Tensor) -> Tensor:
    """How far the nearest class is ahead of the second."""
    best = cosines.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def darken(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Night falls."""
    return (images.float() * setting.values[0]).round().to(torch.uint8)


def grey(name: str, class_names: Sequence[str] | None) -> GivenImages:
    """Forty images of one grey level or another, ``dark`` or ``light``."""
    labels = torch.arange(40) % 2
    pixels = (60 + 120 * labels).to(torch.uint8)[:, None, None, None].expand(-1, 3, int(name), int(name))
    return GivenImages(pixels, tuple(class_names or ("dark", "light")), labels)


def add_all() -> None:
    """What an import would do."""
    register(FeatureCache)
    register(Sharp)
    register_score("margin")(margin)
    register_source("grey:", grey, place="SIDE", visitors=True)
    night = tuple((share,) for share in (0.8, 0.6, 0.45, 0.3, 0.2))
    register_corruption(Corruption("night", "weather", darken), {side: night for side in (32, 64, 224)})


@contextmanager
def added() -> Iterator[None]:
    """For as long as the block lasts they are there."""
    add_all()
    try:
        yield
    finally:
        added = (METHODS, "feature-cache"), (METHODS, "sharp"), (ID_SCORES, "margin"), (SOURCES, "grey:")
        for registry, name in added:
            del registry[name]
        del CORRUPTIONS["night"], PUBLISHED["night"]


if __name__ != "outside":
    add_all()
