"""When a visitor has left: their run is ended, it and their images are deleted, memory and files alike.

Gradio by itself keeps both for an hour after the connection ended, lets a run go on that nobody ever listened to, and
keeps the letter box of every visitor. A connection may also break for a moment, so there is a short wait, which any
sign of life ends.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from cliptta_demo.limits import LIMITS
from cliptta_demo.page.calls import CALLS
from cliptta_demo.page.service import SERVICE

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)
GRACE = float(LIMITS.leave_seconds)
AGAIN = 0.5  # seconds between two looks at a run that has yet to end its step


class Leaving:
    """Visitors whose connection has ended, by their session's key."""

    def __init__(self) -> None:
        self._timers: dict[str, threading.Timer] = {}
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()

    def gone(self, key: str, demo: gr.Blocks) -> None:
        """The connection has ended: deletes everything after ``GRACE`` seconds."""
        with self._lock:
            before = self._timers.pop(key, None)
            self._since[key] = time.monotonic()
            self._start(GRACE, key, demo)
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

    def _start(self, seconds: float, key: str, demo: gr.Blocks) -> None:
        self._timers[key] = timer = threading.Timer(seconds, self._delete, (key, demo))
        timer.daemon = True
        timer.start()

    def _delete(self, key: str, demo: gr.Blocks) -> None:
        with self._lock:
            if self._timers.pop(key, None) is None:
                return
            if _end_runs(key, demo):  # each of its steps would bring the session back
                self._start(AGAIN, key, demo)
                return
            self._since.pop(key, None)
        try:
            holder = demo.state_holder
            holder.delete_state(key)  # calls the states' own delete_callback, which deletes the files
            with holder.lock:  # what the page last showed, thumbnails included
                holder.session_data.pop(key, None)
                holder.time_last_used.pop(key, None)
            demo._queue.pending_messages_per_session.pop(key, None)
            demo._queue.pending_event_ids_session.pop(key, None)
            SERVICE.forgot()
        except Exception:
            log.exception("a session could not be deleted; Gradio does it later")


def _end_runs(key: str, demo: gr.Blocks) -> bool:
    """Tells the visitor's runs, at work or in line, to end at their next step; whether there was any."""
    events = [event for event in tuple(demo._queue.event_ids_to_events.values()) if event.session_hash == key]
    for event in events:
        event.alive = False
    CALLS.close_abandoned(demo)
    return bool(events)


LEAVING = Leaving()
