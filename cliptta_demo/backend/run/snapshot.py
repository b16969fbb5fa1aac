"""From what a method yields on the present batch, whichever way it predicts, to plain numbers and small arrays.

A snapshot is all that a page, an export or a test needs of a run. Nothing downstream of it touches a model.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import Progress
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Rest
from cliptta_demo.backend.run.metrics import Tally, entropy_of
from cliptta_demo.languages import Text, say_count


@dataclass(frozen=True)
class BatchView:
    """What one method says of the batch at hand.

    Attributes:
        predicted: ``(N,)`` int64 classes.
        confidence: ``(N,)`` float32, the largest class probability, 0 to 1.
        likeliest, likelihoods: ``(N, K)`` classes, at most five, the likeliest first, and their probabilities.
        scores: ``(N,)`` float32 ID scores, higher means more in-distribution.
        histogram: ``(C,)`` int64 predictions of this batch, strangers left out.
        accuracy: of the labelled ID images of the batch, 0 to 1; None without labels.
        collapse_entropy: entropy in nats of the batch's mean class probabilities; ceiling ln C.
        cosines: ``(N, C)`` float32 cosines of images and class prototypes; None of a method that has none.
        entropy: mean entropy in nats of the single predictions.
    """

    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    likeliest: NDArray[np.int64]
    likelihoods: NDArray[np.float32]
    scores: NDArray[np.float32]
    histogram: NDArray[np.int64]
    accuracy: float | None
    collapse_entropy: float
    cosines: NDArray[np.float32] | None
    entropy: float


@dataclass(frozen=True)
class Series:
    """One value per batch so far, for the curves. None where a batch had no labels.

    Attributes:
        accuracy: running accuracy after each batch; batch_accuracy: of each batch alone.
        collapse_entropy: nats; largest_class_share: of each batch's predictions, 0 to 1.
        deterioration, improvement: running ratios; seconds: each batch's cost.
        agreement: share of each batch's answers that are zero-shot's; confidence: their mean; both 0 to 1, and there
            without labels too. missed: whether the batch came while the method was busy with an earlier one.
    """

    accuracy: tuple[float | None, ...] = ()
    batch_accuracy: tuple[float | None, ...] = ()
    collapse_entropy: tuple[float, ...] = ()
    largest_class_share: tuple[float, ...] = ()
    deterioration: tuple[float | None, ...] = ()
    improvement: tuple[float | None, ...] = ()
    seconds: tuple[float, ...] = ()
    agreement: tuple[float, ...] = ()
    confidence: tuple[float, ...] = ()
    missed: tuple[bool, ...] = ()

    def add(
        self, tally: Tally, view: BatchView, zero_shot: NDArray[np.int64], seconds: float, missed: bool
    ) -> "Series":
        """One batch more: its view, the counts that include it, zero-shot's classes ``(N,)``, and what it took."""
        shown = view.histogram.sum()
        return Series(
            accuracy=(*self.accuracy, tally.accuracy),
            batch_accuracy=(*self.batch_accuracy, view.accuracy),
            collapse_entropy=(*self.collapse_entropy, view.collapse_entropy),
            largest_class_share=(*self.largest_class_share, float(view.histogram.max() / shown) if shown else 0.0),
            deterioration=(*self.deterioration, tally.deterioration),
            improvement=(*self.improvement, tally.improvement),
            seconds=(*self.seconds, seconds),
            agreement=(*self.agreement, float((view.predicted == zero_shot).mean())),
            confidence=(*self.confidence, float(view.confidence.mean())),
            missed=(*self.missed, missed),
        )


