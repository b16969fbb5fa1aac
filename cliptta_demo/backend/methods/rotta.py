"""RoTTA (Yuan et al. 2023): a slow teacher, a student, and a memory that is balanced, recent and sure."""

import math
from collections import Counter

import torch
from torch import Tensor

from cliptta_demo.backend.declare import choice, number, whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Progress, Step
from cliptta_demo.backend.methods.losses import entropy_of_logits, entropy_of_probabilities
from cliptta_demo.backend.methods.registry import definition, register
from cliptta_demo.backend.methods.remembering import Item, Remembering, RememberingSettings
from cliptta_demo.languages import Text, say

EPSILON = 1e-6  # inside the logarithm of the entropy, as its authors' release has it


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
    the memory once, as the teacher sees them before the steps; in CLIPTTA's comparison at every step, with no
    augmentation.
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
        if step == 0 or not self.task.own.by_authors:
            state, losses = self._take_in(batch, state)
        elif self._due(state.kept["memory"].offered, len(batch.images)):
            state, losses = self._update(state)
        return state, Progress(step, batch.made["cosines"], None, losses)

    def _due(self, offered: int, last: int) -> bool:
        """Whether an update fell among the ``last`` images that were offered."""
        every = self.task.own.update_every
        return offered // every > (offered - last) // every

    def _take_in(self, batch: Prepared, state: AdaptationState) -> tuple[AdaptationState, dict[str, Tensor]]:
        """Offers the batch to the memory, with an update each time that enough images have come."""
        cosines = self.look(batch, state.kept["teacher"])
        probabilities = self.backbone.logits(cosines).softmax(dim=1)
        uncertainty = entropy_of_probabilities(probabilities, EPSILON)
        uncertainty = uncertainty if self.task.own.by_authors else entropy_of_logits(cosines)
        every, count = self.task.own.update_every, len(cosines)
        offered, first = state.kept["memory"].offered, self.first(batch, state)
        cuts = list(range(every - offered % every, count, every)) if self.task.own.by_authors else []
        losses: dict[str, Tensor] = {}
        for start, stop in zip([0, *cuts], [*cuts, count], strict=True):
            part = slice(start, stop)
            told = (cosines[part].argmax(dim=1), uncertainty[part])
            memory = state.kept["memory"].offer(batch.images[part], first + start, *told, self._admit)
            state = state.keep(memory=memory)
            if memory.offered % every == 0:
                state, losses = self._update(state)
        return state, losses

    def _admit(self, items: list[Item], newcomer: Item) -> list[Item]:
        capacity = self.task.own.capacity
        classes = len(self.prototypes)
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
        if burden(worst) <= burden(newcomer):
            return items
        return [*(item for item in items if item is not worst), newcomer]

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
            targets = self.backbone.logits(targets).softmax(dim=1) if self.task.own.by_authors else targets

            def loss(cosines: Tensor) -> Tensor:
                logits = self.backbone.logits(cosines) if self.task.own.by_authors else cosines
                return -(weights * (targets * logits.log_softmax(dim=1)).sum(dim=1)).mean()

            seen = pixels.flip(-1) if self.task.own.by_authors else pixels
            state, losses["teacher"] = self.learn(state, seen, rows, loss)
            self.rest()
        moved = (1 - own.teacher_rate) * teacher + own.teacher_rate * self.parameters(state)
        return state.keep(teacher=moved), losses
