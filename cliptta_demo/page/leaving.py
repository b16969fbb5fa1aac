"""When a visitor has left: their run is ended, it and their images are deleted, memory and files alike.

Gradio by itself keeps both for an hour after the connection ended, lets a run go on that nobody ever listened to, and
keeps the letter box of every visitor. A connection may also break for a moment, so there is a short wait, which any
sign of life ends. What can't be deleted is tried again some times, and counted if that never helps.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from cliptta_demo.limits import LIMITS
from cliptta_demo.page.calls import CALLS
from cliptta_demo.page.gradio_parts import delete_letter_box, delete_page, delete_states, end_events
from cliptta_demo.page.service import SERVICE

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)
GRACE = float(LIMITS.leave_seconds)
AGAIN = 0.5  # seconds between two looks at a run that has yet to end its step
PAUSES = (1.0, 5.0, 30.0, 120.0)  # seconds before each new try to delete what could not be deleted
# What is deleted, in order; the page goes after the states, which Gradio finds through it.
PARTS = {"states": delete_states, "page": delete_page, "letter box": delete_letter_box}


class Leaving:
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
        SERVICE.forgot()
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


def _end_runs(key: str, demo: gr.Blocks) -> bool:
    """Tells the visitor's runs, at work or in line, to end at their next step; whether there was any."""
    try:
        found = end_events(demo, key)
        CALLS.close_abandoned(demo)
        return found
    except Exception:  # must not keep the session from being deleted
        log.exception("the runs of who left could not be ended")
        return False


LEAVING = Leaving()