@dataclass(frozen=True, kw_only=True)
class MethodSnapshot(Tally):
    """One method after a whole batch: the counts over the stream so far, and what else there is to tell.

    Attributes:
        batch: its view of this batch, after adapting.
        threshold: what splits ID from OOD: the method's own, or Otsu's threshold of this batch's scores.
        kept_bytes: what the method keeps for the next batch.
        skipped_steps: optimiser steps skipped so far because a number was not finite.
        resets: how often it started from the source model again.
        losses: the loss terms of the batch's last step, those that are finite.
        drift: for each of the snapshot's layers, how far its weight and bias have moved (root mean square).
        series: one value per batch.
    """

    batch: BatchView
    threshold: float
    kept_bytes: int
    skipped_steps: int
    resets: int
    losses: dict[str, float]
    drift: tuple[float, ...]
    series: Series


@dataclass(frozen=True)
class Snapshot:
    """The run after a whole batch.

    Attributes:
        batch: number of this batch, from 0; batches: how many the stream has.
        class_names: C names, in the order of every histogram.
        images: ``(N, 3, S, S)`` uint8 as the model saw them; clean: before corruption.
        labels: ``(N,)`` int64; ≥ 0 a class, −1 a stranger (OOD), −2 unknown. names: N display names.
        true_histogram: ``(C,)`` true classes so far.
        corruption, severity: of this batch ("none", 0 when clean); mixed: each image's where it has its own, else
            empty.
        methods: by name, in the order asked for.
        layers: names of the normalisation layers; logit_scale: τ of the model.
        images_done: images so far; seconds: time of this batch, stream included.
        notes: sentences for the person (files left out, steps skipped).
    """

    batch: int
    batches: int
    class_names: tuple[str, ...]
    images: NDArray[np.uint8]
    clean: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    true_histogram: NDArray[np.int64]
    corruption: str
    severity: int
    methods: dict[str, MethodSnapshot]
    layers: tuple[str, ...]
    logit_scale: float
    images_done: int
    seconds: float
    notes: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveStep:
    """Inside a batch, after an optimiser step of every method.

    Attributes:
        batch, batches: as in :class:`Snapshot`; step: steps done; steps: of the method that takes most.
        methods: each method's view of the batch so far; a method that is done keeps its last view.
        losses: by method, the terms of its loss at this step.
    """

    batch: int
    batches: int
    step: int
    steps: int
    methods: dict[str, BatchView] = field(default_factory=dict)
    losses: dict[str, dict[str, float]] = field(default_factory=dict)


UNORDERED = Text("These images have no labels, so they come shuffled: an order of the classes needs to know them.")
UNTIMED = Text("No time is recorded of {methods}: the stream waits for them.")
LIKELIEST = 5  # classes of an image that are told
SMALLEST = torch.finfo(torch.float32).tiny  # a probability of 0 has no logarithm


@dataclass
class Lane:
    """A method's way through a batch, one moment after another.

    Attributes:
        steps: what its ``follow`` yields, or its ``miss`` where the batch is ``missed``; rest: called in its middle.
        done: whether it has ended; seconds: that it worked.
        last: its latest moment; losses: the latest that it told.
        unread: images of the latest moment for which the model gave no finite numbers.
    """

    steps: Iterator[Progress]
    rest: Rest
    missed: bool = False
    done: bool = False
    seconds: float = 0.0
    last: Progress | None = None
    unread: int = 0
    losses: dict[str, Tensor] = field(default_factory=dict)

    def go_on(self) -> None:
        """Works on to the next moment, if there is one."""
        began, rested = time.perf_counter(), self.rest.seconds
        progress = next(self.steps, None)
        self.seconds += time.perf_counter() - began - (self.rest.seconds - rested)
        self.done = progress is None
        if progress is not None:
            self.last = progress
            self.losses = progress.losses or self.losses

    @property
    def terms(self) -> dict[str, float]:
        """The terms of its latest loss as plain numbers, those that are finite."""
        return {term: value for term, loss in self.losses.items() if math.isfinite(value := float(loss))}

    def view(self, backbone: Backbone, labels: NDArray[np.int64], score: Callable[[Tensor], Tensor]) -> BatchView:
        """What its latest moment says of a batch with these labels ``(N,)``, −1 a stranger, −2 unknown."""
        reading = read(self.last, backbone)
        self.unread = reading.unread
        own = self.last.scores
        return view_of(reading, labels, score if own is None else lambda _: own)

    def notes(self, name: str, skipped: int, first: str) -> Iterator[str]:
        """What a person reads where steps were skipped, or images got no finite numbers and are shown as ``first``."""
        if skipped:
            yield say_count(
                "{name}: 1 step was skipped so far, the loss was no finite number.",
                "{name}: {count} steps were skipped so far, the loss was no finite number.",
                skipped,
                name=name,
            )
        if self.unread:
            yield say_count(
                "{name}: the model gave no finite numbers for {count} image of this batch, "
                "shown as {first} without confidence.",
                "{name}: the model gave no finite numbers for {count} images of this batch, "
                "shown as {first} without confidence.",
                self.unread,
                name=name,
                first=first,
            )


