"""Which call of Gradio's a run answers, so that no run outlives it.

Gradio closes the generator of a call that ends early, except where the call is cancelled before its first answer: it
does not know the generator yet, and the run would stand still for ever, counted as at work.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import gradio as gr

from cliptta_demo.page.server.gradio_parts import calls_known, present_call


class Calls:
    """Runs at work, by their calls."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[str | None, Generator]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def answered_by(self, run: Generator[Any, None, None]) -> Iterator[Generator[Any, None, None]]:
        """``run``, which answers the present call; closed when left, as by ``contextlib.closing``."""
        with self._lock:
            self._runs[id(run)] = (present_call(), run)
        try:
            yield run
        finally:
            with self._lock:
                self._runs.pop(id(run), None)
            with suppress(ValueError):  # another thread is closing it at this moment
                run.close()

    def close_abandoned(self, demo: gr.Blocks) -> None:
        """Ends the runs whose call has ended. One in the middle of a step is left for the next time."""
        with self._lock:
            runs = list(self._runs.items())
        known = calls_known(demo)
        for key, (event, run) in runs:
            if event in known:
                continue
            try:
                run.close()
            except ValueError:  # at work at this moment
                continue
            with self._lock:
                self._runs.pop(key, None)


CALLS = Calls()
