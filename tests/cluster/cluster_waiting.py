"""Waiting for what a cluster does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 240  # seconds, for what takes ten on an idle machine


def until(true: Callable[[], bool]) -> None:
    """Waits for it."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.2)
