"""What every method is: a small object with one ``adapt(images, state, seed)``, and what its class says of itself.

``adapt`` is a generator. It yields one :class:`Progress` per step and a last one with the prediction made *after* the
steps. Only what the last Progress carries is the method's new state: whoever stops early keeps the old one. Whatever
takes long calls ``rest()`` between two pieces.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from cliptta_demo.backend.errors import DoesNotFit
from cliptta_demo.backend.methods.adaptation import (
    AdaptationState,
    Cost,
    Outline,
    Progress,
    Task,
)
from cliptta_demo.backend.methods.recorded import with_chosen
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import embed_in_pieces, is_out_of_memory
from cliptta_demo.backend.settings import RunSettings

T = TypeVar("T")
MOST_VIEWS = 256  # of an image, in one pass
THERE_AND_BACK = 3  # prompts that only go forward, which one with its graph is worth in time and memory


class Method:
    """A way to predict a stream of batches.

    What a class says of itself:
        name: in links, on the command line, in results. label, sentence: for people.
        paper: where it is from, the year at its end.
        family: one of :data:`.registry.FAMILIES`; methods of one family stand together.
        colour, symbol, dash: how it is drawn, see :mod:`.registry`; a colour or symbol that another has is exchanged.
        uses: the fields of :class:`AdaptationSettings` that it reads; own: a class of settings of its own, see
            :mod:`backend.declare`.
        adapts: whether normalisation parameters move. by_window: whether it can adapt to several batches together.
        uses_threshold: whether it decides itself what is ID. own_scores: whether its ID scores are its own too, rather
            than those that the settings name.
        note: a sentence for whoever runs it on this backbone; "" where there is nothing to be said.
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
    own_scores: ClassVar[bool] = False
    note = ""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.backbone = task.backbone
        self.prototypes = task.prototypes
        self.settings = task.settings
        self.rest = task.rest
        self.at_once = task.images_at_once
        self.piece = 2**30  # images in one pass on the present batch

    @classmethod
    def outline(cls, settings: RunSettings, classes: int) -> Outline:
        """Its task in a run."""
        settings = with_chosen(settings, cls.name)
        return Outline(settings=settings.adaptation, classes=classes, own=settings.own.get(cls.name))

    @classmethod
    def steps(cls, outline: Outline) -> int:
        """How many steps a batch takes."""
        return 0

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        """What a batch takes."""
        return Cost(batch_size)

    @classmethod
    def predicts_early(cls, outline: Outline) -> bool:
        """Whether a batch's prediction is one that its last update had no part in."""
        return False

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

    def adapt(self, images: Tensor, state: AdaptationState | None, seed: int) -> Iterator[Progress]:
        """Adapts to ``(N, 3, S, S)`` images and predicts them; see the module's text. As it is: without steps.

        Args:
            images: uint8, or float already normalised; in the order of the stream.
            state: where the last batch ended.
            seed: of the method's own random choices on this batch.
        """
        self.choose_piece(whole=False)
        yield self.within_memory(len(images), self.answer, images, state, seed)

    def follow(
        self, window: Tensor, count: int, full: bool, state: AdaptationState | None, seed: int
    ) -> Iterator[Progress]:
        """Predicts the ``count`` newest of a window's images ``(N, 3, S, S)``; here with no window at all.

        Args:
            full: whether these complete the window; others as for :meth:`adapt`.
        """
        return self.adapt(window[-count:], state, seed)

    def miss(self, window: Tensor, count: int, state: AdaptationState | None) -> Iterator[Progress]:
        """Predicts the ``count`` newest of a window's images ``(N, 3, S, S)`` that arrive while it is busy: by what it
        has learnt, and learns nothing. Here, where nothing is learnt that lasts, as zero-shot does.
        """
        self.choose_piece(whole=False)
        yield self.within_memory(count, self.answer_as_it_is, window[-count:], state)

    def answer_as_it_is(self, images: Tensor, state: AdaptationState | None) -> Progress:
        """What it says of a batch ``(N, 3, S, S)`` that it has no time for; the state stays."""
        features = embed_in_pieces(self.task.backbone.embed, images, None, self.piece, self.rest)
        return Progress(0, features @ self.prototypes.T, state)

    def answer(self, images: Tensor, state: AdaptationState | None, seed: int) -> Progress:
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

    def embed(self, images: Tensor, parameters: Tensor | None = None) -> Tensor:
        """Unit embeddings ``(N, d)`` under θ (None: the source model's), without a graph."""
        return embed_in_pieces(self.backbone.embed, images, parameters, self.piece, self.rest)

    def predict(self, images: Tensor, parameters: Tensor | None = None) -> Tensor:
        """Cosines ``(N, C)`` under θ (None: the source model's), without a graph."""
        features = self.embed(images, parameters)
        with torch.no_grad():
            return features @ self.prototypes.T

    def choose_piece(self, whole: bool) -> None:
        """Settles how many images make a pass on the next batch, by what memory is free; ``whole``: it can't be cut."""
        self.piece = 2**30 if whole else min(self.at_once or 2**30, self.backbone.images_that_fit())

    def within_memory(self, count: int, work: Callable[..., T], *given: Any) -> T:
        """``work(*given)``; where memory runs out, again in smaller pieces. Nothing has changed until a step returns.

        The pieces stay small for this run alone, since they may change the last bits of its numbers.
        """
        device = self.backbone.device
        while True:
            try:
                return work(*given)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the except block, whose traceback would keep the activations alive.
            torch.cuda.empty_cache()  # does nothing where there is no GPU
            self.piece = self.at_once = min(2 * max(count, MOST_VIEWS), self.piece) // 2
            if not self.piece or self.backbone.mixes_images:
                raise DoesNotFit(
                    "{count} images do not fit into the memory of {device}. Choose a smaller batch size or a smaller "
                    "backbone.",
                    count=count,
                    device=device,
                )
