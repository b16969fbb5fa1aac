"""Workers without a cluster: of the same interface, in this process, that die when they are told."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from cliptta_demo.cluster.workers import Report, WorkerLost, Workers


class Here:
    """A worker in this process. What goes in and comes out is pickled, as on its way to another one.

    Args:
        looks: after so many in all it dies, and comes back with the next look for a worker; None: never.
    """

    def __init__(self, name: str, workers: Workers, looks: int | None = None, **told: Any) -> None:
        self.name, self.workers, self.report = name, workers, Report(**told)
        self.left, self.given, self.closed, self.lost = looks, 0, 0, 0
        workers.join(self)

    def stream(self, check: Callable[[], None], function: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator:
        self.given += 1
        try:
            with closing(function(*pickle.loads(pickle.dumps(arguments)))) as results:
                for result in results:
                    check()
                    if self.left is not None:
                        self.left -= 1
                        if self.left < 0:
                            self.lost += 1
                            raise WorkerLost
                    yield pickle.loads(pickle.dumps(result))
        finally:
            self.closed += 1
