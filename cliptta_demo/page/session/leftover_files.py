"""Visitors' files that could not be deleted: remembered, and tried again with growing pauses until they are gone."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 600.0  # seconds; each pause is twice the one before


class LeftoverFiles:
    """Deletes files, and keeps what it could not delete. Thread-safe, without a thread of its own."""

    def __init__(self, first_pause: float = FIRST_PAUSE) -> None:
        self._first_pause = first_pause
        self._next: dict[Path, tuple[float, float, Callable[[], None]]] = {}  # when, the pause before, what then
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._next)

    def delete(self, path: Path, then: Callable[[], None] = lambda: None) -> bool:
        """Deletes a file, and its folder if that held nothing else; whether the file is gone. Never fails.

        ``then`` is called once the file is gone, now or later.
        """
        try:
            path.unlink(missing_ok=True)
        except OSError:
            with self._lock:
                known = self._next.get(path)
                pause = min(2 * known[1], LONGEST_PAUSE) if known else self._first_pause
                self._next[path] = (time.monotonic() + pause, pause, then)
            if known is None:
                log.error("a visitor's file could not be deleted; it is tried again", exc_info=True)
            return False
        with self._lock:
            self._next.pop(path, None)
        with suppress(OSError):  # not empty: somebody else's
            path.parent.rmdir()
        then()
        return True

    def try_again(self) -> None:
        """Tries those again whose pause is over."""
        now = time.monotonic()
        with self._lock:
            due = [(path, then) for path, (when, _, then) in self._next.items() if when <= now]
        for path, then in due:
            self.delete(path, then)
