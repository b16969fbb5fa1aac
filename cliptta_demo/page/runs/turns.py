"""Runs at work at the same time take turns, step by step, so that no long or heavy run holds up the others.

All steps are done by one thread: a step uses all cores anyway, only its activations are in memory, and what the kernels
keep for each thread is kept once. Whose step is next is decided by time used: the run that has had least of it goes
first, so that a step of a large model is paid for by waiting. Before such a step there is a short pause for a lighter
run that is about to ask for its next one; else it would always just miss its turn. A new run starts with as much as the
least of the others has used; it neither jumps the line for long nor waits for all. Who did not ask for turns, waiting
for a slow disk say, has saved up none: when they come back, those who kept working are not put behind them.
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
from typing import Any, TypeVar

T = TypeVar("T")
HEAVIER = 4.0  # a step this many times as long waits for a lighter one
PATIENCE, MOST_PATIENCE = 0.2, 1.0  # for this share of its own time, and at most so many seconds


@dataclass(eq=False)
class Share:
    """One run's part of the machine: ``used`` counts its seconds, from where it joined; ``last`` is its last step's."""

    turns: Turns
    used: float = 0.0
    last: float = 0.0

    def call(self, step: Callable[[], T]) -> T:
        """Waits for this run's turn and returns what ``step`` returns, or raises what it raises."""
        return self.turns._put(self, step).result()


@dataclass(eq=False)
class Turns:
    """Who works next. Thread-safe; the thread that works begins with the first step.

    Attributes:
        processes: that do the runs of one page, this one among them.
    """

    processes: int = 1

    _shares: set[Share] = field(default_factory=set)
    _line: list[tuple[float, int, Share, Callable[[], Any], Future]] = field(default_factory=list)  # a heap
    _arrivals: int = 0
    _now: float = 0.0  # what the run at work had used before its turn: nobody in line counts as having used less
    _began: float | None = None  # of the step at work
    _process: int = 0  # a forked process has no thread yet
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def joined(self) -> Iterator[Share]:
        """A share of the machine, for as long as the run lasts."""
        with self._changed:
            share = Share(self, min((other.used for other in self._shares), default=0.0))
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
        """How long the step at work has taken so far; 0 where none is."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def _put(self, share: Share, step: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._changed:
            if self._process != os.getpid():
                self._process = os.getpid()
                threading.Thread(target=self._work, name="steps", daemon=True).start()
            share.used = max(share.used, self._now)
            self._arrivals += 1  # among equals, first come, first served
            heapq.heappush(self._line, (share.used, self._arrivals, share, step, future))
            self._changed.notify_all()
        return future

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._line)
                patience = min(PATIENCE * self._line[0][2].last, MOST_PATIENCE)
                self._changed.wait_for(lambda: not self._lighter_ones(), patience)
                _, _, share, step, future = heapq.heappop(self._line)
                self._now = max(self._now, share.used)
            self._began = began = time.monotonic()
            try:
                result, error = step(), None
            except BaseException as raised:
                result, error = None, raised
            share.last = time.monotonic() - began
            self._began = None
            share.used += share.last
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
            del share, step, future, result, error  # while waiting, nothing of a run is kept

    def _lighter_ones(self) -> list[Share]:
        """Runs that would be ahead of the first in line, with much shorter steps, if they were in line already."""
        first, waiting = self._line[0][2], {entry[2] for entry in self._line}
        return [
            share
            for share in self._shares - waiting
            if share.used < first.used and 0 < HEAVIER * share.last < first.last
        ]


TURNS = Turns()
