"""Snapshots: all that a page, an export or a test needs of a run, as plain numbers and small arrays.

Nothing downstream of a snapshot touches a model.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.run.metrics import Tally


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
            without labels too.
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

    def add(self, tally: Tally, view: BatchView, zero_shot: NDArray[np.int64], seconds: float) -> "Series":
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
