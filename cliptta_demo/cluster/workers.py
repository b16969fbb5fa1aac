"""Which worker does what: those that are there, how much each has to do, and where work goes when one is lost.

Nothing of Ray is here, nor of what the work is. A *worker* takes one job after the other and several at once; a job is
a function of a module and its arguments, all plain data, and what the function yields comes back. A *seat* is one job's
place at a worker; its owner leaves it for another one between two pieces of the job, never in the middle.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

LOADING = 2  # so many jobs more a worker may have, before another one loads the model that this one has
MOVING = 2  # with so many jobs less at another worker a job moves there: the difference is then smaller than before


class WorkerLost(Exception):
    """The worker has died or hangs: what it was doing is to be done by another one."""


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


class Worker(Protocol):
    """Whoever can be given jobs."""

    name: str
    report: Report

    def stream(self, check: Callable[[], None], function: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator:
        """What ``function(*arguments)`` yields over there; ``check`` is called while it is waited for.

        Closing it ends the job. Raises :class:`WorkerLost`, what the function raises, and what ``check`` raises.
        """
        ...


@dataclass(eq=False)
class Seat:
    """One job's place. ``worker`` is None before the first one, and after one was lost."""

    workers: Workers
    model: str
    worker: Worker | None = None
    avoided: set[Worker] = field(default_factory=set)

    def take(self, seconds: float) -> bool:
        """Whether a worker was found within so many seconds; one that is avoided only where there is no other."""
        return self.workers._seat(self, seconds)

    @property
    def company(self) -> int:
        """Jobs at its worker, this one among them."""
        return self.workers._company(self.worker)

    def move(self) -> bool:
        """Goes to another worker if that one has notably less to do; says whether it did."""
        return self.workers._move(self)

    def lost(self) -> None:
        """The worker is gone: it is given no job until it tells of itself again."""
        self.workers.leave(self.worker)
        self.worker = None

    def avoid(self) -> bool:
        """Leaves a worker that could not do this job, if there is one that has yet to try; says whether it did."""
        self.avoided.add(self.worker)
        if not set(self.workers.present) - self.avoided:
            return False
        self.worker = None
        return True


class Workers:
    """All that are there. Thread-safe."""

    def __init__(self) -> None:
        self._present: dict[Worker, None] = {}  # in the order of joining
        self._seats: set[Seat] = set()
        self._changed = threading.Condition()

    @property
    def present(self) -> list[Worker]:
        """Those that can be given jobs."""
        return list(self._present)

    def join(self, worker: Worker) -> None:
        """A worker is there (again), or told of itself."""
        with self._changed:
            self._present[worker] = None
            self._changed.notify_all()

    def leave(self, worker: Worker) -> None:
        """A worker is gone."""
        with self._changed:
            self._present.pop(worker, None)

    def wait(self, seconds: float) -> bool:
        """Whether there is a worker within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._present), seconds)

    @contextmanager
    def seat(self, model: str = "") -> Iterator[Seat]:
        """A seat for a job that uses ``model``, for as long as the job lasts."""
        seat = Seat(self, model)
        with self._changed:
            self._seats.add(seat)
        try:
            yield seat
        finally:
            with self._changed:
                self._seats.discard(seat)
                self._changed.notify_all()

    def _seat(self, seat: Seat, seconds: float) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._present), seconds):
                return False
            open_to_it = [worker for worker in self._present if worker not in seat.avoided] or list(self._present)
            seat.worker = min(open_to_it, key=lambda worker: self._load(worker, seat.model))
            return True

    def _move(self, seat: Seat) -> bool:
        with self._changed:
            others = [worker for worker in self._present if worker is not seat.worker and worker not in seat.avoided]
            best = min(others, key=lambda worker: self._load(worker, seat.model), default=None)
            if best is None or self._load(best, seat.model) + MOVING > self._load(seat.worker, seat.model):
                return False
            seat.worker = best
            return True

    def _company(self, worker: Worker | None) -> int:
        with self._changed:
            return sum(seat.worker is worker for seat in self._seats)

    def _load(self, worker: Worker, model: str) -> int:
        """Jobs at a worker, ours as they are and others' as it last told; and what loading a model is worth."""
        seats = [seat for seat in self._seats if seat.worker is worker]
        has_it = not model or model in worker.report.loaded or any(seat.model == model for seat in seats)
        return max(len(seats), worker.report.jobs) + (0 if has_it else LOADING)