@dataclass(frozen=True)
class Reading:
    """One prediction of N images.

    Attributes:
        probabilities: ``(N, C)``.
        scored: ``(N, C)``, what ID scores are computed from: cosines; logits on the cosines' scale; or logarithms of
            probabilities. A softmax over them gives the prediction, if a flatter one.
        cosines: ``(N, C)``; None where the method has none.
        unread: images for which the model gave no finite numbers; no class is likelier than another for them.
    """

    probabilities: Tensor
    scored: Tensor
    cosines: Tensor | None
    unread: int


def read(progress: Progress, backbone: Backbone) -> Reading:
    """Reads the last of the predictions that a moment carries."""
    cosines, unread = (None, 0) if progress.cosines is None else _finite(progress.cosines)
    if progress.probabilities is not None:
        probabilities, unread = _finite(progress.probabilities)
        probabilities = torch.where(probabilities.sum(dim=1, keepdim=True) > 0, probabilities, 1.0)
        probabilities = probabilities / probabilities.sum(dim=1, keepdim=True)
        return Reading(probabilities, probabilities.clamp_min(SMALLEST).log(), cosines, unread)
    if progress.logits is not None:
        logits, unread = _finite(progress.logits)
        return Reading(logits.softmax(dim=1), logits / backbone.logit_scale, cosines, unread)
    return Reading(backbone.logits(cosines).softmax(dim=1), cosines, cosines, unread)


def view_of(reading: Reading, labels: NDArray[np.int64], score: Callable[[Tensor], Tensor]) -> BatchView:
    """What a prediction says of a batch with these labels ``(N,)``, −1 a stranger, −2 unknown."""
    confidence, predicted = reading.probabilities.max(dim=1)
    predicted = predicted.cpu().numpy()
    likelihoods, likeliest = reading.probabilities.topk(min(LIKELIEST, reading.probabilities.shape[1]), dim=1)
    known = labels >= 0
    return BatchView(
        predicted=predicted,
        confidence=confidence.cpu().numpy(),
        likeliest=likeliest.cpu().numpy(),
        likelihoods=likelihoods.cpu().numpy(),
        scores=score(reading.scored).cpu().numpy(),
        histogram=np.bincount(predicted[labels != -1], minlength=reading.probabilities.shape[1]),
        accuracy=float((predicted == labels)[known].mean()) if known.any() else None,
        collapse_entropy=entropy_of(reading.probabilities.mean(dim=0).cpu().numpy()),
        cosines=None if reading.cosines is None else reading.cosines.cpu().numpy(),
        entropy=float(torch.special.entr(reading.probabilities).sum(dim=1).mean()),
    )


def _finite(values: Tensor) -> tuple[Tensor, int]:
    """The values in float32 with zeros for images that got NaN or infinity, and how many those are."""
    values = values.float()
    bad = ~values.isfinite().all(dim=1)
    return values.masked_fill(bad[:, None], 0.0), int(bad.sum())
