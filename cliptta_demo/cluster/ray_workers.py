"""Workers as actors of Ray: one for each GPU of the cluster, or for each group of cores where there is none.

Ray starts them, starts a lost one again, and carries jobs and what they yield; here each is asked every second how it
stands. One that does not answer, or does not end a step, is ended, so that Ray puts a fresh one in its place. Where
machines join the cluster more workers are made. All this is Ray's driver, a process that serves the program
(:mod:`.driver`) and ends with it.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import ray

from cliptta_demo import VERSION
from cliptta_demo.cluster.driver import ASK_SECONDS, JOIN_SECONDS, STOP_SECONDS, Order, Plan, bridge
from cliptta_demo.cluster.worker import WorkerProcess
from cliptta_demo.cluster.workers import Report, WorkerLost
from cliptta_demo.log import log_event, start_log

logging.getLogger("ray").setLevel(logging.ERROR)  # its greetings would stand between the lines of our log

log = logging.getLogger(__name__)
AHEAD = 2  # of what a job yields, so much may lie there untaken
STORE_BYTES = 512 * 2**20  # shared memory of a cluster of our own, for what is on its way
NAMESPACE = "cliptta"


def end_without_node() -> None:
    """Ends this process where its node has: Ray would wait for it, or end it at some other moment."""
    node = ray.get_runtime_context().get_node_id()
    if not any(one["Alive"] and one["NodeID"] == node for one in ray.nodes()):
        os._exit(1)


@dataclass(eq=False)
class RayWorker:
    """One actor, as the driver sees it."""

    name: str
    actor: Any
    report: Report | None = None  # None while it is not there
    lives: int = 0  # counts how often it was lost
    lost_at: float = 0.0  # what it told before is not to be believed
    asked: tuple[Any, float] | None = None  # a question on its way, and since when

    def stream(self, job: bytes) -> Iterator[bytes | BaseException]:
        """What a job yields, pickled, or what it raises; nothing, as b"", now and then while it is waited for."""
        lives = self.lives
        method = self.actor.stream.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        try:
            results = method.remote(job)
            try:
                while True:
                    ready, _ = ray.wait([results], timeout=ASK_SECONDS)
                    if self.lives != lives:
                        raise WorkerLost
                    try:
                        yield ray.get(next(results)) if ready else b""
                    except StopIteration:
                        return
            finally:
                with suppress(ray.exceptions.RayError, ValueError, TypeError):
                    ray.cancel(results)
        except ray.exceptions.RayTaskError as error:
            yield error.cause
        except ray.exceptions.RayError as error:
            end_without_node()
            self.lost_at = time.monotonic()
            self.leave("died")
            raise WorkerLost(str(error)) from error

    def leave(self, why: str) -> None:
        """It is not there, until it tells of itself again."""
        if self.report is not None:
            log_event("worker-lost", logging.WARNING, worker=self.name, why=why)
        self.report = None

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


class RayWorkers:
    """The workers of a cluster, which it makes and looks after."""

    def __init__(self, address: str, plan: Plan, environment: dict[str, str]) -> None:
        self.address, self.plan, self.environment = address, plan, environment
        self._made: dict[str, RayWorker] = {}
        self._connected: Future[None] = Future()
        self._stopping = threading.Event()

    def connected(self) -> None:
        """Waits for the connection; raises what stands in its way."""
        self._connected.result()

    def present(self) -> dict[str, Report]:
        """What those that can be given jobs last told, by their names."""
        reports = {name: worker.report for name, worker in list(self._made.items())}
        return {name: report for name, report in reports.items() if report is not None}

    def stream(self, name: str, job: bytes) -> Iterator[bytes | BaseException]:
        """See :class:`RayWorker`; raises :class:`.workers.WorkerLost` where there is no such worker."""
        if name not in self._made:
            raise WorkerLost
        return self._made[name].stream(job)

    def live(self) -> None:
        """From the connection to its end in one thread: what Ray starts for us would end with the one that began it."""
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": NAMESPACE}
        if self.address == "local":
            quiet |= {"include_dashboard": False, "object_store_memory": STORE_BYTES}
        try:
            ray.init(address=self.address, **quiet)
        except Exception as error:
            self._connected.set_exception(error)
            self._stopping.wait()
            return
        self._connected.set_result(None)
        try:
            self._watch()
        finally:
            ray.shutdown()

    def end_with(self, program: IO[bytes]) -> None:
        """Ends when the program, or its pipe, has."""
        program.read()
        self._stopping.set()
        time.sleep(STOP_SECONDS)
        os._exit(1)

    def _watch(self) -> None:
        next_look = 0.0
        while not self._stopping.wait(ASK_SECONDS):
            try:
                if (now := time.monotonic()) >= next_look:
                    end_without_node()
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
        for number in range(min(count, self.plan.most)):
            name = f"worker-{number}"
            if name not in self._made:
                shared = {"name": f"{VERSION}-{name}", "get_if_exists": True} if self.plan.shared else {}
                kind = ray.remote(max_restarts=-1, concurrency_groups={"telling": 1})(WorkerProcess)
                actor = kind.options(max_concurrency=self.plan.jobs, **needs, **shared)
                self._made[name] = RayWorker(name, actor.remote(self.environment, cores, self.plan.role))

    def _look_after(self, worker: RayWorker, now: float) -> None:
        known = worker.report is not None
        worker.ask(now, max(1, len(self.present())))
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
            report = Report(**told)
            if report.step_seconds > self.plan.step_seconds:
                self._end(worker, "did not end a step")
                return
            if not known:
                log_event("worker-joined", worker=worker.name, device=report.device)
            worker.report = report
        elif known and worker.asked is not None and now - worker.asked[1] > self.plan.silent_seconds:
            self._end(worker, "did not answer")

    def _end(self, worker: RayWorker, why: str) -> None:
        self._lost(worker, why)
        worker.asked = None
        ray.kill(worker.actor, no_restart=False)

    def _lost(self, worker: RayWorker, why: str) -> None:
        worker.lives += 1
        worker.leave(why)


def main() -> None:
    """The driver: reads its order, serves the program, and ends with it."""
    order: Order = pickle.load(sys.stdin.buffer)
    if order.logs:
        start_log(os.environ)
    workers = RayWorkers(order.address, order.plan, order.environment)
    server = bridge(order, workers).get_server()
    for work in (server.serve_forever, partial(workers.end_with, sys.stdin.buffer)):
        threading.Thread(target=work, daemon=True).start()
    os.write(1, b"\n")
    os.dup2(2, 1)  # what Ray prints is no answer
    workers.live()
