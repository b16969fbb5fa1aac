"""Schedules: which shift each batch of a stream brings, how strong it is, and how many strangers come in it.

A plan is made of the settings alone, before any image is read. The definitions are those of released benchmarks, named
at each; where they differ among themselves, docs/streams.md says how. The order of the classes is :mod:`.order`'s.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS
from cliptta_demo.backend.settings import CORRUPTION_CYCLE, GRADUAL, MIXED, StreamSettings

BURST_SLOTS = 10  # SoTTA's sampler has as many as there are classes: ten with CIFAR-10
_SMALLEST = 1e-3  # concentration that Dirichlet's distribution is drawn with


@dataclass(frozen=True)
class Planned:
    """What is planned for one batch.

    Attributes:
        shift: the corruption, "none", or ``MIXED`` where each image has one of its own.
        severity: 1 to 5; 0 where nothing shifts.
        domain: number of the stretch of the stream that it belongs to; classes are put in order within each.
        strangers: OOD images in it.
    """

    shift: str
    severity: int
    domain: int
    strangers: int


def strangers_of(settings: StreamSettings) -> int:
    """OOD images in one full batch, on average where they come in bursts.

    At least one image of each batch is none, however small the batch is.
    """
    return min(round(settings.batch_size * settings.ood_share), settings.batch_size - 1)


@lru_cache(maxsize=64)
def plan_of(settings: StreamSettings) -> tuple[Planned, ...]:
    """A plan for each of the batches asked for: the same settings, the same plan."""
    strangers = _bursts(settings) if settings.ood_bursts else [strangers_of(settings)] * settings.batches
    whole = settings.schedule in ("one", "mixed")
    return tuple(
        Planned(*_shift(settings, index), 0 if whole else index // settings.shift_batches, int(count))
        for index, count in enumerate(strangers)
    )


def recurring(count: int) -> tuple[str, ...]:
    """So many of the 15 corruptions, evenly spread over their list: of different families where they are few."""
    return tuple(COMMON_CORRUPTIONS[index * len(COMMON_CORRUPTIONS) // count] for index in range(count))


def mixture(seed: int, index: int, count: int) -> tuple[str, ...]:
    """The corruption of each of ``count`` images of a batch, each of the 15 as likely as another.

    The benchmarks shuffle all domains together: mariodoebler/test-time-adaptation, SAR.
    """
    drawn = np.random.default_rng((seed, index, 5)).integers(len(COMMON_CORRUPTIONS), size=count)
    return tuple(COMMON_CORRUPTIONS[number] for number in drawn)


def _shift(settings: StreamSettings, index: int) -> tuple[str, int]:
    """Corruption and severity of a batch."""
    step = index // settings.shift_batches
    if settings.schedule in GRADUAL:
        # mariodoebler's: 1, 2, 3, 4, 5, 4, 3, 2, 1 for each corruption; CoTTA's begins at the first one's top.
        walk = (*range(1, settings.severity + 1), *range(settings.severity - 1, 0, -1))
        step += settings.severity - 1 if settings.schedule == "gradual-cotta" else 0
        return COMMON_CORRUPTIONS[step // len(walk) % len(COMMON_CORRUPTIONS)], walk[step % len(walk)]
    if settings.schedule == "continual":
        name = COMMON_CORRUPTIONS[step % len(COMMON_CORRUPTIONS)]
    elif settings.schedule == "recurring":
        name = recurring(settings.recurring_shifts)[step % settings.recurring_shifts]
    elif settings.schedule == "mixed":
        name = MIXED
    elif settings.corruption == CORRUPTION_CYCLE:
        name = COMMON_CORRUPTIONS[index % len(COMMON_CORRUPTIONS)]
    else:
        name = settings.corruption
    if name == "none":
        return name, 0
    if settings.ramp:
        return name, min(settings.severity, 1 + index * settings.severity // settings.batches)
    return name, settings.severity


def _bursts(settings: StreamSettings) -> np.ndarray:
    """Strangers in each batch ``(batches,)``: one more class in NOTE's sampler, as SoTTA has it (learner/dnn.py).

    A Dirichlet draw splits them among slots, and in each slot they come one after another. The known images are split
    evenly here, so that the plan does not depend on their labels.
    """
    rng = np.random.default_rng((settings.seed, 19))
    strangers = strangers_of(settings) * settings.batches
    known = settings.batch_size * settings.batches - strangers
    shares = rng.dirichlet([max(settings.concentration, _SMALLEST)] * BURST_SLOTS)
    ends = np.array([0.0, *np.cumsum(shares)[:-1], 1.0])
    bursts = np.diff(np.round(ends * strangers).astype(int))
    between = np.diff(np.linspace(0, known, BURST_SLOTS + 1).astype(int))
    stream = []
    for burst, others in zip(bursts, between, strict=True):
        before = int(rng.integers(others + 1))
        stream += [np.zeros(before, int), np.ones(burst, int), np.zeros(others - before, int)]
    return np.concatenate(stream).reshape(settings.batches, settings.batch_size).sum(axis=1)
