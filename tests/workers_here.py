"""Workers without a cluster: they work in this process, and die when they are told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cliptta_demo.backend.run.arithmetic import Pace
from cliptta_demo.cluster.workers import Report, Worker, WorkerLost, Workers, do
from cliptta_demo.limits import Limits
from cliptta_demo.page.runs.remote_runs import RemoteRuns


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


def runs_on(workers: Here, check: Callable[[], None] = lambda: None) -> RemoteRuns:
    """Those of a page that has these workers, and waits a second for one."""
    runs = RemoteRuns("", Limits(worker_wait_seconds=1), Pace().told, check)
    runs.driver, runs.reports = workers, workers.present
    return runs
