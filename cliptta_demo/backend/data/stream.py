"""The stream: ID images, mixed with strangers (OOD), corrupted, batch by batch; the next one made ahead of time.

``batch(i)`` is a pure function of settings, seed and i. Every method of a run sees exactly the same pixels.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, corrupt
from cliptta_demo.backend.data.sources import OOD_LABEL, Images, Source
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.settings import CORRUPTION_CYCLE, StreamSettings

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
    """

    images: Images
    clean: Images
    corruption: str
    severity: int
    seed: int


CLEAN_BATCH = 64  # images of a clean batch, as EATA's release takes them


def strangers_of(settings: StreamSettings) -> int:
    """OOD images in one full batch; at least one image of each batch is none, however small the batch is."""
    return min(round(settings.batch_size * settings.ood_share), settings.batch_size - 1)


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
        self.source = source
        self.strangers = strangers
        self.settings = settings
        self.image_size = image_size
        self.device = torch.device(device)
        self.stranger_count = strangers_of(settings)

    def __len__(self) -> int:
        """Batches to come: as many as asked for, fewer when the images run out."""
        batches = self.settings.batches
        parts = [(self.source, self.settings.batch_size - self.stranger_count)]
        if self.stranger_count:
            parts.append((self.strangers, self.stranger_count))
        for source, per_batch in parts:
            length = source.length()
            if length is not None and per_batch:
                batches = min(batches, -(-length // per_batch))
        return batches

    def batch(self, index: int) -> Batch:
        """The batch with this number, counted from 0."""
        settings = self.settings
        per_batch = settings.batch_size - self.stranger_count
        horizon = per_batch * settings.batches
        clean = self._take(self.source, index, per_batch, settings.seed, horizon)
        if self.stranger_count:
            strangers = self._take(self.strangers, index, self.stranger_count, settings.seed + 1, horizon)
            labels = torch.full_like(strangers.labels, OOD_LABEL)
            clean = _shuffle(clean, replace(strangers, labels=labels), settings.seed, index)
        corruption, severity = self.shift(index)
        pixels = clean.pixels.to(self.device)
        if severity:
            seed = int(np.random.SeedSequence((settings.seed, index, 7)).generate_state(1)[0])
            pixels = corrupt(pixels, corruption, severity, seed)
        return Batch(replace(clean, pixels=pixels), clean, corruption, severity, settings.seed * 100_003 + index)

    def clean(self, index: int) -> torch.Tensor:
        """Uncorrupted images ``(N, 3, S, S)`` of the source, in an order of their own; a method may learn from them.

        A finite source has no others than the stream shows; after the last of them there are none.
        """
        start, length = index * CLEAN_BATCH, self.source.length()
        if length is not None and start >= length:
            return torch.empty(0, 3, self.image_size, self.image_size, dtype=torch.uint8)
        seed = int(np.random.SeedSequence((self.settings.seed, 11)).generate_state(1)[0])
        return self.source.take(start, CLEAN_BATCH, self.image_size, "shuffled", seed, CLEAN_BATCH).pixels

    def shift(self, index: int) -> tuple[str, int]:
        """Corruption and severity of a batch; ("none", 0) when it is clean."""
        settings = self.settings
        if settings.corruption == "none":
            return "none", 0
        name = settings.corruption
        if name == CORRUPTION_CYCLE:
            name = COMMON_CORRUPTIONS[index % len(COMMON_CORRUPTIONS)]
        if settings.ramp:
            return name, min(settings.severity, 1 + index * settings.severity // settings.batches)
        return name, settings.severity

    def _take(self, source: Source, index: int, count: int, seed: int, horizon: int) -> Images:
        return source.take(index * count, count, self.image_size, self.settings.order, seed, horizon)


class AheadOfTime:
    """A stream whose next batch is usually ready. Batches are the same as without; an error is raised when asked for.

    Args:
        stream: batches by number.
    """

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
