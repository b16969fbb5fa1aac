"""How long tests wait for a run: as long as something moves. What is stuck is found by progress that stops."""

from __future__ import annotations

import time
from typing import Any

from gradio_client.client import Job

PATIENCE = 120  # seconds without a move, for what makes one every second or two on an idle machine


class Stillness:
    """Fails once the sign of progress that it is shown (a bar, a line, a count) has been the same for that long."""

    def __init__(self) -> None:
        self.sign, self.since = None, time.monotonic()

    def look(self, sign: Any) -> None:
        """Raises :class:`AssertionError` where nothing has moved."""
        if sign != self.sign:
            self.sign, self.since = sign, time.monotonic()
        else:
            assert time.monotonic() - self.since < PATIENCE, f"Nothing has moved for {PATIENCE} s: {str(sign)[:300]}"


def result_of(job: Job) -> Any:
    """What a call of the API ends with, however long it takes while it tells of batches."""
    still = Stillness()
    while True:
        try:
            return job.result(timeout=PATIENCE)
        except TimeoutError:
            still.look(len(job.outputs()))
