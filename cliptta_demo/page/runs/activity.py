"""Which sessions are at work, so that Pause and Reset can wait until a cancelled run has let go of its session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Activity:
    """Counts the runs of each session; a session is known by its key, and forgotten when idle."""

    _running: dict[str, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def at_work(self, key: str) -> Iterator[None]:
        """While inside, the session counts as busy; left also when the run fails or is cancelled."""
        with self._changed:
            self._running[key] = self._running.get(key, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._running[key] -= 1
                if not self._running[key]:
                    del self._running[key]
                self._changed.notify_all()

    def is_busy(self, key: str) -> bool:
        """Whether a run of this session is at work."""
        return key in self._running

    def wait(self, key: str, seconds: float = 30.0) -> bool:
        """Returns True when no run of this session is left, False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: key not in self._running, seconds)


ACTIVITY = Activity()
