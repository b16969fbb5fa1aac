"""Runs at work at the same time take turns, step by step, so that no long or heavy run holds up the others.

One step at a time uses all cores, and only that step's activations are in memory. Whose turn is next is decided by
time used: the run that has had least of it goes first, so that a step of a large model is paid for by waiting. A new
run starts with as much as the least of the others has used; it neither jumps the line for long nor waits for all.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Share:
    """One run's part of the machine: ``used`` counts its seconds, from where it joined."""

    turns: Turns
    used: float = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for this run's turn; nobody else works while inside. A thread takes one turn at a time."""
        self.turns._wait(self)
        began = time.monotonic()
        try:
            yield
        finally:
            self.used += time.monotonic() - began
            self.turns._pass_on()


@dataclass(eq=False)
class Turns:
    """Who works next. Thread-safe; each waiting run sleeps until it is its turn."""

    _shares: set[Share] = field(default_factory=set)
    _line: list[tuple[float, int, threading.Event]] = field(default_factory=list)  # a heap: least time used first
    _arrivals: int = 0
    _busy: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def joined(self) -> Iterator[Share]:
        """A share of the machine, for as long as the run lasts."""
        with self._lock:
            share = Share(self, min((other.used for other in self._shares), default=0.0))
            self._shares.add(share)
        try:
            yield share
        finally:
            with self._lock:
                self._shares.discard(share)

    def _wait(self, share: Share) -> None:
        with self._lock:
            if not self._busy:
                self._busy = True
                return
            mine = threading.Event()
            self._arrivals += 1  # among equals, first come, first served
            heapq.heappush(self._line, (share.used, self._arrivals, mine))
        mine.wait()  # whoever passes the turn on leaves it busy for us

    def _pass_on(self) -> None:
        with self._lock:
            if self._line:
                heapq.heappop(self._line)[2].set()
            else:
                self._busy = False


TURNS = Turns()
