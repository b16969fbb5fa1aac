"""A method at work on the present batch, and from what it yields to plain numbers, whichever way it predicts."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import Progress
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Rest
from cliptta_demo.backend.run.metrics import entropy_of
from cliptta_demo.backend.run.snapshot import BatchView
from cliptta_demo.languages import Text, say_count

UNORDERED = Text("These images have no labels, so they come shuffled: an order of the classes needs to know them.")
LIKELIEST = 5  # classes of an image that are told
SMALLEST = torch.finfo(torch.float32).tiny  # a probability of 0 has no logarithm


@dataclass
class Lane:
    """A method's way through a batch, one moment after another.

    Attributes:
        steps: what its ``adapt`` yields; rest: called in its middle.
        done: whether it has ended; seconds: that it worked.
        last: its latest moment; losses: the latest that it told.
        unread: images of the latest moment for which the model gave no finite numbers.
    """

    steps: Iterator[Progress]
    rest: Rest
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


def terms_of(losses: Mapping[str, Tensor]) -> dict[str, float]:
    """The terms of a loss as plain numbers, those that are finite."""
    return {term: value for term, loss in losses.items() if math.isfinite(value := float(loss))}


def skipped_note(name: str, count: int) -> str:
    """What a person reads where steps of a method were skipped."""
    return say_count(
        "{name}: 1 step was skipped so far, the loss was no finite number.",
        "{name}: {count} steps were skipped so far, the loss was no finite number.",
        count,
        name=name,
    )


def unread_note(name: str, count: int, first: str) -> str:
    """What a person reads where images got no finite numbers; ``first``: the class under which they are shown."""
    return say_count(
        "{name}: the model gave no finite numbers for {count} image of this batch, "
        "shown as {first} without confidence.",
        "{name}: the model gave no finite numbers for {count} images of this batch, "
        "shown as {first} without confidence.",
        count,
        name=name,
        first=first,
    )


def _finite(values: Tensor) -> tuple[Tensor, int]:
    """The values in float32 with zeros for images that got NaN or infinity, and how many those are."""
    values = values.float()
    bad = ~values.isfinite().all(dim=1)
    return values.masked_fill(bad[:, None], 0.0), int(bad.sum())
