"""Workers as actors of Ray: one for each GPU of the cluster, or for each group of cores where there is none.

Ray starts them, starts a lost one again, and carries jobs and what they yield; here each is asked every second how it
stands. One that does not answer, or does not end a step, is ended, so that Ray puts a fresh one in its place. Where
machines join the cluster more workers are made.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import ray

from cliptta_demo import VERSION
from cliptta_demo.backend.errors import UserError
from cliptta_demo.cluster.worker import Role, WorkerProcess
from cliptta_demo.cluster.workers import Report, WorkerLost, Workers
from cliptta_demo.limits import PREFIX, RAY_VARIABLE
from cliptta_demo.log import log_event

logging.getLogger("ray").setLevel(logging.ERROR)  # its greetings would stand between the lines of our log

log = logging.getLogger(__name__)
ASK_SECONDS = 1.0  # between two questions to a worker
JOIN_SECONDS = 5.0  # between two looks for new machines
STOP_SECONDS = 10.0  # for Ray to end
AHEAD = 2  # of what a job yields, so much may lie there untaken
STORE_BYTES = 512 * 2**20  # shared memory of a cluster of our own, for what is on its way
NAMESPACE = "cliptta"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How workers are made.

    Attributes:
        role: what they are there for; jobs: that one takes at once; most: workers at most.
        cores: threads of one, and how many processor cores are one worker's where there is no GPU.
        silent_seconds: without an answer, and step_seconds: of one step, after which a worker counts as hung.
        heard: called with what one tells, each time.
        shared: whether all programs of this cluster with such workers have the same ones.
    """

    role: Role
    jobs: int
    most: int
    cores: int
    silent_seconds: float
    step_seconds: float
    heard: Callable[[Report], None] = lambda report: None
    shared: bool = False


@dataclass(eq=False)
class RayWorker:
    """One actor, as its user sees it; a :class:`.workers.Worker`."""

    name: str
    actor: Any
    report: Report = field(default_factory=Report)
    lives: int = 0  # counts how often it was lost
    lost_at: float = 0.0  # what it told before is not to be believed
    asked: tuple[Any, float] | None = None  # a question on its way, and since when

    def stream(self, check: Callable[[], None], function: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator:
        """See :class:`.workers.Worker`."""
        job, lives = pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL), self.lives
        method = self.actor.stream.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        try:
            results = method.remote(job)
            try:
                while True:
                    ready, _ = ray.wait([results], timeout=ASK_SECONDS)
                    check()
                    if self.lives != lives:
                        raise WorkerLost
                    if ready:
                        try:
                            result = next(results)
                        except StopIteration:
                            return
                        yield pickle.loads(ray.get(result))
            finally:
                with suppress(ray.exceptions.RayError, ValueError, TypeError):
                    ray.cancel(results)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            self.lost_at = time.monotonic()
            raise WorkerLost(str(error)) from error

    def ask(self, now: float, workers: int) -> None:
        """Sends it a question, if none is on its way, and how many workers there are."""
        if self.asked is None:
            self.asked = self.actor.tell.options(concurrency_group="telling").remote(workers), now

    def answer(self) -> dict[str, Any] | None:
        """What it told, if it did; raises Ray's error for one that is not there."""
        if self.asked is None or not ray.wait([self.asked[0]], timeout=0)[0]:
            return None
        (question, since), self.asked = self.asked, None
        told = ray.get(question)
        return told if since > self.lost_at else None


