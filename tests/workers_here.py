"""Workers without a cluster: they work in this process, and die when they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from cliptta_demo.cluster.driver import Cluster
from cliptta_demo.cluster.workers import Report, Worker, WorkerLost, Workers, do
from cliptta_demo.limits import Limits

C = TypeVar("C", bound=Cluster)


@dataclass(eq=False)
class OneHere(Worker):
    """``left``: after so many results in all it dies; None: never. The rest counts its jobs."""

    left: int | None = None
    given: int = 0
    closed: int = 0
    lost: int = 0


class Here(Workers):
    """All in this process. What goes in and comes out is pickled, as on its way to another one."""

    def add(self, name: str, left: int | None = None, **told: Any) -> OneHere:
        self.made[name] = OneHere(name, None, Report(**told), left=left)
        return self.made[name]

    def work(self, worker: OneHere, job: bytes) -> Iterator[bytes]:
        worker.given += 1
        try:
            for result in do(job):
                if worker.left is not None:
                    worker.left -= 1
                    if worker.left < 0:
                        worker.lost += 1
                        worker.report = None
                        raise WorkerLost
                yield result
        finally:
            worker.closed += 1


def cluster_of(workers: Here, kind: type[C] = Cluster, **more: Any) -> C:
    """A cluster that has these workers, and waits a second for one."""
    cluster = kind("", "", Limits(worker_wait_seconds=1), **more)
    cluster.driver, cluster.reports = workers, workers.present
    return cluster
