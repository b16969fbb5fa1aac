"""SoTTA (Gong et al. 2023): learn only from images of which the model is sure, evenly over the classes."""

import random
from collections import Counter
from functools import partial

import torch
from torch import Tensor

from cliptta_demo.backend.declare import number
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Progress, Step
from cliptta_demo.backend.methods.losses import entropy_of_probabilities, mean_entropy
from cliptta_demo.backend.methods.registry import definition, register
from cliptta_demo.backend.methods.remembering import Item, Remembering, RememberingSettings
from cliptta_demo.languages import Text

EPSILON = 1e-6  # inside the logarithm of the entropy, as its authors' release has it


class SottaSettings(RememberingSettings):
    """SoTTA's own settings."""

    release: str = definition(
        "SoTTA",
        Text("CLIPTTA's learns from one image alone; as it is, from none."),
        **{"cliptta": Text("CLIPTTA's comparison, scaled"), "as-is": Text("CLIPTTA's, as it is")},
    )
    threshold: float = number(
        0.99, 0, 1, "its authors' for CIFAR-10; theirs for CIFAR-100 is 0.66, for ImageNet 0.33; CLIPTTA's 0.5",
        label=Text("Sure enough"), help=Text("The least confidence of an image that is remembered."), step=0.01,
        mark=Text("remembered from {:g}"),
    )  # fmt: skip


@register
class Sotta(Remembering):
    """A full memory lets a random image of its largest class go. The steps are sharpness-aware.

    In CLIPTTA's comparison the steps are plain, and on the first image in memory only; as it is, the threshold stands
    against a softmax of unscaled cosines, which never reaches it.
    """

    name, label = "sotta", "SoTTA"
    sentence = Text("Learns only from images of which it is already sure, so that strangers stay out.")
    paper = "Gong et al., SoTTA: Robust Test-Time Adaptation on Noisy Data Streams, NeurIPS 2023"
    colour, symbol = "gold", "star"
    own = SottaSettings

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        a_step = 2 * outline.own.capacity if outline.own.by_authors else 1
        return Cost(2 * batch_size, cls.steps(outline) * a_step)

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> AdaptationState:
        state = super().begin(batch, state, seed)
        cosines = self.look(batch, self.parameters(state))
        own = self.task.own
        scaled = cosines if own.release == "as-is" else self.backbone.logits(cosines)
        confidence, predicted = scaled.softmax(dim=1).max(dim=1)
        uncertainty = torch.where(confidence >= own.threshold, 1 - confidence, torch.nan)
        rule = partial(self._admit, self.chance(seed))
        first = self.first(batch, state)
        return state.keep(memory=state.kept["memory"].offer(batch.images, first, predicted, uncertainty, rule))

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        memory, authors = state.kept["memory"], self.task.own.by_authors
        if not memory.items:
            return state, Progress(step, batch.made["cosines"])
        learnt = memory if authors else memory.only(memory.items[:1])
        loss = self._entropy if authors else lambda cosines: mean_entropy(self.backbone.logits(cosines))
        state, value = self.learn(state, self.backbone.normalise(learnt.images), learnt.rows(), loss, sharp=authors)
        return state, Progress(step, batch.made["cosines"], None, {"entropy": value})

    def chance(self, seed: int) -> random.Random:
        """What chooses at random."""
        return random.Random(seed)

    def _admit(self, chance: random.Random, items: list[Item], newcomer: Item) -> list[Item]:
        if len(items) < self.task.own.capacity:
            return [*items, newcomer]
        sizes = Counter(item.label for item in items)
        largest = sorted(label for label in sizes if sizes[label] == max(sizes.values()))
        label = newcomer.label if newcomer.label in largest else chance.choice(largest)
        mine = sorted(item for item in items if item.label == label)
        gone = mine[chance.randrange(len(mine))]
        return [*(item for item in items if item is not gone), newcomer]

    def _entropy(self, cosines: Tensor) -> Tensor:
        probabilities = self.backbone.logits(cosines).softmax(dim=1)
        return entropy_of_probabilities(probabilities, EPSILON).mean()
