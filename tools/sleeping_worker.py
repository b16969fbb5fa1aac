"""A worker that only sleeps: it plays a recorded run again, as slowly as so many GPUs would; see page_load.py."""

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

from cliptta_demo.page.runs import remote_runs
from cliptta_demo.page.runs.runner import RunUpdate, live_interval
from cliptta_demo.page.session.state import Asked

SECONDS = float(os.environ.get("SLEEP_SECONDS", "1.0"))  # of a batch on a GPU of one's own
GPUS = float(os.environ.get("SLEEP_GPUS", "1"))  # that this worker stands for
_lock = threading.Lock()
_recorded: list[RunUpdate] = []
_at_work = [0]


def run_asleep(asked: Any, machine: Any) -> Iterator[RunUpdate]:
    """In place of ``remote_runs.run_here``: its looks, recorded with the first run, each in its time."""
    with _lock:
        if not _recorded:
            _recorded.extend(remote_runs.run_here(Asked(asked.recipe), machine))
        _at_work[0] += 1
    try:
        live = next(look for look in _recorded if look.live is not None)
        yield from _recorded[:2]
        for look in _recorded[2:]:
            if look.session is None:
                continue
            left = SECONDS * max(1.0, _at_work[0] / GPUS)
            while left > (pause := live_interval(_at_work[0])):
                time.sleep(pause)
                left -= pause
                yield live
            time.sleep(left)
            yield look
    finally:
        with _lock:
            _at_work[0] -= 1
