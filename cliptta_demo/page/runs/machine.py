"""What runs share where their arithmetic is done: whose turn is next, how fast it goes, how much may be asked for.

Runs take turns, piece by piece; one thread works at a time, since a piece uses all cores. The run that has used least
time goes first, so that a piece of a large model is paid for by waiting. Before such a piece there is a short pause for
a lighter run that is about to ask for its next one: it would always just miss its turn. A new run starts with as much
as the least of the others has used; who asks for no turns, waiting for a disk say, saves up none.

All steps that don't rest in their middle are done by one thread, so that what the kernels keep for each thread is kept
once. One that rests stays in its thread, and a new one works until it goes on.
"""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from PIL import Image

from cliptta_demo.backend.hub.downloads import bound_downloads
from cliptta_demo.backend.models.loading import keep_loaded
from cliptta_demo.backend.run.arithmetic import Pace
from cliptta_demo.limits import LIMITS, MB, Limits

T = TypeVar("T")
SHORTEST = 0.05  # seconds: a turn that has just begun goes on where its step could rest
HEAVIER = 4.0  # a turn this many times as long waits for a lighter run
PATIENCE, MOST_PATIENCE = 0.2, 1.0  # for this share of its own time, and at most so many seconds


@dataclass(eq=False)
class Share:
    """One run's part of the machine.

    Attributes:
        check: called at the beginning of each turn; what it raises ends the step.
        used: seconds of its turns, from where it joined; last: of the last one.
    """

    scheduler: Scheduler
    check: Callable[[], None]
    used: float = 0.0
    last: float = 0.0

    def call(self, step: Callable[[], T]) -> T:
        """Waits for this run's turn and returns what ``step`` returns, or raises what it raises."""
        return self.scheduler._put(self, step).result()


@dataclass(eq=False)
class Scheduler:
    """Who works next. Thread-safe; the first thread that works begins with the first step.

    Attributes:
        processes: that do the runs of one page, this one among them.
        checker: makes the ``check`` of a run.
    """

    processes: int = 1
    checker: Callable[[], Callable[[], None]] = lambda: lambda: None

    _shares: set[Share] = field(default_factory=set)
    # A heap; without a step: one that rests waits for the future.
    _line: list[tuple[float, int, Share, Callable[[], Any] | None, Future]] = field(default_factory=list)
    _arrivals: int = 0
    _now: float = 0.0  # what the run at work had used before its turn: nobody in line counts as having used less
    _began: float | None = None  # of the turn
    _process: int = 0  # a forked process has no thread yet
    _here: threading.local = field(default_factory=threading.local)  # whose step is in this thread
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def joined(self) -> Iterator[Share]:
        """A share of the machine, for as long as the run lasts."""
        with self._changed:
            share = Share(self, self.checker(), min((other.used for other in self._shares), default=0.0))
            self._shares.add(share)
        try:
            yield share
        finally:
            with self._changed:
                self._shares.discard(share)

    @property
    def count(self) -> int:
        """Runs at work: those that take turns here, and as many in each other process."""
        return len(self._shares) * self.processes

    @property
    def step_seconds(self) -> float:
        """Of the turn so far; 0 where nobody works."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def rest(self) -> None:
        """Called by a step between two pieces: from here on it waits for its run's next turn. Elsewhere it is empty."""
        share: Share | None = getattr(self._here, "share", None)
        if share is None or self.step_seconds < SHORTEST:
            return
        self._count(share)
        turn = self._put(share, None)
        self._begin()
        turn.result()
        share.check()

    def _put(self, share: Share, step: Callable[[], T] | None) -> Future[T]:
        future: Future[T] = Future()
        with self._changed:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._begin()
            share.used = max(share.used, self._now)
            self._arrivals += 1  # among equals, first come, first served
            heapq.heappush(self._line, (share.used, self._arrivals, share, step, future))
            self._changed.notify_all()
        return future

    def _begin(self) -> None:
        threading.Thread(target=self._work, name="steps", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._line)
                patience = min(PATIENCE * self._line[0][2].last, MOST_PATIENCE)
                self._changed.wait_for(lambda: not self._lighter_ones(), patience)
                _, _, share, step, future = heapq.heappop(self._line)
                self._now = max(self._now, share.used)
            self._began = time.monotonic()
            if step is None:  # it goes on in its own thread, in the place of this one
                future.set_result(None)
                return
            self._here.share = share
            try:
                share.check()
                result, error = step(), None
            except BaseException as raised:
                result, error = None, raised
            self._here.share = None
            self._count(share)
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
            del share, step, future, result, error  # while waiting, nothing of a run is kept

    def _count(self, share: Share) -> None:
        share.last = self.step_seconds
        share.used += share.last
        self._began = None

    def _lighter_ones(self) -> list[Share]:
        """Runs that would be ahead of the first in line, with much shorter steps, if they were in line already."""
        first, waiting = self._line[0][2], {entry[2] for entry in self._line}
        return [
            share
            for share in self._shares - waiting
            if share.used < first.used and 0 < HEAVIER * share.last < first.last
        ]


@dataclass(frozen=True, eq=False)
class Machine:
    """One for each process that does arithmetic. Pickled, it becomes that of the process which unpickles it."""

    limits: Limits = LIMITS
    pace: Pace = field(default_factory=Pace)
    scheduler: Scheduler = field(default_factory=Scheduler)

    def __reduce__(self) -> tuple[Callable[[], Machine], tuple[()]]:
        return this_machine, ()


def set_up(limits: Limits) -> None:
    """Has this process keep to the limits of whatever it loads, downloads or opens."""
    Image.MAX_IMAGE_PIXELS = limits.images.max_pixels  # for whatever opens a picture besides our own decoder
    keep_loaded(limits.loaded_backbones)
    bound_downloads(limits.download_megabytes * MB)


@cache
def this_machine() -> Machine:
    """Of a worker's process, and of a ZeroGPU call's: there functions come by name, with arguments that pickle."""
    return Machine()
