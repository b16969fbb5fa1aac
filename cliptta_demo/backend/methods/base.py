"""What every method is: a small object with one ``adapt(images, state, seed)``, and what its class says of itself.

``adapt`` is a generator. It yields one :class:`Progress` per step and a last one with the prediction made *after* the
steps, and None where a step rests between two pieces. Only what the last Progress carries is the method's new state:
whoever stops early keeps the old one.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from cliptta_demo.backend.errors import DoesNotFit
from cliptta_demo.backend.methods.adaptation import (
    AdaptationState,
    Cost,
    Prepared,
    Progress,
    Step,
    adam_step,
    falling_rate,
)
from cliptta_demo.backend.methods.chosen import with_chosen
from cliptta_demo.backend.methods.losses import marginal_entropy
from cliptta_demo.backend.methods.task import Outline, Task
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.device_memory import is_out_of_memory
from cliptta_demo.backend.models.pieces import Passes, embed_in_pieces
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.backend.work import T, Work
from cliptta_demo.languages import say


class Method:
    """A way to predict a stream of batches.

    What a class says of itself:
        name: in links, on the command line, in results. label, sentence: for people.
        paper: where it is from, the year at its end.
        family: one of :data:`.registry.FAMILIES`; methods of one family stand together.
        colour, symbol, dash: how it is drawn, see :mod:`.looks`; a colour or symbol that another has is exchanged.
        uses: the fields of :class:`AdaptationSettings` that it uses; own: a class of settings of its own, see
            :mod:`backend.declare`.
        adapts: whether normalisation parameters move. by_window: whether it can adapt to several batches together.
        uses_threshold: whether it decides itself what is ID.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    sentence: ClassVar[str]
    paper: ClassVar[str]
    family: ClassVar[str]
    colour: ClassVar[str]
    symbol: ClassVar[str]
    dash: ClassVar[str] = "solid"
    uses: ClassVar[tuple[str, ...]] = ()
    own: ClassVar[type | None] = None
    adapts: ClassVar[bool] = False
    by_window: ClassVar[bool] = False
    uses_threshold: ClassVar[bool] = False

    def __init__(self, task: Task) -> None:
        self.task = task
        self.backbone = task.backbone
        self.prototypes = task.prototypes
        self.settings = task.settings
        self.at_once = task.images_at_once
        self.piece = 2**30  # images in one pass on the present batch

    @classmethod
    def outline(cls, settings: RunSettings, classes: int) -> Outline:
        """Its task in a run."""
        own = settings.own.get(cls.name)
        return Outline(settings=with_chosen(settings.adaptation, cls.name), classes=classes, own=own)

    @classmethod
    def steps(cls, outline: Outline) -> int:
        """How many steps a batch takes."""
        return 0

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        """What a batch takes."""
        return Cost(batch_size)

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        """What is kept between two batches, at most: images as the stream delivers them, and bytes beside them."""
        return 0, 0

    @classmethod
    def clean_batches(cls, outline: Outline) -> int:
        """How many of :attr:`.Task.clean_images` it wants on a run's first batch; they go there and back."""
        return 0

    def start(self) -> AdaptationState | None:
        """The state before the first batch; None for a method that keeps none."""
        return None

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress | None]:
        """Adapts to ``(N, 3, S, S)`` images and predicts them; see the module's text. As it is: without steps.

        Args:
            images: uint8, or float already normalised; in the order of the stream.
            state: where the last batch ended.
            seed: of the method's own random choices on this batch.
        """
        self.choose_piece(whole=False)
        yield (yield from self.within_memory(len(images), self.answer, images, state, seed))

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Work[Progress]:
        """All that a method without steps says of a batch; arguments as for :meth:`adapt`."""
        raise NotImplementedError

    def threshold(self, state: AdaptationState | None) -> Tensor | None:
        """The ID score that splits ID from OOD, where ``uses_threshold``; None: Otsu's of the batch's scores."""
        return None

    def skipped(self, state: AdaptationState | None) -> int:
        """Optimiser steps skipped so far because a number was not finite."""
        return int(state.skipped) if state is not None else 0

    def drift(self, state: AdaptationState | None) -> tuple[float, ...]:
        """How far each normalisation layer has moved from the source model (root mean square), input to output."""
        return (0.0,) * len(self.backbone.layout.layers)

    def embed(self, images: Tensor, parameters: Tensor | None = None) -> Work[Tensor]:
        """Unit embeddings ``(N, d)`` under θ (None: the source model's), without a graph."""
        return (yield from embed_in_pieces(self.backbone, images, parameters, self.piece))

    def predict(self, images: Tensor, parameters: Tensor | None = None) -> Work[Tensor]:
        """Cosines ``(N, C)`` under θ (None: the source model's), without a graph."""
        features = yield from self.embed(images, parameters)
        with torch.no_grad():
            return features @ self.prototypes.T

    def choose_piece(self, whole: bool) -> None:
        """Settles how many images make a pass on the next batch, by what memory is free; ``whole``: it can't be cut."""
        self.piece = 2**30 if whole else min(self.at_once or 2**30, self.backbone.images_that_fit())

    def within_memory(self, count: int, work: Callable[..., Work[T]], *given: Any) -> Work[T]:
        """``work(*given)``; where memory runs out, again in smaller pieces. Nothing has changed until a step returns.

        The pieces stay small for this run alone, since they may change the last bits of its numbers.
        """
        device = self.backbone.device
        while True:
            try:
                return (yield from work(*given))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the except block, whose traceback would keep the activations alive.
            torch.cuda.empty_cache()  # does nothing where there is no GPU
            self.piece = self.at_once = min(count + self.settings.memory_sample, self.piece) // 2
            if not self.piece or self.backbone.mixes_images:
                raise DoesNotFit(
                    say("{count} images do not fit into the memory of {device}.", count=count, device=device)
                    + " "
                    + say("Choose a smaller batch size or a smaller backbone.")
                )


