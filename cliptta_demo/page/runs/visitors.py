"""What visitors' sessions hold in memory, bounded for all of them together, and how they end.

A run's largest size is set aside when it starts; where there is no room the longest unused idle session goes, and its
visitor is told when they come back. When a visitor has left, their run is ended, it and their images are deleted.
Gradio by itself keeps both for an hour, and lets a run go on that nobody listens to. A connection may also break for a
moment, so there is a short wait, which any sign of life ends.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.arithmetic import RunSize, nbytes
from cliptta_demo.languages import say, say_count
from cliptta_demo.limits import MB, Limits
from cliptta_demo.page.framework.gradio_parts import calls_of, end_events, forget_session, sessions_known, states_of
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Session, Uploads
from cliptta_demo.page.words.texts import LOST, MEMORY_TAKEN

log = logging.getLogger(__name__)
LONGEST_STEP = 60.0  # seconds until a run counts as ended that was told to end: each of its steps keeps the session
KEPT = (Session, Uploads, PastRuns)  # what weighs of a session
LITTLE = 100_000  # bytes: taking a session that holds less from its visitor would make no room


class Visitors:
    """All of a page's, by their session's key. Thread-safe.

    Attributes:
        left: when whose connection has ended, of those who are still to be forgotten; 0 where that failed.
    """

    def __init__(self, demo: gr.Blocks, runs: Runs, limits: Limits) -> None:
        self._demo, self._runs, self._limits = demo, runs, limits
        self.left: dict[str, float] = {}
        self._sizes: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._aside: dict[object, tuple[str, int]] = {}
        self._lost: dict[str, int] = {}
        self._lock = threading.RLock()

    @property
    def used(self) -> int:
        """Bytes held by what is idle, and set aside for what is at work."""
        with self._lock:
            aside: Counter[str] = Counter()
            for key, count in self._aside.values():
                aside[key] += count
            return sum(max(aside[key], self._held(key)) for key in {*aside, *sessions_known(self._demo)})

    def _held(self, key: str) -> int:
        parts = (part for part in [*states_of(self._demo, key).values()] if isinstance(part, KEPT))
        return sum(self._sizes.get(part) or self._sizes.setdefault(part, nbytes(part)) for part in parts)

    @contextmanager
    def set_aside(self, key: str, size: RunSize) -> Iterator[None]:
        """While inside, a run of this size is at work; raises :class:`UserError` where such take all memory."""
        token = object()
        with self._lock:
            self._aside[token] = key, size.kept + size.working
        try:
            if not self._make_room(key):
                raise UserError(MEMORY_TAKEN)
            yield
        finally:
            with self._lock:
                del self._aside[token]

    def _make_room(self, key: str = "") -> bool:
        """Lets others' idle sessions go, the longest unused first, until all fit; False where they still don't."""
        most = self._limits.sessions_megabytes * MB
        with self._lock:
            at_work = {key, *(other for other, _ in self._aside.values())}
            for other in sessions_known(self._demo):
                if self.used <= most:
                    break
                if other not in at_work and self._held(other) > LITTLE and not self._in_use(other):
                    self._drop(other)
            return self.used <= most

    def _in_use(self, key: str) -> bool:
        return self._runs.is_busy(key) or bool(calls_of(self._demo, key))

    def _drop(self, key: str) -> None:
        """Takes an idle visitor's run and decoded images out of memory; files stay, and are decoded when needed."""
        states = states_of(self._demo, key)
        for number, value in list(states.items()):
            if isinstance(value, Session):
                self._lost[key], states[number] = value.state.next_batch, None
            elif isinstance(value, PastRuns):
                states[number] = PastRuns()
            elif isinstance(value, Uploads):
                states[number] = replace(value, size=0, pixels=value.pixels[:0].clone())
        self._runs.freed = True

    def apology(self, key: str) -> str:
        """What a visitor whose run was dropped is told, once it starts again; empty for others."""
        return _sentence(self._lost.pop(key, 0), f", {say('and it started again from the source model.')}")

    def advice(self, key: str) -> str:
        """What they are told before."""
        return _sentence(self._lost.get(key, 0), f": {say('press Run to start it again.')}")

    @property
    def undeleted(self) -> int:
        """Sessions that could not be deleted, which is tried again."""
        return sum(not left for left in [*self.left.values()])

    def gone(self, key: str) -> None:
        """The connection has ended: everything is deleted after some seconds."""
        self.left[key] = time.monotonic()

    def here(self, key: str, asked: float | None = None) -> None:
        """A sign of life: nothing is deleted. ``asked``: when it was given; one from before the end is none."""
        if asked is None or asked > self.left.get(key, 0.0):
            self.left.pop(key, None)

    def sweep(self, now: float | None = None) -> None:
        """Deletes what is left of who has left; where there are too many sessions, or bytes, those longest unused."""
        now = time.monotonic() if now is None else now
        for key, left in tuple(self.left.items()):
            late = now - left - self._limits.leave_seconds
            if late >= 0 and not (end_events(self._demo, key) and late < LONGEST_STEP):
                self._forget(key)
                self._lost.pop(key, None)
        known = sessions_known(self._demo)
        idle = (key for key in known if not self._in_use(key))
        for key in islice(idle, max(0, len(known) - self._limits.sessions)):
            self._drop(key)  # so that they are told
            self._forget(key)
        self._make_room()

    def _forget(self, key: str) -> None:
        try:
            forget_session(self._demo, key)
        except Exception:
            if self.left.get(key, True):
                log.exception("a session could not be deleted; it is tried again")
            self.left[key] = 0.0
            return
        self.left.pop(key, None)
        self._runs.freed = True


def _sentence(batches: int, end: str) -> str:
    words = LOST.format(batches=say_count("{count} batch", "{count} batches", batches))
    return f"{words}{end}" if batches else ""
