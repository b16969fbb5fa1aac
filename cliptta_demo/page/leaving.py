"""When a visitor has left: their run is ended, it and their images are deleted, memory and files alike.

Gradio by itself keeps both for an hour after the connection ended, lets a run go on that nobody ever listened to, and
keeps the letter box of every visitor. A connection may also break for a moment, so there is a short wait, which any
sign of life ends.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from cliptta_demo.limits import LIMITS
from cliptta_demo.page.activity import ACTIVITY
from cliptta_demo.page.calls import CALLS
from cliptta_demo.page.keeping import KEEPING
from cliptta_demo.page.service import SERVICE
from cliptta_demo.page.session import Session, Uploads

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)
GRACE = float(LIMITS.leave_seconds)
LONGEST_SHOWN = 1000  # characters of a part of the page that may stay
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
            _forget(key, demo)
        except Exception:
            log.exception("a session could not be deleted; Gradio does it later")


def _forget(key: str, demo: gr.Blocks) -> None:
    """Deletes all that Gradio keeps of a visitor."""
    holder = demo.state_holder
    holder.delete_state(key)  # calls the states' own delete_callback, which deletes the files
    with holder.lock:  # what the page last showed, thumbnails included
        holder.session_data.pop(key, None)
        holder.time_last_used.pop(key, None)
    demo._queue.pending_messages_per_session.pop(key, None)
    demo._queue.pending_event_ids_session.pop(key, None)
    SERVICE.forgot()


def put_away(key: str, demo: gr.Blocks) -> None:
    """Takes an idle visitor's run and decoded images out of memory. Files stay, and are decoded again when needed."""
    state = demo.state_holder.session_data.get(key)
    if state is None:
        return
    for number, value in list(state.state_data.items()):
        if isinstance(value, Session):
            KEEPING.lose(key, value.state.next_batch)
            state.state_data[number] = None
        elif isinstance(value, Uploads):
            state.state_data[number] = replace(value, size=0, pixels=value.pixels[:0].clone())
    for part in list(state.config_values.values()):  # what the page last showed; only links of Gradio's read it
        if len(str(part.get("props", {}).get("value") or "")) > LONGEST_SHOWN:
            part["props"]["value"] = ""
    SERVICE.forgot()


def bound_sessions(demo: gr.Blocks) -> None:
    """Of more than ``LIMITS.sessions`` the longest unused goes, as with Gradio; but with its files, and none in use."""
    holder = demo.state_holder

    def update(key: str) -> None:
        gone = []
        with holder.lock:
            if key in holder.session_data:
                holder.session_data.move_to_end(key)
            surplus = len(holder.session_data) - LIMITS.sessions
            if surplus > 0:
                idle = (other for other in holder.session_data if other != key and not in_use(other, demo))
                gone = list(islice(idle, surplus))
        for other in gone:
            put_away(other, demo)  # so that they are told
            _forget(other, demo)

    holder.update = update


def in_use(key: str, demo: gr.Blocks) -> bool:
    """Whether a run of this visitor's is at work, or a call of theirs in line."""
    events = tuple(demo._queue.event_ids_to_events.values())
    return ACTIVITY.is_busy(key) or any(event.session_hash == key for event in events)


def _end_runs(key: str, demo: gr.Blocks) -> bool:
    """Tells the visitor's runs, at work or in line, to end at their next step; whether there was any."""
    events = [event for event in tuple(demo._queue.event_ids_to_events.values()) if event.session_hash == key]
    for event in events:
        event.alive = False
    CALLS.close_abandoned(demo)
    return bool(events)


LEAVING = Leaving()
