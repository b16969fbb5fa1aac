"""Runs on workers: the batches of a run go to one that has the model and little to do, and looks come back.

A run is where its worker is; the session is here. So when a worker is lost, or another has much less to do, the run
goes on there from its last whole batch, with the numbers that it would have had. ``CLIPTTA_RAY`` names the cluster:
``local`` for the GPUs or cores of this machine, ``auto`` or ``HOST:PORT`` for one that there is. Without it nothing of
this is used.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, TypeVar

import torch

from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.backend.models.loading import loaded_backbones
from cliptta_demo.backend.run.arithmetic import Pace
from cliptta_demo.cluster.driver import Cluster, Plan
from cliptta_demo.cluster.worker import Role
from cliptta_demo.cluster.workers import Seat, WorkerLost, Workers
from cliptta_demo.limits import RAY_VARIABLE, Limits
from cliptta_demo.log import log_event
from cliptta_demo.page.form.reading import opening, read_form
from cliptta_demo.page.runs.gpu import prepare, run_here
from cliptta_demo.page.runs.machine import set_up, this_machine
from cliptta_demo.page.runs.runner import RunUpdate, warm_up
from cliptta_demo.page.session.state import Recipe, Session, Uploads
from cliptta_demo.page.words.texts import NO_WORKERS, WORKERS_LOST

T = TypeVar("T")
ADDRESS = os.environ.get(RAY_VARIABLE, "").strip()
MOST_LOST = 3  # workers that died in a batch of a run alone: then the run itself is taken to be what ends them
LEAST_BLAME = 0.1  # of a run for a death, however many were at that worker
LOOK_SECONDS = 1.0  # between two looks while there is no worker
PAUSE_SECONDS = 0.5  # after a loss, so that what is lost is known to be

if ADDRESS and find_spec("ray") is None:
    raise UserError(f"{RAY_VARIABLE} needs Ray, which is not installed: pip install -r requirements-cluster.txt")


@dataclass
class _Journey:
    """A run on its way from worker to worker: where it stands after the last whole batch, and what was told already."""

    recipe: Recipe
    session: Session | None
    uploads: Uploads | None
    batches: int | None
    done: int = 0
    sized: bool = False
    begun: bool = False
    over: bool = False
    company: int = 1  # runs at the same worker, this one among them

    @property
    def complete(self) -> bool:
        """Whether no batch is left to do."""
        if not self.done:
            return False
        return self.batches == 0 or self.session.state.next_batch >= self.session.snapshot.batches

    def looks(self, seat: Seat, check: Callable[[], None]) -> Iterator[RunUpdate]:
        """The run at the seat's worker: to its end, which makes it ``over``, or until it is better off at another."""
        self.company = seat.company
        stream = seat.worker.stream(check, perform_apart, self.recipe, self.session, self.uploads, self.batches)
        with closing(stream) as looks:
            for look in looks:
                self.company = seat.company
                if isinstance(look.refusal, DoesNotFit) and seat.avoid():
                    return
                before = self.done
                if self._is_news(look):
                    yield replace(look, session=self.session) if look.live is not None else look
                if self.done > before:
                    seat.avoided.clear()
                    if not self.complete and seat.move():
                        return
        self.over = True

    def _is_news(self, look: RunUpdate) -> bool:
        """Keeps what the next worker has to know, and says whether the visitor was not told of it before."""
        if look.size is not None:
            told, self.sized = self.sized, True
            return not told
        if look.begun is not None:
            told, self.begun = self.begun, True
            self.session, self.uploads, self.recipe = look.session, look.uploads, look.session.recipe
            return not told
        if look.live is None and look.session is not None:
            self.session, self.done = look.session, self.done + 1
            self.batches = None if self.batches is None else self.batches - 1
        return True


