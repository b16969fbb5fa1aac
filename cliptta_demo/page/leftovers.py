"""Visitors' files that could not be deleted: remembered, and tried again with growing pauses until they are gone."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 600.0  # seconds; each pause is twice the one before


class Leftovers:
    """Deletes files, and keeps what it could not delete. Thread-safe, without a thread of its own."""

    def __init__(self) -> None:
        self._next: dict[Path, tuple[float, float]] = {}  # when to try again, and the pause before
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._next)

    def delete(self, path: Path) -> bool:
        """Deletes a file, and its folder if that held nothing else; whether the file is gone. Never fails."""
        try:
            path.unlink(missing_ok=True)
        except OSError:
            with self._lock:
                known = self._next.get(path)
                pause = min(2 * known[1], LONGEST_PAUSE) if known else FIRST_PAUSE
                self._next[path] = (time.monotonic() + pause, pause)
            if known is None:
                log.error("a visitor's file could not be deleted; it is tried again", exc_info=True)
            return False
        with self._lock:
            self._next.pop(path, None)
        with suppress(OSError):  # not empty: somebody else's
            path.parent.rmdir()
        return True

    def try_again(self) -> None:
        """Tries those again whose pause is over."""
        now = time.monotonic()
        with self._lock:
            due = [path for path, (when, _) in self._next.items() if when <= now]
        for path in due:
            self.delete(path)


LEFTOVERS = Leftovers()
