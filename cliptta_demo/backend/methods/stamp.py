"""STAMP (Yu et al. 2024): replay of images whose prediction is stable, with more weight on the surer ones."""

import math
import random
from collections import Counter
from functools import partial

import torch
from torch import Tensor

from cliptta_demo.backend.declare import number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Progress, Step
from cliptta_demo.backend.methods.losses import entropy_of_logits, entropy_of_probabilities
from cliptta_demo.backend.methods.registry import definition, register
from cliptta_demo.backend.methods.remembering import Item, Remembering, RememberingSettings
from cliptta_demo.languages import Text

EPSILON = 1e-5  # inside the logarithm of the entropy, as its authors' release has it
KEPT, ADDED = 0.9, 0.1  # of the counts per class, in both releases


class StampSettings(RememberingSettings):
    """STAMP's own settings."""

    release: str = definition(
        "STAMP",
        Text("CLIPTTA's minimises entropies of unscaled cosines."),
        **{"cliptta-sharp": Text("CLIPTTA's, with all options")},
    )
    alpha: float = number(
        0.5, 0, 1, "its authors' α; CLIPTTA's 0.45",
        label=Text("α, how sure"), help=Text("The most entropy of a remembered image, as a share of ln C."), step=0.01,
        mark="STAMP α {:g}",
    )  # fmt: skip
    schedule: int = whole(
        150, 1, 10000, "its authors'; for 1000 classes 750",
        label=Text("Steps until the rate is 0"), help=Text("The learning rate falls as a cosine."),
        mark=Text("rate 0 after {} steps"),
    )  # fmt: skip


@register
class Stamp(Remembering):
    """At each step the batch is offered to the memory again, so that an image may be held several times.

    Its authors look at random crops of an image, here at the image and its mirror image, and let the learning rate
    fall. In CLIPTTA's comparison there is one view, the rate is constant, and the entropies that the loss weighs are of
    unscaled cosines, nearly equal; its options are the comparison with the source model and a sharpness-aware step.
    """

    name, label = "stamp", "STAMP"
    sentence = Text("Replays images on which it still agrees with its former self, above all the surest.")
    paper = "Yu et al., STAMP: Outlier-Aware Test-Time Adaptation with Stable Memory Replay, ECCV 2024"
    colour, symbol = "brown", "cross"
    own = StampSettings
    kept_by_class = 8  # a number as an object takes 32 bytes

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        own = outline.own
        plain = own.release == "cliptta"
        looks = 1 + (not plain) + cls.steps(outline) * (1 + own.by_authors)
        return Cost(looks * batch_size, cls.steps(outline) * (2 - plain) * own.capacity)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        own, classes = self.task.own, len(self.prototypes)
        uncertainty = self._uncertainty(batch, self.parameters(state))
        uncertainty = torch.where(uncertainty < own.alpha * math.log(classes), uncertainty, torch.nan)
        sizes = state.kept.get("sizes", (0.0,) * classes)
        rule = partial(self._admit, self.chance(seed, step), sizes)
        told = (self.first(batch, state), batch.made["cosines"].argmax(dim=1), uncertainty)
        memory = state.kept["memory"].offer(batch.images, *told, rule)
        state = state.keep(memory=memory)
        if not memory.items:
            return state, Progress(step, batch.made["cosines"])
        updates = state.kept.get("replays", 0)
        state = state.keep(sizes=self._smoothed(sizes, memory.items), replays=updates + 1)
        fallen = (1 + math.cos(math.pi * updates / own.schedule)) / 2 if own.by_authors else 1
        how = {"sharp": own.release != "cliptta", "learning_rate": fallen * self.rate(state)}
        state, value = self.learn(state, self.backbone.normalise(memory.images), memory.rows(), self._loss, **how)
        return state, Progress(step, batch.made["cosines"], None, {"replay": value})

    def chance(self, seed: int, step: int) -> random.Random:
        """What chooses at random."""
        return random.Random(1_009 * seed + step)

    def _uncertainty(self, batch: Prepared, parameters: Tensor) -> Tensor:
        """Entropies ``(N,)``, infinite where the source model predicts another class."""
        own = self.task.own
        cosines = self.look(batch, parameters)
        entropies = entropy_of_logits(self.backbone.logits(cosines))
        if own.by_authors:
            mirrored = self.predict(batch.pixels.flip(-1), parameters)
            self.rest()
            views = torch.stack([self.backbone.logits(view).softmax(dim=1) for view in (cosines, mirrored)])
            entropies = entropy_of_probabilities(views.mean(dim=0), EPSILON)
        if own.release == "cliptta":
            return entropies
        source = self.source_cosines(batch)
        return torch.where(cosines.argmax(dim=1) == source.argmax(dim=1), entropies, torch.inf)

    def _admit(self, chance: random.Random, sizes: tuple[float, ...], items: list[Item], newcomer: Item) -> list[Item]:
        if len(items) >= self.task.own.capacity:
            held = sorted({item.label for item in items})
            largest = max(sizes[label] for label in held)
            label = chance.choice([label for label in held if sizes[label] == largest])
            oldest = min(item for item in items if item.label == label)
            items = [item for item in items if item is not oldest]
        return [*items, newcomer]

    def _smoothed(self, sizes: tuple[float, ...], items: tuple[Item, ...]) -> tuple[float, ...]:
        """How many of each class there were of late, in float32 as in the release: ties decide."""
        counts = Counter(item.label for item in items)
        added = torch.tensor([ADDED * counts[label] for label in range(len(sizes))])
        return tuple((KEPT * torch.tensor(sizes) + added).tolist())

    def _loss(self, cosines: Tensor) -> Tensor:
        scaled = self.task.own.by_authors
        entropies = entropy_of_logits(self.backbone.logits(cosines) if scaled else cosines)
        weights = (-entropies).softmax(dim=0) * self.task.own.capacity
        return (weights * entropies).mean()
