"""The server as a whole: since when it serves, which runs are at work, and whether it is about to stop."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cliptta_demo.backend.data.catalog import DATASETS
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import BACKBONES
from cliptta_demo.log import log_event
from cliptta_demo.page.defaults import UPLOAD
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.page.texts import STOPPING


@dataclass
class RunRecord:
    """One run as the log knows it: a number and how many batches it has done."""

    number: int
    batches: int = 0


@dataclass(eq=False)
class Service:
    """Counts runs, writes their beginning and end down, and ends them at a step when the server stops."""

    ready: bool = False
    _began: float = field(default_factory=time.monotonic)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: int = 0
    _freed: int = 0  # runs ended and sessions forgotten so far
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    @property
    def runs(self) -> int:
        """Runs at work."""
        return self._running

    @property
    def stopping(self) -> bool:
        """Whether the server was told to stop."""
        return self._stopping.is_set()

    @contextmanager
    def run(self, recipe: Recipe, by: str) -> Iterator[RunRecord]:
        """While inside, a run counts as at work; its end is written down whatever it is.

        Args:
            recipe: what is run; by: "page" or "api".

        Raises:
            UserError: the server is about to stop.
        """
        self.check()
        record = RunRecord(next(self._numbers))
        log_event("run-started", run=record.number, by=by, **_describe(recipe))
        with self._changed:
            self._running += 1
        began, end, level = time.monotonic(), "run-finished", logging.INFO
        try:
            yield record
        except GeneratorExit:
            end = "run-cancelled"
            raise
        except UserError:
            end = "run-stopped" if self.stopping else "run-refused"
            raise
        except BaseException:
            end, level = "run-failed", logging.ERROR
            raise
        finally:
            with self._changed:
                self._running -= 1
                self._freed += 1
                self._changed.notify_all()
            seconds = round(time.monotonic() - began, 3)
            log_event(end, level, run=record.number, by=by, batches=record.batches, seconds=seconds)

    def check(self) -> None:
        """Raises :class:`UserError` once the server is about to stop."""
        if self.stopping:
            raise UserError(STOPPING)

    def forgot(self) -> None:
        """A visitor's session was deleted."""
        with self._changed:
            self._freed += 1

    def stop(self) -> None:
        """Tells all runs to end at their next step."""
        self._stopping.set()

    def wait_for_stop(self, now_and_then: Callable[[], None], when_idle: Callable[[], None]) -> None:
        """Returns when the server was told to stop.

        Args:
            now_and_then: called every second; when_idle: called, while no run is at work, after runs have ended or
                sessions were forgotten.
        """
        seen = 0
        while not self._stopping.wait(1.0):  # woken now and then, so that a signal is seen on every system
            now_and_then()
            if not self._running and self._freed != seen:
                seen = self._freed
                when_idle()

    def wait_for_runs(self, seconds: float) -> bool:
        """Returns True when no run is left, False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)


def _describe(recipe: Recipe) -> dict[str, object]:
    """Words and numbers of ours only: no class name, no file, nothing that a visitor typed."""
    stream, adaptation = recipe.settings.stream, recipe.settings.adaptation
    return {
        "dataset": recipe.dataset if recipe.dataset in (*DATASETS, UPLOAD) else "other",
        "backbone": recipe.backbone if recipe.backbone in BACKBONES else "other",
        "methods": list(recipe.settings.methods),
        "asked_batches": stream.batches,
        "batch_size": stream.batch_size,
        "steps": adaptation.steps,
        "classes": len(recipe.class_names),
    }


SERVICE = Service()