class RayCluster:
    """Keeps ``workers`` filled with the actors of a cluster.

    Args:
        address: "local" starts Ray on this machine alone; "auto", or HOST:PORT, joins a cluster that there is.
    """

    def __init__(self, address: str, plan: Plan, workers: Workers) -> None:
        self.address, self.plan, self.workers = address, plan, workers
        self._made: dict[str, RayWorker] = {}
        self._connected: Future[None] = Future()
        self._stopping = threading.Event()
        self._watching = threading.Thread(target=self._live, name="workers", daemon=True)

    def start(self) -> None:
        """Connects and begins to make workers, which takes seconds; :meth:`.Workers.wait` waits for the first.

        Raises:
            UserError: there is no such cluster.
        """
        if self.address.startswith("ray://"):
            raise UserError(
                f"The cluster's address is {self.address!r}, but Ray's client does not stream. Start this program on a "
                "machine of the cluster, with auto or HOST:PORT."
            )
        self._watching.start()
        try:
            self._connected.result()
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(f"No Ray cluster at {self.address!r}: {error}") from error

    def stop(self) -> None:
        """Lets the workers go; ends a cluster of our own."""
        self._stopping.set()
        self._watching.join(STOP_SECONDS)

    def _live(self) -> None:
        """From the connection to its end in one thread: what Ray starts for us would end with the one that began it."""
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": NAMESPACE}
        if self.address == "local":
            quiet |= {"include_dashboard": False, "object_store_memory": STORE_BYTES}
        try:
            ray.init(address=self.address, **quiet)
        except Exception as error:
            self._connected.set_exception(error)
            return
        self._connected.set_result(None)
        try:
            self._watch()
        finally:
            ray.shutdown()

    def _watch(self) -> None:
        next_look = 0.0
        while not self._stopping.wait(ASK_SECONDS):
            try:
                if (now := time.monotonic()) >= next_look:
                    self._make_missing()
                    next_look = now + JOIN_SECONDS
                for worker in list(self._made.values()):
                    self._look_after(worker, now)
            except ray.exceptions.RayError:  # the cluster's head is out of reach for a moment
                log.warning("the cluster does not answer", exc_info=True)

    def _make_missing(self) -> None:
        """A worker for each GPU, or each group of cores, that the cluster has at present."""
        has = ray.cluster_resources()
        gpus, cpus = int(has.get("GPU", 0)), int(has.get("CPU", 1))
        cores = max(1, min(self.plan.cores, cpus // max(1, gpus)))
        count = gpus or cpus // cores
        needs = {"num_gpus": 1, "num_cpus": 0} if gpus else {"num_cpus": cores}
        ours = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and name != RAY_VARIABLE}
        for number in range(min(count, self.plan.most)):
            name = f"worker-{number}"
            if name not in self._made:
                shared = {"name": f"{VERSION}-{name}", "get_if_exists": True} if self.plan.shared else {}
                kind = ray.remote(max_restarts=-1, concurrency_groups={"telling": 1})(WorkerProcess)
                actor = kind.options(max_concurrency=self.plan.jobs, **needs, **shared)
                self._made[name] = RayWorker(name, actor.remote(ours, cores, pickle.dumps(self.plan.role)))

    def _look_after(self, worker: RayWorker, now: float) -> None:
        known = worker in self.workers.present
        worker.ask(now, max(1, len(self.workers.present)))
        try:
            told = worker.answer()
        except ray.exceptions.RayActorError as error:
            worker.asked = None
            self._lost(worker, "died")
            if isinstance(error, ray.exceptions.ActorDiedError):  # Ray does not start it again: we do
                why = str(error).strip().splitlines()[-1]
                log_event("worker-failed", logging.WARNING, worker=worker.name, why=why)
                del self._made[worker.name]
            return
        if told is not None:
            worker.report = Report(**told)
            self.plan.heard(worker.report)
            if worker.report.step_seconds > self.plan.step_seconds:
                self._end(worker, "did not end a step")
                return
            if not known:
                log_event("worker-joined", worker=worker.name, device=worker.report.device)
            self.workers.join(worker)
        elif known and worker.asked is not None and now - worker.asked[1] > self.plan.silent_seconds:
            self._end(worker, "did not answer")

    def _end(self, worker: RayWorker, why: str) -> None:
        self._lost(worker, why)
        worker.asked = None
        ray.kill(worker.actor, no_restart=False)

    def _lost(self, worker: RayWorker, why: str) -> None:
        if worker in self.workers.present:
            log_event("worker-lost", logging.WARNING, worker=worker.name, why=why)
        worker.lives += 1
        self.workers.leave(worker)