@dataclass(frozen=True, eq=False)
class RemoteRuns:
    """Those of one page, on its workers.

    Attributes:
        check: called while workers are waited for, and ends it by raising.
    """

    check: Callable[[], None]
    limits: Limits
    workers: Workers = field(default_factory=Workers)

    def run(
        self, recipe: Recipe, session: Session | None, uploads: Uploads | None, batches: int | None
    ) -> Iterator[RunUpdate]:
        """:func:`.gpu.run_here` on workers."""
        run, blame, done = _Journey(recipe, session, uploads, batches), 0.0, 0
        with self.workers.seat(recipe.backbone) as seat:
            while not run.over and not run.complete:
                yield from self._wait_for_worker(seat)
                if seat.worker is None:
                    yield RunUpdate(None, refusal=UserError(NO_WORKERS))
                    return
                try:
                    yield from run.looks(seat, self.check)
                except WorkerLost:
                    seat.lost()
                    blame, done = (blame if run.done == done else 0.0) + max(LEAST_BLAME, 1 / run.company), run.done
                    if blame >= MOST_LOST:
                        yield RunUpdate(None, refusal=UserError(WORKERS_LOST))
                        return
                    time.sleep(PAUSE_SECONDS)

    def _wait_for_worker(self, seat: Seat) -> Iterator[RunUpdate]:
        """Until the seat has a worker, or the time for one to come is over."""
        began = time.monotonic()
        while seat.worker is None and not seat.take(LOOK_SECONDS):
            self.check()
            if time.monotonic() - began > self.limits.worker_wait_seconds:
                return
            yield RunUpdate(None, waiting=True)

    def ask(self, model: str, function: Callable[..., T], *arguments: Any) -> T:
        """What a module's ``function`` returns: asked of a worker that has the model.

        Raises:
            UserError: no worker is left.
        """
        with self.workers.seat(model) as seat:
            for _ in range(MOST_LOST):
                if not seat.take(self.limits.worker_wait_seconds):
                    break
                try:
                    with closing(seat.worker.stream(self.check, _once, function, *arguments)) as answers:
                        return next(answers)
                except WorkerLost:
                    seat.lost()
        raise UserError(NO_WORKERS)

    @property
    def device(self) -> str:
        """Where runs work: "cuda" or "cpu"."""
        return "cuda" if any(worker.report.device != "cpu" for worker in self.workers.present) else "cpu"

    def connect(self, pace: Pace) -> Callable[[], None]:
        """Joins the cluster that the environment names, and waits for its first worker. Returns what leaves it.

        Workers tell ``pace`` what they learn.

        Raises:
            UserError: there is no such cluster.
        """
        limits = self.limits
        plan = Plan(
            role=Role(get_ready, tell).packed,
            jobs=limits.runs_at_once,
            most=limits.workers,
            cores=limits.worker_cores,
            silent_seconds=limits.worker_silent_seconds,
            step_seconds=limits.worker_step_seconds,
            shared=True,
        )
        cluster = Cluster(ADDRESS, plan, self.workers, lambda report: pace.told(report.pace))
        cluster.start()
        if not self.workers.wait(limits.worker_wait_seconds):
            log_event("no-worker", logging.WARNING, seconds=limits.worker_wait_seconds)
        return cluster.stop


def perform_apart(
    recipe: Recipe, session: Session | None, uploads: Uploads | None, batches: int | None
) -> Iterator[RunUpdate]:
    """What a worker does of a run: :func:`.gpu.run_here`, without the session in looks inside a batch."""
    with closing(run_here(recipe, session, uploads, batches, this_machine())) as looks:
        for look in looks:
            yield replace(look, session=None) if look.live is not None else look


def _once(function: Callable[..., T], *arguments: Any) -> Iterator[T]:
    yield function(*arguments)


def get_ready() -> None:
    """What a worker does before its first run; then, beside, it fetches what the page opens with."""
    machine = this_machine()
    set_up(machine.limits)
    with suppress(UserError):  # a run says what is wrong
        warm_up(machine)

    def fetch() -> None:
        with suppress(UserError):
            prepare(read_form(opening()), machine.limits)

    threading.Thread(target=fetch, name="opening", daemon=True).start()


def tell(workers: int) -> dict[str, Any]:
    """What one of so many workers tells of itself, see :class:`.cluster.workers.Report`."""
    machine = this_machine()
    machine.scheduler.processes = workers
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    loaded = tuple(dict.fromkeys(loaded_backbones()))
    return {
        "device": device,
        "loaded": loaded,
        "step_seconds": machine.scheduler.step_seconds,
        "pace": machine.pace.known,
    }
