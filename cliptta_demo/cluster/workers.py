"""Workers: what lives in a worker's process, and which one does what. Nothing of Ray, nor of what the work is.

A worker takes several jobs at once; a job is a function of a module and its arguments, all plain data, and what it
yields comes back. It goes to the worker that has its model and the fewest others. Nothing else of the package is loaded
here, so that a worker's process sets its variables first.
"""

import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

LOADING = 2  # so many jobs more a worker may have, before another one loads the model that this one has


class WorkerLost(Exception):
    """A worker has died or hangs: what it was doing is to be done by another one.

    Args:
        worker: its name; "": none is there. jobs: that it had.
    """

    def __init__(self, worker: str = "", jobs: int = 1) -> None:
        super().__init__(worker, jobs)
        self.worker, self.jobs = worker, jobs


@dataclass(frozen=True)
class Report:
    """What a worker last told of itself.

    Attributes:
        device: "cpu", or the GPU's name; process: its number; jobs: at work there, whoever sent them.
        loaded: models that it keeps; step_seconds: how long its present step has taken so far.
        pace: GFLOP a second with each model, as far as learnt.
    """

    device: str = "cpu"
    process: int = 0
    jobs: int = 0
    loaded: tuple[str, ...] = ()
    step_seconds: float = 0.0
    pace: dict[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class Worker:
    """One of them: its ``actor``, what it last told, None while it is not there, and the models of the jobs it got."""

    name: str
    actor: Any
    report: Report | None = None
    models: list[str] = field(default_factory=list)


class Workers:
    """All of them, and who does what."""

    def __init__(self) -> None:
        self.made: dict[str, Worker] = {}

    def work(self, worker: Worker, job: bytes) -> Iterator[bytes]:
        """What a pickled job yields there, as :func:`do` yields it; b"" now and then.

        Raises:
            WorkerLost: it is gone.
        """
        raise NotImplementedError

    @property
    def present(self) -> dict[str, Report]:
        """What those that can be given jobs last told, by their names."""
        return {name: report for name, worker in self.made.copy().items() if (report := worker.report) is not None}

    def stream(self, model: str, failed: Mapping[str, float], job: bytes) -> Iterator[tuple[str, bool, bytes]]:
        """What a pickled job yields: the name of the worker, whether there is no better one by now, and the result.

        Args:
            model: that the job uses; failed: workers that failed it, and how much so: they are the last to be given
                it again.

        Raises:
            WorkerLost: it is to be begun again.
        """
        worker = self._best(model, failed)
        if worker is None:
            raise WorkerLost
        worker.models.append(model)
        jobs = 1
        try:
            with closing(self.work(worker, job)) as results:
                for result in results:
                    jobs = len(worker.models)
                    yield worker.name, self._best(model, {}, worker) is worker, result
        except WorkerLost:
            raise WorkerLost(worker.name, jobs) from None
        finally:
            worker.models.remove(model)

    def _best(self, model: str, failed: Mapping[str, float], here: Worker | None = None) -> Worker | None:
        """The one that failed least, has the model and the fewest other jobs; among equals that where the job is."""

        def order(name: str) -> tuple[float, int, bool]:
            worker, report = self.made[name], present[name]
            loads = model not in ("", *report.loaded, *worker.models)
            jobs = max(len(worker.models), report.jobs) - (worker is here)
            return failed.get(name, 0.0), jobs + LOADING * loads, worker is not here

        present = self.present
        return self.made[min(present, key=order)] if present else None


def do(job: bytes) -> Iterator[bytes]:
    """Yields what the pickled ``(function, *arguments)`` yields, pickled; so, too, what it raises.

    The receiver's copy is then its own, and no shared memory is kept for as long as somebody keeps a session.
    """
    try:
        function, *arguments = pickle.loads(job)
        with closing(function(*arguments)) as results:
            for result in results:
                yield pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # at the other end an OSError says that the driver has ended
        yield pickle.dumps(RuntimeError(repr(error)) if isinstance(error, OSError | EOFError) else error)


class WorkerProcess:
    """What lives in a worker's process: does jobs, many at once, and tells how it stands.

    Args:
        environment: variables to be set before anything else of this package is loaded.
        threads: of torch; role: the module of :class:`.driver.Cluster`'s kind.
    """

    def __init__(self, environment: dict[str, str], threads: int, role: str) -> None:
        os.environ.update(environment)
        import torch

        torch.set_num_threads(threads)
        self._role = import_module(role)
        self._jobs: list[bytes] = []
        self._role.get_ready()

    def stream(self, job: bytes) -> Iterator[bytes]:
        """See :func:`do`."""
        self._jobs.append(job)
        try:
            yield from do(job)
        finally:
            self._jobs.remove(job)

    def tell(self, workers: int) -> dict[str, Any]:
        """How it stands; answered beside whatever it does. ``workers``: how many there are, this one among them."""
        return {"process": os.getpid(), "jobs": len(self._jobs), **self._role.tell(workers)}
