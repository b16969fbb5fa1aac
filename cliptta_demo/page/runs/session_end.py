"""When a visitor has left: their run is ended, it and their images are deleted, memory and files alike.

Gradio by itself keeps both for an hour after the connection ended, lets a run go on that nobody ever listened to, and
keeps the letter box of every visitor. A connection may also break for a moment, so there is a short wait, which any
sign of life ends. What can't be deleted is tried again some times, and counted if that never helps.
"""

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import islice

import gradio as gr

from cliptta_demo.page.framework import gradio_parts
from cliptta_demo.page.runs.memory_budget import MemoryBudget
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Session, Uploads

log = logging.getLogger(__name__)
LONGEST_SHOWN = 1000  # characters of a part of the page that may stay
# What is deleted, in order; the page goes after the states, which Gradio finds through it.
PARTS = {
    "states": gradio_parts.delete_states,
    "page": gradio_parts.delete_page,
    "letter box": gradio_parts.delete_letter_box,
}


class SessionEnd:
    """Visitors whose connection has ended, by their session's key. ``undeleted`` counts those given up on.

    Args:
        grace: seconds from the end of a connection to the deletion of everything.
        again: between two looks at a run that has yet to end its step.
        pauses: before each new try to delete what could not be deleted.
    """

    def __init__(
        self,
        demo: gr.Blocks,
        runs: Runs,
        memory: MemoryBudget,
        grace: float,
        again: float = 0.5,
        pauses: Sequence[float] = (1.0, 5.0, 30.0, 120.0),
    ) -> None:
        self._demo, self._runs, self._memory = demo, runs, memory
        self._grace, self._again, self._pauses = grace, again, pauses
        self.undeleted = 0
        self._timers: dict[str, threading.Timer] = {}
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def gone(self, key: str) -> None:
        """The connection has ended: deletes everything after some seconds."""
        with self._lock:
            before = self._timers.pop(key, None)
            self._since[key] = time.monotonic()
            self._start(self._grace, key, tuple(PARTS), 0)
        if before is not None:
            before.cancel()

    def here(self, key: str, asked: float | None = None) -> None:
        """A sign of life: nothing is deleted. ``asked``: when it was given; one from before the end is none."""
        with self._lock:
            if asked is not None and asked <= self._since.get(key, asked - 1):
                return
            self._since.pop(key, None)
            timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _start(self, seconds: float, key: str, left: Collection[str], tries: int) -> None:
        self._timers[key] = timer = threading.Timer(seconds, self._delete, (key, left, tries))
        timer.daemon = True
        timer.start()

    def _delete(self, key: str, left: Collection[str], tries: int) -> None:
        """Deletes the parts that are ``left`` after so many ``tries``."""
        with self._lock:
            if self._timers.pop(key, None) is None:
                return
            if self._end_runs(key):  # each of its steps would bring the session back
                self._start(self._again, key, left, tries)
                return
        last = tries == len(self._pauses)
        failed = _delete_parts(key, self._demo, left, last)
        self._runs.forgot()
        with self._lock:
            if key in self._timers or key not in self._since:  # left again meanwhile, or came back
                return
            if failed and not last:
                self._start(self._pauses[tries], key, failed, tries + 1)
                return
            self._since.pop(key)
            self.undeleted += bool(failed)
        if failed:
            log.error("a session could not be deleted: %s", ", ".join(failed))

    def _end_runs(self, key: str) -> bool:
        """Tells the visitor's runs, at work or in line, to end at their next step; whether there was any."""
        try:
            found = gradio_parts.end_events(self._demo, key)
            self._runs.close_abandoned(self._demo)
            return found
        except Exception:  # must not keep the session from being deleted
            log.exception("the runs of who left could not be ended")
            return False

    def bound(self, most: int) -> None:
        """Of more sessions the longest unused goes, as with Gradio; but with its files, and none in use."""

        def used(key: str) -> None:
            known = gradio_parts.sessions_known(self._demo)
            others = (one for one in known if one != key and not in_use(self._demo, self._runs, one))
            for other in islice(others, max(0, len(known) - most)):
                self._memory.drop(other)  # so that they are told
                _delete_parts(other, self._demo, tuple(PARTS), last=True)
                self._runs.forgot()

        gradio_parts.when_session_is_used(self._demo, used)


def _delete_parts(key: str, demo: gr.Blocks, left: Collection[str], last: bool) -> list[str]:
    """Deletes each of the parts, whatever happens to the others; those that could not be."""
    failed: list[str] = []
    for name in left:
        if name == "page" and "states" in failed and not last:
            failed.append(name)
            continue
        try:
            PARTS[name](demo, key)
        except Exception:
            log.warning("the %s of a session could not be deleted", name, exc_info=True)
            failed.append(name)
    return failed


def put_away(demo: gr.Blocks, runs: Runs, key: str) -> int:
    """Takes an idle visitor's run and decoded images out of memory. Files stay, and are decoded again when needed.

    Returns how many batches the run had.
    """
    batches, states = 0, gradio_parts.states_of(demo, key)
    for number, value in list(states.items()):
        if isinstance(value, Session):
            batches, states[number] = value.state.next_batch, None
        elif isinstance(value, PastRuns):
            states[number] = PastRuns()
        elif isinstance(value, Uploads):
            states[number] = replace(value, size=0, pixels=value.pixels[:0].clone())
    for part in gradio_parts.shown_of(demo, key):  # what the page last showed; only links of Gradio's read it
        if len(str(part.get("props", {}).get("value") or "")) > LONGEST_SHOWN:
            part["props"]["value"] = ""
    runs.forgot()
    return batches


def in_use(demo: gr.Blocks, runs: Runs, key: str) -> bool:
    """Whether a run of this visitor's is at work, or a call of theirs in line."""
    return runs.is_busy(key) or bool(gradio_parts.calls_of(demo, key))
