"""Orders of the classes over a stream: in runs, as benchmarks of correlated streams have them, or new ones late.

Each of these samplers draws, for every class, a Dirichlet distribution over *slots*; a class's images are split among
the slots by it, and a slot lists its classes as blocks, in random order. A large concentration is no shuffle: each slot
still lists class after class.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.data.schedule import Planned
from cliptta_demo.backend.settings import StreamSettings

Places = NDArray[np.int64]
MOST_SLOTS = 100  # RoTTA's
SMALLEST_SLOT = 10  # NOTE's: a draw that leaves a slot with fewer images is drawn again
REDRAWS = 20  # NOTE has no bound, mariodoebler's gives up after 120 s; a short stream may have no such draw at all


@dataclass(eq=False)
class Order:
    """An order of the images of one source.

    Attributes:
        kind: "sorted", "rotta", "note" or "late"; concentration: of the Dirichlet draws, 0 for class after class.
        domains: how many images each stretch of the stream has; the classes are put in order within each.
    """

    kind: str
    concentration: float
    domains: tuple[int, ...]
    _made: dict[tuple[int, int], Places] = field(default_factory=dict)

    def arrange(self, labels: NDArray[np.integer], seed: int) -> Places:
        """Positions of the stream → positions in ``labels`` ``(N,)``, which are those of all images, shuffled.

        Fewer than N where the stream does not need them all.
        """
        key = (seed, len(labels))
        if key not in self._made:  # one source, so the labels are the same each time
            self._made[key] = self._arrange(np.asarray(labels), seed)
        return self._made[key]

    def labels(self, classes: int, seed: int) -> NDArray[np.int64]:
        """The classes of a stream from an endless source of ``classes`` classes, each as frequent as another."""
        length = sum(self.domains)
        rng = np.random.default_rng((seed, 17))
        if self.kind == "late":
            early = rng.integers(-(-classes // 2), size=length // 2)
            return np.concatenate([early, rng.integers(classes, size=length - length // 2)])
        shuffled = rng.permutation(np.arange(length) % classes)
        return shuffled[self.arrange(shuffled, seed)]

    def _arrange(self, labels: NDArray[np.integer], seed: int) -> Places:
        if self.kind == "late":
            early = np.flatnonzero(labels < -(-(labels.max(initial=0) + 1) // 2))[: sum(self.domains) // 2]
            rest = np.setdiff1d(np.arange(len(labels)), early)
            return np.concatenate([early, rest])[: sum(self.domains)]
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


def order_of(settings: StreamSettings, plan: tuple[Planned, ...]) -> str | Order:
    """How a source is asked for the known images of such a stream: by name, or by an order that says it all."""
    domains: dict[int, int] = {}
    for batch in plan:
        domains[batch.domain] = domains.get(batch.domain, 0) + settings.batch_size - batch.strangers
    plain = not settings.ordered or (settings.order == "sorted" and len(domains) == 1)
    return settings.order if plain else Order(settings.order, settings.concentration, tuple(domains.values()))


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
