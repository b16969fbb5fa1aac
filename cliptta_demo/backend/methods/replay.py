"""Methods that learn from remembered images alone, on the base that :mod:`.memory` has.

RoTTA (Yuan et al. 2023): a slow teacher, a student, a balanced and recent memory. SoTTA (Gong et al. 2023): only images
of which the model is sure. STAMP (Yu et al. 2024): images whose prediction is stable, the surer with more weight.
"""

import math
import random
from collections import Counter
from functools import partial

import torch
from torch import Tensor

from cliptta_demo.backend.declare import choice, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Progress, Step
from cliptta_demo.backend.methods.losses import entropy_of_logits, entropy_of_probabilities, mean_entropy
from cliptta_demo.backend.methods.memory import Item, Remembering, RememberingSettings
from cliptta_demo.backend.methods.registry import definition, register
from cliptta_demo.languages import Text, say

# Inside the logarithm of the entropy, as RoTTA's and SoTTA's releases have it; and STAMP's.
EPSILON, STAMP_EPSILON = 1e-6, 1e-5
KEPT, ADDED = 0.9, 0.1  # of STAMP's counts per class, in both releases


class RottaSettings(RememberingSettings):
    """RoTTA's own settings."""

    release: str = definition("RoTTA", Text("CLIPTTA's takes the teacher's raw cosines for probabilities."))
    update_every: int = whole(
        64, 1, 1024, "its authors'",
        label=Text("Images between updates"), help=Text("The student learns each time that so many have come."),
        mark=Text("an update every {} images"),
    )  # fmt: skip
    teacher_rate: float = number(
        0.001, 0, 1, "its authors' ν",
        label=Text("ν, the teacher's pace"), help=Text("The share of the student in the teacher after each step."),
        mark="ν {:g}",
    )  # fmt: skip
    predicts: str = choice(
        "student", {"student": Text("The student"), "teacher": Text("The teacher")},
        "all methods show what has adapted; its authors show the teacher, who hardly moves in a short stream",
        label=Text("Who predicts"),
        mark=lambda own: say("the student predicts") if own.predicts == "student" else say("the teacher predicts"),
    )  # fmt: skip


