"""The stream: ID images, mixed with strangers (OOD), corrupted, batch by batch; the next one made ahead of time.

``batch(i)`` is a pure function of settings, seed and i. Every method of a run sees exactly the same pixels.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from cliptta_demo.backend.corruptions import MIXED, corrupt
from cliptta_demo.backend.data.schedule import Order, mixture, order_of, plan_of
from cliptta_demo.backend.data.sources import OOD_LABEL, Images, Source
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.settings import StreamSettings

THREADS = 2  # that make next batches, for all sessions: decoding and corrupting take a fraction of the time of adapting
_POOL = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="next-batch")


@dataclass(frozen=True)
class Batch:
    """One batch of the stream.

    Attributes:
        images: corrupted images with labels and names.
        clean: the same images before corruption, for showing.
        corruption, severity: what was done to them ("none", 0 when nothing).
        seed: for the methods' own random choices on this batch.
        mixed: the corruption of each image where each has its own, else empty.
    """

    images: Images
    clean: Images
    corruption: str
    severity: int
    seed: int
    mixed: tuple[str, ...] = ()


CLEAN_BATCH = 64  # images of a clean batch, as EATA's release takes them


class Stream:
    """Batches by number.

    Args:
        source: the ID images; its class names are the class list.
        settings: order, corruption, mix.
        image_size: side of the images in pixels, the model's input size.
        strangers: the OOD images, needed when ``ood_share`` > 0.
        device: where corruption runs.
    """

    def __init__(
        self,
        source: Source,
        settings: StreamSettings,
        image_size: int,
        strangers: Source | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        if settings.ood_share > 0 and strangers is None:
            raise UserError("ood_share is above 0, but no OOD source is chosen. Choose one, or set the share to 0.")
        self.source, self.strangers, self.settings = source, strangers, settings
        self.image_size, self.device = image_size, torch.device(device)
        self.plan = plan_of(settings)
        self.order = order_of(settings, self.plan)
        unknown = np.array([batch.strangers for batch in self.plan])
        # Images of each source before each batch, and after the last one.
        self._known, self._unknown = (np.cumsum([0, *counts]) for counts in (settings.batch_size - unknown, unknown))

    def __len__(self) -> int:
        """Batches to come: as many as asked for, fewer when the images run out."""
        batches = self.settings.batches
        for source, begins in ((self.source, self._known), (self.strangers, self._unknown)):
            length = source.length() if source is not None else None
            if length is not None:
                over = (begins[:-1] >= length) & (np.diff(begins) > 0)
                batches = min(batches, int(over.argmax()) if over.any() else batches)
        return batches

    def batch(self, index: int) -> Batch:
        """The batch with this number, counted from 0."""
        settings, planned = self.settings, self.plan[index]
        parts = []
        if settings.batch_size > planned.strangers:
            parts.append(self._take(self.source, self._known, index, self.order, settings.seed))
        if planned.strangers:
            order = "sorted" if settings.order == "sorted" else "shuffled"
            strangers = self._take(self.strangers, self._unknown, index, order, settings.seed + 1)
            parts.append(replace(strangers, labels=torch.full_like(strangers.labels, OOD_LABEL)))
        clean = _shuffle(*parts, settings.seed, index) if len(parts) > 1 else parts[0]
        pixels = clean.pixels.to(self.device)
        mixed = mixture(settings.seed, index, len(clean)) if planned.shift == MIXED else ()
        if mixed:
            pixels = self._mix(pixels, mixed, planned.severity, index)
        elif planned.severity:
            pixels = corrupt(pixels, planned.shift, planned.severity, self._noise_seed(index))
        seed = settings.seed * 100_003 + index
        return Batch(replace(clean, pixels=pixels), clean, planned.shift, planned.severity, seed, mixed)

    def clean(self, index: int) -> torch.Tensor:
        """Uncorrupted images ``(N, 3, S, S)`` of the source, in an order of their own; a method may learn from them.

        A finite source has no others than the stream shows; after the last of them there are none.
        """
        start, length = index * CLEAN_BATCH, self.source.length()
        if length is not None and start >= length:
            return torch.empty(0, 3, self.image_size, self.image_size, dtype=torch.uint8)
        seed = int(np.random.SeedSequence((self.settings.seed, 11)).generate_state(1)[0])
        return self.source.take(start, CLEAN_BATCH, self.image_size, "shuffled", seed, CLEAN_BATCH).pixels

    def _take(self, source: Source, begins: np.ndarray, index: int, order: str | Order, seed: int) -> Images:
        start, end = int(begins[index]), int(begins[index + 1])
        return source.take(start, end - start, self.image_size, order, seed, int(self._known[-1]))

    def _mix(self, pixels: torch.Tensor, names: tuple[str, ...], severity: int, index: int) -> torch.Tensor:
        """Each image under its own corruption."""
        result = pixels.clone()
        for number, name in enumerate(sorted(set(names))):
            own = torch.tensor([each == name for each in names], device=pixels.device)
            result[own] = corrupt(pixels[own], name, severity, self._noise_seed(index, number))
        return result

    def _noise_seed(self, *place: int) -> int:
        return int(np.random.SeedSequence((self.settings.seed, *place, 7)).generate_state(1)[0])


class AheadOfTime:
    """A stream whose next batch is usually ready. Batches are the same as without; errors come when asked for."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._next: dict[int, Future[Batch]] = {}

    def batch(self, index: int) -> Batch:
        """The batch with this number; work on the one after it begins."""
        future = self._next.pop(index, None)
        for other in self._next.values():  # somebody jumped; what was begun is of no use
            other.cancel()
        self._next = {}
        # One that has yet to begin is made here instead: nobody waits for another stream's slow disk.
        batch = self.stream.batch(index) if future is None or future.cancel() else future.result()
        if index + 1 < len(self.stream):
            self._next = {index + 1: _POOL.submit(self.stream.batch, index + 1)}
        return batch


def _shuffle(first: Images, second: Images, seed: int, index: int) -> Images:
    """Both together in a seeded order."""
    names = first.names + second.names
    mixed = np.random.default_rng((seed, index, 3)).permutation(len(names))
    order = torch.from_numpy(mixed)
    return Images(
        torch.cat([first.pixels, second.pixels])[order],
        torch.cat([first.labels, second.labels])[order],
        tuple(names[i] for i in mixed),
        first.refused + second.refused,
    )
