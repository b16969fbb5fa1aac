"""When a visitor has left: their run is ended, it and their images are deleted, memory and files alike.

Gradio by itself keeps both for an hour after the connection ended, lets a run go on that nobody ever listened to, and
keeps the letter box of every visitor. A connection may also break for a moment, so there is a short wait, which any
sign of life ends. What can't be deleted is tried again some times, and counted if that never helps.
"""

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import replace
from itertools import islice

import gradio as gr

from cliptta_demo.limits import LIMITS
from cliptta_demo.page.framework import gradio_parts
from cliptta_demo.page.runs.memory_budget import KEEPING
from cliptta_demo.page.runs.registry import RUNS
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Session, Uploads

log = logging.getLogger(__name__)
GRACE = float(LIMITS.leave_seconds)
LONGEST_SHOWN = 1000  # characters of a part of the page that may stay
AGAIN = 0.5  # seconds between two looks at a run that has yet to end its step
PAUSES = (1.0, 5.0, 30.0, 120.0)  # seconds before each new try to delete what could not be deleted
# What is deleted, in order; the page goes after the states, which Gradio finds through it.
PARTS = {
    "states": gradio_parts.delete_states,
    "page": gradio_parts.delete_page,
    "letter box": gradio_parts.delete_letter_box,
}


class SessionEnd:
    """Visitors whose connection has ended, by their session's key. ``undeleted`` counts those given up on."""

    def __init__(self) -> None:
        self.undeleted = 0
        self._timers: dict[str, threading.Timer] = {}
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def gone(self, key: str, demo: gr.Blocks) -> None:
        """The connection has ended: deletes everything after ``GRACE`` seconds."""
        with self._lock:
            before = self._timers.pop(key, None)
            self._since[key] = time.monotonic()
            self._start(GRACE, key, demo, tuple(PARTS), 0)
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

    def _start(self, seconds: float, key: str, demo: gr.Blocks, left: Collection[str], tries: int) -> None:
        self._timers[key] = timer = threading.Timer(seconds, self._delete, (key, demo, left, tries))
        timer.daemon = True
        timer.start()

    def _delete(self, key: str, demo: gr.Blocks, left: Collection[str], tries: int) -> None:
        """Deletes the parts that are ``left`` after so many ``tries``."""
        with self._lock:
            if self._timers.pop(key, None) is None:
                return
            if _end_runs(key, demo):  # each of its steps would bring the session back
                self._start(AGAIN, key, demo, left, tries)
                return
        last = tries == len(PAUSES)
        failed = _delete_parts(key, demo, left, last)
        RUNS.forgot()
        with self._lock:
            if key in self._timers or key not in self._since:  # left again meanwhile, or came back
                return
            if failed and not last:
                self._start(PAUSES[tries], key, demo, failed, tries + 1)
                return
            self._since.pop(key)
            self.undeleted += bool(failed)
        if failed:
            log.error("a session could not be deleted: %s", ", ".join(failed))


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


def put_away(key: str, demo: gr.Blocks) -> None:
    """Takes an idle visitor's run and decoded images out of memory. Files stay, and are decoded again when needed."""
    states = gradio_parts.states_of(demo, key)
    for number, value in list(states.items()):
        if isinstance(value, Session):
            KEEPING.lose(key, value.state.next_batch)
            states[number] = None
        elif isinstance(value, PastRuns):
            states[number] = PastRuns()
        elif isinstance(value, Uploads):
            states[number] = replace(value, size=0, pixels=value.pixels[:0].clone())
    for part in gradio_parts.shown_of(demo, key):  # what the page last showed; only links of Gradio's read it
        if len(str(part.get("props", {}).get("value") or "")) > LONGEST_SHOWN:
            part["props"]["value"] = ""
    RUNS.forgot()


def bound_sessions(demo: gr.Blocks) -> None:
    """Of more than ``LIMITS.sessions`` the longest unused goes, as with Gradio; but with its files, and none in use."""

    def used(key: str) -> None:
        known = gradio_parts.sessions_known(demo)
        surplus = max(0, len(known) - LIMITS.sessions)
        for other in islice((other for other in known if other != key and not in_use(other, demo)), surplus):
            put_away(other, demo)  # so that they are told
            _delete_parts(other, demo, tuple(PARTS), last=True)
            RUNS.forgot()

    gradio_parts.when_session_is_used(demo, used)


def in_use(key: str, demo: gr.Blocks) -> bool:
    """Whether a run of this visitor's is at work, or a call of theirs in line."""
    return RUNS.is_busy(key) or bool(gradio_parts.calls_of(demo, key))


def _end_runs(key: str, demo: gr.Blocks) -> bool:
    """Tells the visitor's runs, at work or in line, to end at their next step; whether there was any."""
    try:
        found = gradio_parts.end_events(demo, key)
        RUNS.close_abandoned(demo)
        return found
    except Exception:  # must not keep the session from being deleted
        log.exception("the runs of who left could not be ended")
        return False


LEAVING = SessionEnd()
