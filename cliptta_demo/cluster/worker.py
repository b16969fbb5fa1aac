"""What lives in a worker's process: does jobs, many at once, and tells how it stands.

Jobs come, and what they yield goes, as pickled bytes: the receiver's copy is then its own, and no shared memory is kept
for as long as somebody keeps a session.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Role:
    """What a worker is there for: functions of modules, which pickle by name.

    Attributes:
        start: called once, before the worker counts as there.
        tell: what it tells of itself, values of a :class:`.workers.Report`; it is told how many workers there are.
    """

    start: Callable[[], None]
    tell: Callable[[int], dict[str, Any]]

    @property
    def packed(self) -> bytes:
        """As a driver passes it on, which loads nothing of it."""
        return pickle.dumps(self)


class WorkerProcess:
    """The worker itself.

    Args:
        environment: variables to be set before anything else of this package is loaded.
        threads: of torch; role: a pickled :class:`Role`.
    """

    def __init__(self, environment: dict[str, str], threads: int, role: bytes) -> None:
        os.environ.update(environment)
        import cliptta_demo  # noqa: F401  (before torch)

        # isort: split
        import torch

        torch.set_num_threads(threads)
        self._role: Role = pickle.loads(role)
        self._jobs = 0
        self._lock = threading.Lock()
        self._role.start()

    def stream(self, job: bytes) -> Iterator[bytes]:
        """Yields what the pickled ``(function, arguments)`` yields, pickled."""
        function, arguments = pickle.loads(job)
        self._count(1)
        try:
            with closing(function(*arguments)) as results:
                for result in results:
                    yield pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
        finally:
            self._count(-1)

    def tell(self, workers: int) -> dict[str, Any]:
        """How it stands; answered beside whatever it does. ``workers``: how many there are, this one among them."""
        return {"process": os.getpid(), "jobs": self._jobs, **self._role.tell(workers)}

    def _count(self, change: int) -> None:
        with self._lock:
            self._jobs += change
