"""When a visitor has left: their run is ended, it and their images are deleted, memory and files alike.

Gradio by itself keeps both for an hour after the connection ended, lets a run go on that nobody ever listened to, and
keeps the letter box of every visitor. A connection may also break for a moment, so there is a short wait, which any
sign of life ends. What can't be deleted is tried again every second.
"""

import logging
import time
from dataclasses import replace
from itertools import islice

import gradio as gr

from cliptta_demo.limits import Limits
from cliptta_demo.page.framework.gradio_parts import calls_of, end_events, forget_session, sessions_known, states_of
from cliptta_demo.page.runs.memory_budget import MemoryBudget
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Session, Uploads

log = logging.getLogger(__name__)
LONGEST_STEP = 60.0  # seconds until a run counts as ended that was told to end: each of its steps keeps the session


class SessionEnd:
    """Visitors whose connection has ended, by their session's key."""

    def __init__(self, demo: gr.Blocks, runs: Runs, memory: MemoryBudget, limits: Limits) -> None:
        self._demo, self._runs, self._memory, self._limits = demo, runs, memory, limits
        self._left: dict[str, float] = {}
        self._failed: set[str] = set()

    @property
    def leaving(self) -> int:
        """How many are still to be forgotten."""
        return len(self._left)

    @property
    def undeleted(self) -> int:
        """Sessions that could not be deleted, which is tried again."""
        return len(self._failed)

    def gone(self, key: str) -> None:
        """The connection has ended: everything is deleted after some seconds."""
        self._left[key] = time.monotonic()

    def here(self, key: str, asked: float | None = None) -> None:
        """A sign of life: nothing is deleted. ``asked``: when it was given; one from before the end is none."""
        if asked is None or asked > self._left.get(key, 0.0):
            self._left.pop(key, None)
            self._failed.discard(key)

    def sweep(self, now: float | None = None) -> None:
        """Deletes what is left of who has left, and of more sessions than there may be the longest unused."""
        now = time.monotonic() if now is None else now
        for key, left in tuple(self._left.items()):
            late = now - left - self._limits.leave_seconds
            if late >= 0 and not (end_events(self._demo, key) and late < LONGEST_STEP):
                self._forget(key)
        known = sessions_known(self._demo)
        idle = (key for key in known if not in_use(self._demo, self._runs, key))
        for key in islice(idle, max(0, len(known) - self._limits.sessions)):
            self._memory.drop(key)  # so that they are told
            self._forget(key)

    def _forget(self, key: str) -> None:
        try:
            forget_session(self._demo, key)
        except Exception:
            if key not in self._failed:
                log.exception("a session could not be deleted; it is tried again")
            self._failed.add(key)
            self._left.setdefault(key, 0.0)
            return
        self._left.pop(key, None)
        self._failed.discard(key)
        self._runs.forgot()


def put_away(demo: gr.Blocks, runs: Runs, key: str) -> int:
    """Takes an idle visitor's run and decoded images out of memory. Files stay, and are decoded again when needed.

    Returns how many batches the run had.
    """
    batches, states = 0, states_of(demo, key)
    for number, value in list(states.items()):
        if isinstance(value, Session):
            batches, states[number] = value.state.next_batch, None
        elif isinstance(value, PastRuns):
            states[number] = PastRuns()
        elif isinstance(value, Uploads):
            states[number] = replace(value, size=0, pixels=value.pixels[:0].clone())
    runs.forgot()
    return batches


def in_use(demo: gr.Blocks, runs: Runs, key: str) -> bool:
    """Whether a run of this visitor's is at work, or a call of theirs in line."""
    return runs.is_busy(key) or bool(calls_of(demo, key))
