"""A cluster as the program has it: Ray's driver is a process beside it, which it outlives.

Ray ends a driver, without a word, when its node's own process is gone (out of memory, say). So the program asks its
driver (:mod:`.ray_workers`) every second who is there, and for what jobs yield. When the driver has ended all workers
are lost, and a new one is started until there is a cluster again.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.managers import BaseManager, IteratorProxy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.cluster.workers import Report, WorkerLost, Workers
from cliptta_demo.log import is_started, log_event

ASK_SECONDS = 1.0  # between two questions to the driver, and of the driver to a worker
JOIN_SECONDS = 5.0  # between two looks for new machines, or for a cluster where there is none
STOP_SECONDS = 10.0  # for Ray to end
PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How workers are made.

    Attributes:
        role: what they are there for, a pickled :class:`.worker.Role`; jobs: that one takes at once; most: workers.
        cores: threads of one, and how many processor cores are one worker's where there is no GPU.
        silent_seconds: without an answer, and step_seconds: of one step, after which a worker counts as hung.
        shared: whether all programs of this cluster with such workers have the same ones.
    """

    role: bytes
    jobs: int
    most: int
    cores: int
    silent_seconds: float
    step_seconds: float
    shared: bool = False


@dataclass(frozen=True)
class Order:
    """What a driver reads first from its standard input, which stays open for as long as the program wants it.

    Attributes:
        address: of the cluster; plan: of its workers; environment: their variables; socket: where it answers those
            who have the key; logs: whether it writes events down.
    """

    address: str
    plan: Plan
    environment: dict[str, str]
    socket: str
    key: bytes
    logs: bool


def bridge(order: Order, workers: Any = None) -> BaseManager:
    """The way from the program to its driver, which serves ``workers``: a :class:`.ray_workers.RayWorkers`."""

    class Bridge(BaseManager):
        pass

    Bridge.register("Stream", proxytype=IteratorProxy, create_method=False)
    Bridge.register("workers", lambda: workers, method_to_typeid={"stream": "Stream"})
    return Bridge(order.socket, order.key)


@dataclass(eq=False)
class Member:
    """One worker of the cluster, a :class:`.workers.Worker`; ``workers``: where it and the others are known."""

    name: str
    driver: Any
    workers: Workers
    report: Report

    def stream(self, check: Callable[[], None], function: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator:
        """See :class:`.workers.Worker`."""
        job = pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL)
        results = self._asked(self.driver.stream, self.name, job)
        try:
            while (result := self._asked(next, results, None)) is not None:
                check()
                if isinstance(result, BaseException):
                    raise result
                if result:
                    yield pickle.loads(result)
        finally:
            with suppress(WorkerLost):
                self._asked(results.close)

    def _asked(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the driver answers; when it has ended all its workers are gone, and no run is to try the next one."""
        try:
            return function(*arguments)
        except (EOFError, OSError) as error:
            for worker in self.workers.present:
                if worker.driver is self.driver:
                    self.workers.leave(worker)
            raise WorkerLost("the driver has ended") from error


class Cluster:
    """Keeps ``workers`` filled with those of a cluster.

    Args:
        address: "local" starts Ray on this machine alone; "auto", or HOST:PORT, joins a cluster that there is.
        heard: called with what a worker tells, each time.
    """

    def __init__(
        self, address: str, plan: Plan, workers: Workers, heard: Callable[[Report], None] = lambda report: None
    ) -> None:
        self.address, self.plan, self.workers, self.heard = address, plan, workers, heard
        self._members: dict[str, Member] = {}
        self._driver: Any = None
        self._stopping = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="workers", daemon=True)

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
        try:
            self._connect()
        except Exception as error:  # Ray has many
            self._disconnect()
            raise UserError(f"No Ray cluster at {self.address!r}: {error or 'the driver has ended'}") from error
        self._watching.start()

    def stop(self) -> None:
        """Lets the workers go; ends a cluster of our own."""
        self._stopping.set()
        self._watching.join(STOP_SECONDS)
        self._disconnect()

    def _connect(self) -> None:
        from cliptta_demo.limits import PREFIX, RAY_VARIABLE  # which load torch: not for the driver

        self._folder = TemporaryDirectory(prefix="cliptta-ray-")
        ours = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and name != RAY_VARIABLE}
        socket, key = f"{self._folder.name}/driver", secrets.token_bytes(16)
        order = Order(self.address, self.plan, ours, socket, key, is_started())
        path = os.pathsep.join(filter(None, (str(PACKAGE), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from cliptta_demo.cluster.ray_workers import main; main()"],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the program, which then closes the pipe
        )
        pickle.dump(order, self._process.stdin)
        self._process.stdin.flush()
        self._process.stdout.readline()  # it listens, or has ended
        manager = bridge(order)
        manager.connect()
        driver = manager.workers()
        driver.connected()
        self._driver = driver

    def _disconnect(self) -> None:
        self._driver = None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    def _watch(self) -> None:
        while not self._stopping.wait(ASK_SECONDS):
            try:
                if self._driver is None:
                    self._connect()
                    log_event("cluster-back")
                self._mirror(self._driver.present())
            except Exception as error:  # of Ray's, too: it must not end the looking
                if self._driver is not None:
                    log_event("cluster-lost", logging.WARNING, why=type(error).__name__)
                self._members.clear()
                self._mirror({})
                self._disconnect()
                self._stopping.wait(JOIN_SECONDS)

    def _mirror(self, present: dict[str, Report]) -> None:
        for name, report in present.items():
            member = self._members.setdefault(name, Member(name, self._driver, self.workers, report))
            member.report = report
            self.heard(report)
            self.workers.join(member)
        for worker in self.workers.present:
            if worker is not self._members.get(worker.name) or worker.name not in present:
                self.workers.leave(worker)
