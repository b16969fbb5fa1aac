"""Makes the next batch of a stream while the present one is being worked on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from cliptta_demo.backend.data.stream import Batch, Stream

THREADS = 2  # few, for all sessions: decoding and corrupting take a fraction of the time that adapting takes
_POOL = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="next-batch")


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
