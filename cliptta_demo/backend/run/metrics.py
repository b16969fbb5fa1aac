"""What is counted of a run: the measures as the authors define them, and when a method starts from the source again.

Plain numpy on small arrays; nothing here touches a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.settings import AdaptationSettings

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


def entropy_of(counts: NDArray) -> float:
    """Entropy in nats of a histogram ``(C,)`` of counts or probabilities; 0 for an empty one."""
    total = counts.sum()
    if total <= 0:
        return 0.0
    shares = counts[counts > 0] / total
    return float(-(shares * np.log(shares)).sum()) + 0.0  # + 0.0 turns -0.0 into 0.0


def auroc(id_scores: Floats, ood_scores: Floats) -> float | None:
    """Area under the ROC curve with ID as the positive class, 0 to 1; ties count half; None when either side is empty.

    ID scores are ``(N,)``, those of OOD ``(M,)``; higher means more in-distribution.
    """
    if not len(id_scores) or not len(ood_scores):
        return None
    both = np.concatenate([id_scores, ood_scores]).astype(np.float64)
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # average rank of each tie group, from 1
    positives = len(id_scores)
    above = ranks[:positives].sum() - positives * (positives + 1) / 2
    return float(above / (positives * len(ood_scores)))


def fpr95(id_scores: Floats, ood_scores: Floats) -> float | None:
    """Share of OOD accepted at the threshold that accepts 95 % of ID; None when either side is empty."""
    if not len(id_scores) or not len(ood_scores):
        return None
    accepted = int(np.ceil(0.95 * len(id_scores)))
    threshold = np.sort(id_scores)[::-1][accepted - 1]
    return float((ood_scores >= threshold).mean())


CALIBRATION_BINS = 15  # Guo et al., "On calibration of modern neural networks", ICML 2017


@dataclass(frozen=True)
class Reliability:
    """How often a method was right when it was so sure: labelled ID images in bins of equal width by confidence.

    Attributes:
        count, right: ``(15,)`` images, and those predicted rightly; confidence: ``(15,)``, the sum over them.
    """

    count: Integers = field(default_factory=lambda: np.zeros(CALIBRATION_BINS, np.int64))
    right: Integers = field(default_factory=lambda: np.zeros(CALIBRATION_BINS, np.int64))
    confidence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(CALIBRATION_BINS))

    def add(self, confidence: Floats, right: NDArray[np.bool_]) -> Reliability:
        """So many images more: their confidence ``(N,)``, 0 to 1, and whether they were predicted rightly."""
        place = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        size = {"minlength": CALIBRATION_BINS}
        return Reliability(
            self.count + np.bincount(place, **size),
            self.right + np.bincount(place[right], **size),
            self.confidence + np.bincount(place, confidence.astype(np.float64), **size),
        )

    @property
    def error(self) -> float | None:
        """Expected calibration error: the mean gap between confidence and accuracy; None without labelled images."""
        images = int(self.count.sum())
        return float(np.abs(self.right - self.confidence).sum() / images) if images else None


@dataclass(frozen=True)
class Paired:
    """A method beside zero-shot, on the very same labelled ID images: only those on which the two differ tell.

    Attributes:
        seen: images; was_right, broken: those that zero-shot got right, and those of them now wrong; was_wrong, fixed:
            those that it got wrong, and those of them now right.
    """

    seen: int = 0
    was_right: int = 0
    broken: int = 0
    was_wrong: int = 0
    fixed: int = 0

    @property
    def gain(self) -> float:
        """The difference of the two accuracies, −1 to 1."""
        return (self.fixed - self.broken) / max(self.seen, 1)

    @property
    def margin(self) -> float:
        """Two standard errors of that difference where there is none in truth.

        McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
        """
        return 2 * (self.fixed + self.broken) ** 0.5 / max(self.seen, 1)

    @property
    def is_noise(self) -> bool:
        """Whether chance alone often gives such a difference on so few images."""
        return abs(self.gain) <= self.margin


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@dataclass(frozen=True, kw_only=True)
class Tally(Paired):
    """Running counts of one method over a stream. Immutable: :meth:`add` returns a new one.

    Attributes:
        histogram: ``(C,)`` predictions so far, of all images but known strangers.
        right: of the labelled ID images, those predicted rightly.
        id_scores, ood_scores: ID scores so far.
        reliability: confidence and accuracy so far.
        by_shift: corruption → labelled ID images under it, and how many of them were predicted rightly.
    """

    histogram: Integers
    right: int = 0
    id_scores: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    ood_scores: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    reliability: Reliability = field(default_factory=Reliability)
    by_shift: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def start(cls, classes: int) -> Tally:
        """Nothing counted yet."""
        return cls(histogram=np.zeros(classes, np.int64))

    def add(
        self,
        labels: Integers,
        predicted: Integers,
        zero_shot: Integers,
        scores: Floats,
        confidence: Floats,
        shifts: Sequence[str] = (),
    ) -> Tally:
        """Counts one batch.

        Args:
            labels: ``(N,)``; ≥ 0 a class, −1 a stranger, −2 unknown.
            predicted: ``(N,)`` this method's classes; zero_shot: ``(N,)`` the source model's.
            scores: ``(N,)`` ID scores; confidence: ``(N,)``, the largest class probability.
            shifts: N corruptions; empty where nobody asks for accuracies by shift.
        """
        known = labels >= 0
        stranger = labels == -1
        right = known & (predicted == labels)
        source_right = known & (zero_shot == labels)
        source_wrong = known & ~source_right
        counted = np.bincount(predicted[~stranger], minlength=len(self.histogram))
        return Tally(
            histogram=self.histogram + counted,
            seen=self.seen + int(known.sum()),
            right=self.right + int(right.sum()),
            was_right=self.was_right + int(source_right.sum()),
            broken=self.broken + int((source_right & ~right).sum()),
            was_wrong=self.was_wrong + int(source_wrong.sum()),
            fixed=self.fixed + int((source_wrong & right).sum()),
            id_scores=np.concatenate([self.id_scores, scores[~stranger].astype(np.float32)]),
            ood_scores=np.concatenate([self.ood_scores, scores[stranger].astype(np.float32)]),
            reliability=self.reliability.add(confidence[known], right[known]),
            by_shift=self._by_shift(np.array(shifts), known, right) if len(shifts) else self.by_shift,
        )

    def _by_shift(
        self, shifts: NDArray[np.str_], known: NDArray[np.bool_], right: NDArray[np.bool_]
    ) -> dict[str, tuple[int, int]]:
        counts = dict(self.by_shift)
        for name in dict.fromkeys(shifts.tolist()):
            own, (seen, hits) = shifts == name, counts.get(name, (0, 0))
            counts[name] = seen + int((known & own).sum()), hits + int((right & own).sum())
        return counts

    @property
    def accuracy(self) -> float | None:
        """Share of labelled ID images predicted rightly; None when none has a label."""
        return _ratio(self.right, self.seen)

    @property
    def shift_accuracy(self) -> dict[str, float | None]:
        """Corruption → accuracy under it, in the order in which they came; None without labelled ID images."""
        return {name: _ratio(right, seen) for name, (seen, right) in self.by_shift.items()}

    @property
    def deterioration(self) -> float | None:
        """Of the images that zero-shot got right, the share that is now wrong."""
        return _ratio(self.broken, self.was_right)

    @property
    def improvement(self) -> float | None:
        """Of the images that zero-shot got wrong, the share that is now right."""
        return _ratio(self.fixed, self.was_wrong)

    @property
    def histogram_entropy(self) -> float:
        """Of the predictions so far, in nats."""
        return entropy_of(self.histogram)

    @property
    def paired(self) -> Paired:
        """This method beside zero-shot."""
        return Paired(self.seen, self.was_right, self.broken, self.was_wrong, self.fixed)

    @property
    def auroc(self) -> float | None:
        """See :func:`auroc`."""
        return auroc(self.id_scores, self.ood_scores)

    @property
    def fpr95(self) -> float | None:
        """See :func:`fpr95`."""
        return fpr95(self.id_scores, self.ood_scores)


# When a method has gone astray: SAR's numbers (Niu et al. 2023), in nats whatever the number of classes. SAR averages
# its reliable images' entropy over steps; this rule, for any method, all images' over batches, once adapted to. As in
# mariodoebler/test-time-adaptation the average begins anew with the model.
ASTRAY, MOMENTUM = 0.2, 0.9


@dataclass(frozen=True)
class Resets:
    """What must be known of the batches so far.

    Attributes:
        shift: corruption of the last batch, "" before the first.
        entropies: method → moving average of its predictions' entropy in nats since it last started.
        counts: method → how often it started anew.
    """

    shift: str = ""
    entropies: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    def due(self, settings: AdaptationSettings, index: int, shift: str, methods: Iterable[str]) -> list[str]:
        """The methods that start anew before batch ``index``, whose corruption is ``shift``."""
        if not index:
            return []
        if settings.reset == "astray":
            return [name for name in methods if self.entropies.get(name, ASTRAY) < ASTRAY]
        if settings.reset == "shift":
            return list(methods) if shift != self.shift else []
        return list(methods) if settings.reset_every and index % settings.reset_every == 0 else []

    def renewed(self, names: Iterable[str]) -> Resets:
        """After these methods have started anew."""
        counts = {name: self.counts.get(name, 0) + 1 for name in names}
        kept = {name: value for name, value in self.entropies.items() if name not in counts}
        return replace(self, entropies=kept, counts={**self.counts, **counts})

    def after(self, shift: str, entropies: Mapping[str, float]) -> Resets:
        """After a batch; ``entropies``: method → mean entropy of its predictions in nats."""
        averages = {
            name: MOMENTUM * self.entropies.get(name, value) + (1 - MOMENTUM) * value
            for name, value in entropies.items()
        }
        return replace(self, shift=shift, entropies=averages)