class AdaptingMethod(Method):
    """Moves the normalisation parameters of the image tower: forward, loss, Adam step, and a fresh forward pass.

    Most methods have only to say what their loss is, in :meth:`terms`; others have a :meth:`step` of their own, or
    something to do before a batch's first step, in :meth:`begin`. The values of the state begin with θ ``(P,)``; a
    method may add others to them in :meth:`start`.

    Attributes:
        kept_like_parameters: vectors ``(P,)`` that it keeps beside the optimiser's; kept_by_class: numbers per class.
    """

    adapts = by_window = True
    uses = ("learning_rate", "rate_halves", "steps")
    kept_like_parameters: ClassVar[int] = 0
    kept_by_class: ClassVar[int] = 0

    @classmethod
    def steps(cls, outline: Outline) -> int:
        return outline.settings.steps

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(batch_size, cls.steps(outline) * batch_size)

    @classmethod
    def keeps(cls, outline: Outline, backbone: Backbone) -> tuple[int, int]:
        vectors = 3 * (backbone.layout.size + 1)  # θ, perhaps one number more, and two moments
        return 0, 4 * (vectors + cls.kept_like_parameters * backbone.layout.size + cls.kept_by_class * outline.classes)

    def start(self) -> AdaptationState:
        return AdaptationState.start(self.backbone.source_parameters)

    def parameters(self, state: AdaptationState) -> Tensor:
        """θ ``(P,)``."""
        return state.values[: len(self.backbone.source_parameters)]

    def predictor(self, state: AdaptationState) -> Tensor:
        """θ ``(P,)`` of the prediction after the steps."""
        return self.parameters(state)

    def drift(self, state: AdaptationState) -> tuple[float, ...]:
        moved = self.parameters(state) - self.backbone.source_parameters
        return tuple(self.backbone.layout.root_mean_squares(moved).tolist())

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress | None]:
        self.choose_piece(whole=self.backbone.mixes_images)
        state = state or self.start()
        batch = Prepared(self.backbone, images)
        state = yield from self.within_memory(len(images), self.begin, batch, state, seed)
        steps = self.steps(self.task.outline)
        for step in range(steps):
            state, progress = yield from self.within_memory(len(images), self.step, batch, state, step, seed)
            yield progress
        cosines = yield from self.within_memory(len(images), self.predict, batch.pixels, self.predictor(state))
        yield Progress(steps, cosines, state)

    def follow(
        self, window: Tensor, count: int, full: bool, state: AdaptationState | None, seed: int
    ) -> Iterator[Progress | None]:
        """Predicts the ``count`` newest of a window's images ``(N, 3, S, S)``; adapts to all of them once it is full.

        In between nothing moves. Source: ``WINDOW_LENGTH`` in mariodoebler/test-time-adaptation.
        """
        state = state or self.start()
        if full:
            for progress in self.adapt(window, state, seed):
                yield progress and progress.of_newest(count)
            return
        self.choose_piece(whole=self.backbone.mixes_images)
        batch = Prepared(self.backbone, window if self.backbone.mixes_images else window[-count:])
        cosines = yield from self.within_memory(len(batch.pixels), self.predict, batch.pixels, self.predictor(state))
        yield Progress(0, cosines, state).of_newest(count)

    def rate(self, state: AdaptationState) -> float | Tensor:
        """The learning rate of the next step; where it falls, it is counted from the start or the last reset."""
        settings = self.settings
        return falling_rate(settings.learning_rate, settings.rate_halves, state.updates, self.steps(self.task.outline))

    def begin(self, batch: Prepared, state: AdaptationState, seed: int) -> Work[AdaptationState]:
        """What comes before the first step on a batch; the state that the steps start from."""
        return state
        yield  # work that never rests

    def fresh(self, state: AdaptationState) -> AdaptationState:
        """The start once more, for a method that forgets each batch; what was skipped stays counted."""
        return replace(self.start(), skipped=state.skipped)

    def source_cosines(self, batch: Prepared) -> Work[Tensor]:
        """Cosines ``(N, C)`` under the source model, made once for all steps.

        They go the way of those that learn, so that both are equal to the bit before the first step.
        """
        if "source" not in batch.made:
            passes = Passes(self.backbone, self.backbone.source_parameters, self.piece)
            batch.made["source"] = (yield from passes.embed(batch.pixels)).detach() @ self.prototypes.T
        yield from self.rest()
        return batch.made["source"]

    def rest(self) -> Work[None]:
        """Between two passes, where the work is cut into turns."""
        if self.at_once:
            yield

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        """One optimiser step on one batch; ``step`` counts from 0 within it."""
        passes = self.passes(self.parameters(state))
        features = yield from passes.embed(batch.pixels)
        cosines = features @ self.prototypes.T
        return (yield from self.descend(state, passes, self.terms(features, cosines), step, cosines))

    def terms(self, features: Tensor, cosines: Tensor) -> dict[str, Tensor]:
        """The weighted terms of the loss, scalars by name.

        Args:
            features: ``(N, d)`` unit embeddings of the batch; cosines: ``(N, C)``, theirs with the prototypes.
        """
        raise NotImplementedError

    def passes(self, parameters: Tensor) -> Passes:
        """Passes through the tower at θ ``(P,)``, and the way back to it."""
        return Passes(self.backbone, parameters, self.piece)

    def descend(
        self,
        state: AdaptationState,
        passes: Passes,
        terms: dict[str, Tensor],
        step: int,
        cosines: Tensor,
        *others: Tensor,
        taken: Tensor | None = None,
    ) -> Step:
        """Adam on the sum of the terms, which came from ``passes``, and what there is to see of the step.

        Args:
            others: leaves beside θ, the rest of the state's values in their order.
            taken: scalar bool; where it is false, no step is taken. None: true.
        """
        progress = Progress(step, cosines.detach(), None, {name: term.detach() for name, term in terms.items()})
        if not terms:  # every weight is 0: nothing to descend
            return state, progress
        loss = torch.stack(list(terms.values())).sum()
        gradient = yield from passes.gradient(loss, *others)
        return adam_step(state, loss.detach(), gradient, self.rate(state), taken=taken), progress

    def regulariser(self, cosines: Tensor, weight: float) -> dict[str, Tensor]:
        """The term ``−λ_reg · H(mean_i p_i)`` of ``(N, C)`` cosines; none where λ_reg is 0."""
        return {"regulariser": -weight * marginal_entropy(self.backbone.logits(cosines))} if weight > 0 else {}
