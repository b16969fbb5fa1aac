"""Schedules: which shift each batch of a stream brings, how strong it is, and how many strangers come in it.

A plan is made of the settings alone, before any image is read. The definitions are those of released benchmarks, named
at each; where they differ among themselves, docs/streams.md says how.

An *order* puts the classes in runs, as benchmarks of correlated streams have them, new ones late, or few in each batch.
A sampler of runs draws, for every class, a Dirichlet distribution over *slots*; a class's images are split among the
slots by it, and a slot lists its classes as blocks, in random order. A large concentration is no shuffle: each slot
still lists class after class.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, CORRUPTION_CYCLE, MIXED
from cliptta_demo.backend.settings import GRADUAL, StreamSettings

Places = NDArray[np.int64]
MOST_SLOTS = 100  # RoTTA's
SMALLEST_SLOT = 10  # NOTE's: a draw that leaves a slot with fewer images is drawn again
REDRAWS = 20  # NOTE has no bound, mariodoebler's gives up after 120 s; a short stream may have no such draw at all
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
        # So many of the 15, evenly spread over their list: of different families where they are few.
        place = step % settings.recurring_shifts * len(COMMON_CORRUPTIONS) // settings.recurring_shifts
        name = COMMON_CORRUPTIONS[place]
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


@dataclass(frozen=True)
class Order:
    """An order of the images of one source.

    Attributes:
        kind: "sorted", "rotta", "note", "late" or "few".
        concentration: of the Dirichlet draws, 0 for class after class.
        domains: how many images each stretch of the stream has; the classes are put in order within each. With few
            classes in each batch a stretch is a batch.
        few: how many classes those are.
    """

    kind: str
    concentration: float
    domains: tuple[int, ...]
    few: int = 0

    def arrange(self, labels: NDArray[np.integer], seed: int) -> Places:
        """Positions of the stream → positions in ``labels`` ``(N,)``, which are those of all images, shuffled.

        Fewer than N where the stream does not need them all.
        """
        if self.kind == "late":
            early = np.flatnonzero(labels < -(-(labels.max(initial=0) + 1) // 2))[: sum(self.domains) // 2]
            rest = np.setdiff1d(np.arange(len(labels)), early)
            return np.concatenate([early, rest])[: sum(self.domains)]
        if self.kind == "few":
            return _few(labels, self.domains, self.few, np.random.default_rng((seed, 23)))
        pieces = [np.zeros(0, np.int64)]
        for number, (start, end) in enumerate(pairwise(np.cumsum([0, *self.domains]))):
            rng = np.random.default_rng((seed, number, 13))
            pieces.append(start + self._domain(labels[start:end], rng))
        return np.concatenate(pieces)

    def _domain(self, labels: NDArray[np.integer], rng: np.random.Generator) -> Places:
        classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        if len(classes) < 2 or self.kind == "sorted" or not self.concentration:
            return np.argsort(labels, kind="stable")
        split = _rotta if self.kind == "rotta" else _note
        blocks = split(classes, self.concentration, rng)
        slots = range(len(blocks[0]))
        return np.concatenate([blocks[place][slot] for slot in slots for place in rng.permutation(len(classes))])


@lru_cache(maxsize=64)
def endless_labels(order: Order, classes: int, seed: int) -> NDArray[np.int64]:
    """The classes of a stream from an endless source of ``classes`` classes, each as frequent as another."""
    length = sum(order.domains)
    rng = np.random.default_rng((seed, 17))
    if order.kind == "late":
        early = rng.integers(-(-classes // 2), size=length // 2)
        return np.concatenate([early, rng.integers(classes, size=length - length // 2)])
    if order.kind == "few":
        drawn = (rng.choice(classes, min(order.few, classes), replace=False) for _ in order.domains)
        batches = [rng.permutation(np.resize(own, size)) for own, size in zip(drawn, order.domains, strict=True)]
        return np.concatenate(batches).astype(np.int64)
    shuffled = rng.permutation(np.arange(length) % classes)
    return shuffled[order.arrange(shuffled, seed)]


def order_of(settings: StreamSettings, plan: tuple[Planned, ...]) -> str | Order:
    """How a source is asked for the known images of such a stream: by name, or by an order that says it all."""
    if settings.order == "few":
        known = tuple(settings.batch_size - batch.strangers for batch in plan)
        return Order(settings.order, 0.0, known, settings.batch_classes)
    stretches = groupby(plan, lambda batch: batch.domain)
    domains = tuple(sum(settings.batch_size - batch.strangers for batch in batches) for _, batches in stretches)
    plain = not settings.ordered or (settings.order == "sorted" and len(domains) == 1)
    return settings.order if plain else Order(settings.order, settings.concentration, domains)


def _few(labels: NDArray[np.integer], batches: tuple[int, ...], few: int, rng: np.random.Generator) -> Places:
    """Positions of the images of batches of these sizes, each of so many classes, drawn evenly for each.

    As StatA's authors draw theirs. Here no image comes twice: classes that have no more images are not drawn, and where
    those drawn have too few left, further ones are, one by one.
    """
    left = [np.flatnonzero(labels == label) for label in np.unique(labels)]  # in the order of the shuffled images
    stream = [np.zeros(0, np.int64)]
    for size in batches:
        names = rng.permutation([name for name, own in enumerate(left) if len(own)])
        enough = np.cumsum([len(left[name]) for name in names]).searchsorted(size) + 1
        drawn = names[: max(few, int(enough))]
        pool = rng.permutation(np.concatenate([np.zeros(0, np.int64), *(left[name] for name in drawn)]))[:size]
        stream.append(pool)
        for name in drawn:
            left[name] = np.setdiff1d(left[name], pool)
    return np.concatenate(stream)


def _rotta(classes: list[Places], concentration: float, rng: np.random.Generator) -> list[list[Places]]:
    """Class → slot → its images, as in RoTTA's ``ttasampler.py``, whose sequences are called PTTA."""
    slots = min(len(classes), MOST_SLOTS)
    shares = rng.dirichlet([concentration] * slots, len(classes))
    return [_split(own, share) for own, share in zip(classes, shares, strict=True)]


def _note(classes: list[Places], concentration: float, rng: np.random.Generator) -> list[list[Places]]:
    """Class → slot → its images, as in NOTE's ``learner/dnn.py`` and mariodoebler's ``data_loading.py``.

    As many slots as classes; one that has its even share gets no more; drawn again until no slot is nearly empty.
    """
    slots, images = len(classes), sum(map(len, classes))
    best: tuple[int, list[list[Places]]] = (-1, [])
    for _ in range(REDRAWS):
        held, blocks = np.zeros(slots, np.int64), []
        for own in classes:
            open_slots = held < images / slots
            share = rng.dirichlet([concentration] * slots) * open_slots
            share = share / share.sum() if share.sum() > 0 else open_slots / open_slots.sum()
            blocks.append(_split(own, share))
            held += [len(block) for block in blocks[-1]]
        best = max(best, (int(held.min()), blocks), key=lambda draw: draw[0])
        if best[0] >= SMALLEST_SLOT:
            break
    return best[1]


def _split(own: Places, share: NDArray[np.float64]) -> list[Places]:
    """A class's images by these shares; the last slot takes what rounding leaves."""
    return np.split(own, (np.cumsum(share)[:-1] * len(own)).astype(int))
