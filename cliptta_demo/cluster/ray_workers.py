"""Workers as actors of Ray: one for each GPU of the cluster, or for each group of cores where there is none.

Ray starts them, starts a lost one again, and carries jobs and what they yield; here each is asked every second how it
stands. One that does not answer, or does not end a step, is ended, so that Ray puts a fresh one in its place. Where
machines join the cluster more workers are made. All this is Ray's driver, a process that serves the program
(:mod:`.driver`) and ends with it. Ray's own retries are no use to a stream: they do it from its beginning.
"""

import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import ActorDiedError, GetTimeoutError, RayError

from cliptta_demo import VERSION
from cliptta_demo.cluster.driver import ASK_SECONDS, STOP_SECONDS, Bridge
from cliptta_demo.cluster.workers import Report, Worker, WorkerLost, WorkerProcess, Workers
from cliptta_demo.log import log_event, start_log

AHEAD = 2  # of what a job yields, so much may lie there untaken
STORE_BYTES = 512 * 2**20  # shared memory of a cluster of our own, for what is on its way
QUIET = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": "cliptta"}
LOCAL = {"include_dashboard": False, "object_store_memory": STORE_BYTES}


class RayWorkers(Workers):
    """The workers of the cluster that this process is attached to, which it makes and looks after.

    Args:
        role, limits: the module and the limits of a :class:`.driver.Cluster`.
    """

    def __init__(self, role: str, limits: dict[str, Any]) -> None:
        super().__init__()
        self.role, self.limits = role, limits
        self.environment = {name: value for name, value in os.environ.items() if name.startswith("CLIPTTA_")}

    def look(self) -> dict[str, Report]:
        """Makes those that are missing; returns what those that are there last told."""
        with suppress(RayError):  # the cluster's head may be out of reach for a moment
            end_without_node()
            self._make_missing()
        return self.present

    def work(self, worker: Worker, job: bytes) -> Iterator[bytes]:
        """See :class:`.workers.Workers`."""
        method = worker.actor.stream.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        process, results = _process(worker), method.remote(job)
        try:
            while process and _process(worker) == process:
                if not ray.wait([results], timeout=ASK_SECONDS)[0]:
                    yield b""
                elif (result := next(results, None)) is None:
                    return
                else:
                    yield ray.get(result)
        except RayError:
            end_without_node()
            if _process(worker) == process:  # not yet another one, of which this is no news
                _leave(worker, "died")
        finally:
            with suppress(RayError, ValueError, TypeError):
                ray.cancel(results)
        raise WorkerLost

    def _make_missing(self) -> None:
        """A worker for each GPU, or each group of cores, that the cluster has at present."""
        has = ray.cluster_resources()
        gpus, cpus = int(has.get("GPU", 0)), int(has.get("CPU", 1))
        cores = max(1, min(self.limits["worker_cores"], cpus // max(1, gpus)))
        needs = {"num_gpus": 1, "num_cpus": 0} if gpus else {"num_cpus": cores}
        kind = ray.remote(max_restarts=-1, concurrency_groups={"telling": 1})(WorkerProcess)
        for name in (f"worker-{number}" for number in range(min(gpus or cpus // cores, self.limits["workers"]))):
            if name not in self.made:
                known = {"name": f"{VERSION}-{self.role}-{name}", "get_if_exists": True}
                actor = kind.options(max_concurrency=self.limits["runs_at_once"], **needs, **known)
                self.made[name] = Worker(name, actor.remote(self.environment, cores, self.role))
                threading.Thread(target=self._watch, args=[self.made[name]], daemon=True).start()

    def _watch(self, worker: Worker) -> None:
        """Asks it every second how it stands, until Ray gives it up: then another one is made."""
        while True:
            telling = worker.actor.tell.options(concurrency_group="telling")
            patience = self.limits["worker_silent_seconds"] if worker.report else None  # one that starts takes its time
            try:
                report = Report(**ray.get(telling.remote(max(1, len(self.present))), timeout=patience))
                if report.step_seconds > self.limits["worker_step_seconds"]:
                    raise GetTimeoutError
                if worker.report is None:
                    log_event("worker-joined", worker=worker.name, device=report.device)
                worker.report = report
            except GetTimeoutError:
                _leave(worker, "hangs")
                with suppress(RayError):
                    ray.kill(worker.actor, no_restart=False)
            except RayError as error:
                _leave(worker, "died")
                if isinstance(error, ActorDiedError):  # Ray does not start it again
                    why = str(error).strip().splitlines()[-1]
                    log_event("worker-failed", logging.WARNING, worker=worker.name, why=why)
                    del self.made[worker.name]
                    return
            time.sleep(ASK_SECONDS)


def _process(worker: Worker) -> int:
    return report.process if (report := worker.report) is not None else 0


def _leave(worker: Worker, why: str) -> None:
    """It is not there, until it tells of itself again."""
    if worker.report is not None:
        log_event("worker-lost", logging.WARNING, worker=worker.name, why=why)
    worker.report = None


def end_without_node() -> None:
    """Ends this process where its node has: Ray would wait for it, or end it at some other moment."""
    node = ray.get_runtime_context().get_node_id()
    if not any(one["Alive"] and one["NodeID"] == node for one in ray.nodes()):
        os._exit(1)


def main() -> None:
    """The driver: joins the cluster, tells the program "ready" or what stands in the way, serves it, ends with it."""
    address, role, limits, socket, key = pickle.load(sys.stdin.buffer)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints is no answer
    start_log(os.environ)
    threading.Thread(target=_end_with_program, daemon=True).start()
    workers, said = RayWorkers(role, limits), "ready"
    Bridge.register("workers", lambda: workers, method_to_typeid={"stream": "Stream"})
    server = Bridge(socket, key).get_server()
    try:  # in this thread, which lives longest: what Ray starts ends with the one that began it
        ray.init(address=address, **QUIET, **(LOCAL if address == "local" else {}))
    except Exception as error:  # Ray has many
        said = str(error)
    with answer:
        answer.write(said)
    if said == "ready":
        server.serve_forever()


def _end_with_program() -> None:
    sys.stdin.buffer.read()
    threading.Timer(STOP_SECONDS, os._exit, [1]).start()
    ray.shutdown()
    os._exit(0)
