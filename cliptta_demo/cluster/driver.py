"""A cluster as the program has it: Ray's driver is a process beside it, which it outlives.

Ray ends a driver, without a word, when its node's own process is gone (out of memory, say). So the program asks its
driver (:mod:`.ray_workers`) every second who is there, and for what jobs yield. When the driver has ended no worker is
there, and a new one is started until there is a cluster again.
"""

import logging
import os
import pickle
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from importlib.util import find_spec
from multiprocessing.managers import BaseManager, IteratorProxy
from tempfile import TemporaryDirectory
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.cluster.workers import Report, WorkerLost, Workers
from cliptta_demo.log import log_event

MOST_LOST = 3.0  # workers that failed a piece of a job alone: then the job itself is taken to be what ends them
LEAST_BLAME = 0.1  # for a worker's end, however many jobs it had
ASK_SECONDS = 1.0  # between two questions to the driver, of the driver to a worker, and of a job for a worker
RETRY_SECONDS = 5.0  # between two looks for a cluster where there is none
STOP_SECONDS = 10.0  # for Ray to end
NOBODY = Workers()  # who works where there is no driver


class Bridge(BaseManager):
    """The way from the program to its driver, a :class:`.ray_workers.RayWorkers`."""


class Results(IteratorProxy):
    """What a job yields, on that way."""

    def close(self) -> None:
        """Ends the job, if the driver has not ended."""
        with suppress(EOFError, OSError):
            super().close()


Bridge.register("Stream", proxytype=Results, create_method=False)
Bridge.register("workers")


class Cluster:
    """The workers of a cluster; what they last told is in ``reports``, by their names. Pages share them.

    What workers are there for says the module of the class: ``get_ready()`` is called once, before one counts as there;
    ``tell(workers)``, the values of a :class:`.workers.Report` of one of so many, every second.

    Args:
        address: "local" starts Ray on this machine alone; "auto", or HOST:PORT, joins a cluster that there is; "" is no
            address, for tests.
        limits: a :class:`.limits.Limits`: of workers and of what one takes at once.
        learnt: called with the pace that workers tell; check: called while a job is waited for, ends it by raising.
    """

    def __init__(
        self, address: str, limits: Any, learnt: Callable[[dict[str, float]], None], check: Callable[[], None]
    ) -> None:
        if address and find_spec("ray") is None:
            raise UserError("Several workers need Ray, which is not installed: pip install -r requirements-cluster.txt")
        self.address, self.learnt, self.check = address, learnt, check
        self.limits = asdict(limits)  # the class itself loads torch, which a driver has no need of
        self.wait_seconds = limits.worker_wait_seconds
        self.driver: Any = NOBODY
        self.reports: dict[str, Report] = {}
        self._came, self._stopping = threading.Event(), threading.Event()
        self._watching = threading.Thread(target=self._watch, name="workers", daemon=True)

    def start(self) -> bool:
        """Connects and begins to make workers; says whether one has come in time.

        Raises:
            UserError: there is no such cluster.
        """
        if self.address.startswith("ray://"):
            raise UserError(
                "Ray's client does not stream: start this on a machine of the cluster, as auto or HOST:PORT."
            )
        try:
            self._connect()
        except (OSError, EOFError) as error:
            self._disconnect()
            raise UserError("No Ray cluster at {address}: {error}", address=self.address, error=str(error)) from error
        self._watching.start()
        return self._came.wait(self.wait_seconds)

    def stop(self) -> None:
        """Lets the workers go; ends a cluster of our own."""
        self._stopping.set()
        self._watching.join(STOP_SECONDS)
        self._disconnect()

    def stream(
        self, model: str, failed: dict[str, float], left: Callable[[], tuple[Any, ...]]
    ) -> Iterator[tuple[str, bool, Any]]:
        """What a job yields: the worker's name, whether no other one is better by now, the result; None while it waits.

        Args:
            model: that the job uses; failed: workers that failed it since its last whole piece, and how much it is
                to blame for that; added to here, and forgotten by the caller.
            left: the module's function that is to be done, a generator, and its arguments; asked again after a loss.

        Raises:
            WorkerLost: none came in time, or ``MOST_LOST`` have failed; also what the function raises.
        """
        waited = 0.0
        while sum(failed.values()) < MOST_LOST:
            try:
                job = pickle.dumps(left(), pickle.HIGHEST_PROTOCOL)
                with closing(self.driver.stream(model, failed, job)) as results:
                    for worker, settled, result in results:
                        self.check()
                        waited = 0.0
                        if result:
                            if isinstance(value := pickle.loads(result), Exception):
                                raise value
                            yield worker, settled, value
                return
            except (WorkerLost, EOFError, OSError) as error:  # or the driver has ended
                lost = error if isinstance(error, WorkerLost) else WorkerLost()
            self.check()
            if lost.worker:
                failed[lost.worker] = failed.get(lost.worker, 0.0) + max(LEAST_BLAME, 1 / lost.jobs)
            elif waited >= self.wait_seconds:
                break
            else:
                yield "", True, None
            waited += ASK_SECONDS
            time.sleep(ASK_SECONDS)
        raise WorkerLost

    def _connect(self) -> None:
        self._folder = TemporaryDirectory(prefix="cliptta-ray-")
        socket, key = f"{self._folder.name}/driver", secrets.token_bytes(16)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from cliptta_demo.cluster.ray_workers import main; main()"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,  # open for as long as the driver is wanted
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the program, which then closes the pipe
        )
        pickle.dump((self.address, type(self).__module__, self.limits, socket, key), self._process.stdin)
        self._process.stdin.flush()
        if (said := self._process.stdout.read().decode()) != "ready":
            raise ConnectionError(said or "the driver has ended")
        bridge = Bridge(socket, key)
        bridge.connect()
        self.driver = bridge.workers()

    def _disconnect(self) -> None:
        self.driver, self.reports = NOBODY, {}
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=STOP_SECONDS)
        self._process.kill()
        self._folder.cleanup()

    def _watch(self) -> None:
        while not self._stopping.wait(ASK_SECONDS):
            try:
                if self.driver is NOBODY:
                    self._connect()
                    log_event("cluster-back")
                self.reports = self.driver.look()
                for report in self.reports.values():
                    self.learnt(report.pace)
                    self._came.set()
            except Exception as error:  # it must not end the looking
                if self.driver is not NOBODY:
                    log_event("cluster-lost", logging.WARNING, why=type(error).__name__)
                self._disconnect()
                self._stopping.wait(RETRY_SECONDS)
