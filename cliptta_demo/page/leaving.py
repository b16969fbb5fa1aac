"""When a visitor has left: their run and their images are deleted, memory and files alike.

Gradio by itself keeps both for an hour after the connection ended. A connection may also break for a moment, so there
is a short wait, which any sign of life ends.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cliptta_demo.limits import LIMITS

if TYPE_CHECKING:
    import gradio as gr

log = logging.getLogger(__name__)
GRACE = float(LIMITS.leave_seconds)


class Leaving:
    """Visitors whose connection has ended, by their session's key."""

    def __init__(self) -> None:
        self._timers: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    def gone(self, key: str, demo: gr.Blocks) -> None:
        """The connection has ended: deletes everything after ``GRACE`` seconds."""
        timer = threading.Timer(GRACE, self._delete, (key, demo))
        timer.daemon = True
        with self._lock:
            before = self._timers.pop(key, None)
            self._timers[key] = timer
        if before is not None:
            before.cancel()
        timer.start()

    def here(self, key: str) -> None:
        """A sign of life: nothing is deleted."""
        with self._lock:
            timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def _delete(self, key: str, demo: gr.Blocks) -> None:
        with self._lock:
            if self._timers.pop(key, None) is None:
                return
        try:
            holder = demo.state_holder
            holder.delete_state(key)  # calls the states' own delete_callback, which deletes the files
            with holder.lock:  # what the page last showed, thumbnails included
                holder.session_data.pop(key, None)
                holder.time_last_used.pop(key, None)
        except Exception:
            log.exception("a session could not be deleted; Gradio does it later")


LEAVING = Leaving()