@register
class Rotta(Remembering):
    """The memory has about as many images of each class, and lets the oldest and least sure go.

    Its authors show the student a strong augmentation, here the mirror image, and step once per update. Images join
    the memory once, as the teacher sees them before the steps; in CLIPTTA's comparison at every step, as they are.
    """

    name, label = "rotta", "RoTTA"
    sentence = Text("A slow teacher labels a balanced memory of recent images, and a quick student learns from it.")
    paper = "Yuan et al., Robust Test-Time Adaptation in Dynamic Scenarios, CVPR 2023"
    colour, symbol = "teal", "hexagon"
    own = RottaSettings
    kept_like_parameters = 1

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        own, steps = outline.own, cls.steps(outline)
        # At most: a small batch may come without an update. After the first step there is one update in each.
        looks, updates = (1, -(-batch_size // own.update_every)) if own.by_authors else (steps, 1)
        learnt = (updates + steps - 1) * own.capacity
        return Cost((looks + 1) * batch_size + learnt, learnt)

    def start(self) -> AdaptationState:
        return super().start().keep(teacher=self.backbone.source_parameters)

    def predictor(self, state: AdaptationState) -> Tensor:
        return state.kept["teacher"] if self.task.own.predicts == "teacher" else self.parameters(state)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        losses: dict[str, Tensor] = {}
        offered, every = state.kept["memory"].offered, self.task.own.update_every
        if step == 0 or not self.task.own.by_authors:
            state, losses = self._take_in(batch, state)
        elif offered // every > (offered - len(batch.images)) // every:  # an update fell into this batch
            state, losses = self._update(state)
        return state, Progress(step, batch.made["cosines"], None, losses)

    def _take_in(self, batch: Prepared, state: AdaptationState) -> tuple[AdaptationState, dict[str, Tensor]]:
        """Offers the batch to the memory, with an update each time that enough images have come."""
        cosines, own = self.look(batch, state.kept["teacher"]), self.task.own
        sure = self.backbone.logits(cosines).softmax(dim=1)
        uncertainty = entropy_of_probabilities(sure, EPSILON) if own.by_authors else entropy_of_logits(cosines)
        every, count, offered = own.update_every, len(cosines), state.kept["memory"].offered
        cuts = list(range(every - offered % every, count, every)) if own.by_authors else []
        losses: dict[str, Tensor] = {}
        for start, stop in zip([0, *cuts], [*cuts, count], strict=True):
            part = slice(start, stop)
            state = self.offer(batch, state, cosines[part].argmax(dim=1), uncertainty[part], self._admit, start)
            if state.kept["memory"].offered % every == 0:
                state, losses = self._update(state)
        return state, losses

    def _admit(self, items: list[Item], newcomer: Item) -> list[Item]:
        capacity, classes = self.task.own.capacity, len(self.prototypes)
        rivals = [item for item in items if item.label == newcomer.label]
        if len(rivals) < capacity / classes:
            if len(items) < capacity:
                return [*items, newcomer]
            sizes = Counter(item.label for item in items)
            largest = max(sizes.values())
            rivals = [item for item in items if sizes[item.label] == largest]

        def burden(item: Item) -> float:
            age = newcomer.arrival - item.arrival
            return 1 / (1 + math.exp(-age / capacity)) + item.uncertainty / (math.log(classes) or 1)

        worst = max(rivals, key=lambda item: (burden(item), item))
        if burden(worst) > burden(newcomer):
            items.remove(worst)
            items.append(newcomer)
        return items

    def _update(self, state: AdaptationState) -> tuple[AdaptationState, dict[str, Tensor]]:
        """One step of the student on the memory, and a small one of the teacher after it."""
        memory, teacher, own = state.kept["memory"], state.kept["teacher"], self.task.own
        losses = {}
        if memory.items:
            pixels, rows = self.backbone.normalise(memory.images), memory.rows()
            targets = self.predict(pixels, teacher)[rows]
            self.rest()
            ages = [(memory.offered - item.arrival) / own.capacity for item in memory.items]
            weights = torch.sigmoid(-torch.tensor(ages)).to(targets)
            targets = self.backbone.logits(targets).softmax(dim=1) if own.by_authors else targets

            def loss(cosines: Tensor) -> Tensor:
                logits = self.backbone.logits(cosines) if own.by_authors else cosines
                return -(weights * (targets * logits.log_softmax(dim=1)).sum(dim=1)).mean()

            seen = pixels.flip(-1) if own.by_authors else pixels
            state, losses["teacher"] = self.learn(state, seen, rows, loss)
            self.rest()
        moved = (1 - own.teacher_rate) * teacher + own.teacher_rate * self.parameters(state)
        return state.keep(teacher=moved), losses


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
        return self.offer(batch, state, predicted, uncertainty, partial(self._admit, self.chance(seed)))

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        memory, authors = state.kept["memory"], self.task.own.by_authors
        if not memory.items:
            return state, Progress(step, batch.made["cosines"])
        learnt = memory if authors else memory.only(memory.items[:1])

        def loss(cosines: Tensor) -> Tensor:
            logits = self.backbone.logits(cosines)
            return entropy_of_probabilities(logits.softmax(dim=1), EPSILON).mean() if authors else mean_entropy(logits)

        state, value = self.learn(state, self.backbone.normalise(learnt.images), learnt.rows(), loss, sharp=authors)
        return state, Progress(step, batch.made["cosines"], None, {"entropy": value})

    def _admit(self, chance: random.Random, items: list[Item], newcomer: Item) -> list[Item]:
        if len(items) < self.task.own.capacity:
            return [*items, newcomer]
        sizes = Counter(item.label for item in items)
        largest = sorted(label for label in sizes if sizes[label] == max(sizes.values()))
        label = newcomer.label if newcomer.label in largest else chance.choice(largest)
        mine = sorted(item for item in items if item.label == label)
        items.remove(mine[chance.randrange(len(mine))])
        return [*items, newcomer]


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

    Its authors look at random crops, here at the image and its mirror image, and let the learning rate fall. In
    CLIPTTA's comparison there is one view, the rate is constant, and the loss weighs entropies of unscaled cosines,
    nearly equal; its options are the comparison with the source model and a sharpness-aware step.
    """

    name, label = "stamp", "STAMP"
    sentence = Text("Replays images on which it still agrees with its former self, above all the surest.")
    paper = "Yu et al., STAMP: Outlier-Aware Test-Time Adaptation with Stable Memory Replay, ECCV 2024"
    colour, symbol = "brown", "cross"
    own = StampSettings
    kept_by_class = 8  # a number as an object takes 32 bytes

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        own, plain = outline.own, outline.own.release == "cliptta"
        looks = 1 + (not plain) + cls.steps(outline) * (1 + own.by_authors)
        return Cost(looks * batch_size, cls.steps(outline) * (2 - plain) * own.capacity)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        own, classes = self.task.own, len(self.prototypes)
        uncertainty = self._uncertainty(batch, self.parameters(state))
        uncertainty = torch.where(uncertainty < own.alpha * math.log(classes), uncertainty, torch.nan)
        sizes = state.kept.get("sizes", (0.0,) * classes)
        rule = partial(self._admit, self.chance(1_009 * seed + step), sizes)
        state = self.offer(batch, state, batch.made["cosines"].argmax(dim=1), uncertainty, rule)
        memory = state.kept["memory"]
        if not memory.items:
            return state, Progress(step, batch.made["cosines"])
        updates = state.kept.get("replays", 0)
        # How many of each class there were of late, in float32 as in the release: ties decide.
        counts = Counter(item.label for item in memory.items)
        added = torch.tensor([ADDED * counts[label] for label in range(classes)])
        sizes = tuple((KEPT * torch.tensor(sizes) + added).tolist())
        state = state.keep(sizes=sizes, replays=updates + 1)
        fallen = (1 + math.cos(math.pi * updates / own.schedule)) / 2 if own.by_authors else 1
        how = {"sharp": own.release != "cliptta", "pace": fallen}
        state, value = self.learn(state, self.backbone.normalise(memory.images), memory.rows(), self._loss, **how)
        return state, Progress(step, batch.made["cosines"], None, {"replay": value})

    def _uncertainty(self, batch: Prepared, parameters: Tensor) -> Tensor:
        """Entropies ``(N,)``, infinite where the source model predicts another class."""
        own = self.task.own
        cosines = self.look(batch, parameters)
        entropies = entropy_of_logits(self.backbone.logits(cosines))
        if own.by_authors:
            mirrored = self.predict(batch.pixels.flip(-1), parameters)
            self.rest()
            views = torch.stack([self.backbone.logits(view).softmax(dim=1) for view in (cosines, mirrored)]).mean(dim=0)
            batch.made["probabilities"] = views  # what its authors predict by
            entropies = entropy_of_probabilities(views, STAMP_EPSILON)
        if own.release == "cliptta":
            return entropies
        return torch.where(cosines.argmax(dim=1) == self.source_cosines(batch).argmax(dim=1), entropies, torch.inf)

    def _admit(self, chance: random.Random, sizes: tuple[float, ...], items: list[Item], newcomer: Item) -> list[Item]:
        if len(items) >= self.task.own.capacity:
            largest = max(sizes[item.label] for item in items)
            label = chance.choice(sorted({item.label for item in items if sizes[item.label] == largest}))
            items.remove(min(item for item in items if item.label == label))  # the oldest
        return [*items, newcomer]

    def _loss(self, cosines: Tensor) -> Tensor:
        entropies = entropy_of_logits(self.backbone.logits(cosines) if self.task.own.by_authors else cosines)
        weights = (-entropies).softmax(dim=0) * self.task.own.capacity
        return (weights * entropies).mean()
