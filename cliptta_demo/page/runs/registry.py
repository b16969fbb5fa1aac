"""The runs of this server: whose they are, which call each answers, how many work, and how they end.

Gradio closes the generator of a call that ends early, except where the call is cancelled before its first answer: then
the run would stand still for ever, counted as at work.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from cliptta_demo.backend.data.catalog import DATASETS
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import BACKBONES
from cliptta_demo.log import log_event
from cliptta_demo.page.framework.gradio_parts import calls_known, present_call
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import STOPPING

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Answer:
    """A run as somebody waits for it: the visitor's key, Gradio's call, the generator that answers it."""

    visitor: str
    call: str | None
    updates: Generator[Any, None, None]
    unwanted: bool = False


@dataclass(eq=False)
class Runs:
    """Counts runs, writes their beginning and end down, and ends those that nobody waits for. Thread-safe.

    Attributes:
        ready: whether the first run's one-time work is done; freed: whether runs ended or sessions were forgotten
            since memory was last given back; count: of those at work; began: when, on the monotonic clock.
    """

    ready: bool = False
    freed: bool = False
    count: int = 0
    began: float = field(default_factory=time.monotonic)
    _answers: set[Answer] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _stopping: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def answer(self, updates: Generator[Any, None, None], visitor: str = "") -> Iterator[Generator[Any, None, None]]:
        """``updates``, which answer the present call of this visitor's; closed when left.

        While inside, the visitor counts as busy: Pause and Reset wait until a cancelled run has let go of its session.
        """
        answer = Answer(visitor, present_call(), updates)
        with self._changed:
            self._answers.add(answer)
        try:
            yield updates
        finally:
            try:
                with suppress(ValueError):  # another thread is closing it at this moment
                    updates.close()
            finally:
                self._ended(answer)

    def close_abandoned(self, demo: gr.Blocks) -> None:
        """Ends the runs whose call has ended; one at work at its next rest."""
        with self._changed:
            answers = list(self._answers)
        known = calls_known(demo)
        for answer in answers:
            if answer.call in known:
                continue
            answer.unwanted = True
            with suppress(ValueError):  # at work at this moment
                answer.updates.close()
                self._ended(answer)

    def _ended(self, answer: Answer) -> None:
        with self._changed:
            self._answers.discard(answer)
            self._changed.notify_all()

    def is_busy(self, visitor: str) -> bool:
        """Whether a run of this visitor's is at work."""
        with self._changed:
            return any(answer.visitor == visitor for answer in self._answers)

    def wait(self, visitor: str, seconds: float = 30.0) -> bool:
        """Ends this visitor's runs at their next rest. True when none is left, False when the time is over."""
        with self._changed:
            for answer in self._answers:
                answer.unwanted |= answer.visitor == visitor
            return self._changed.wait_for(lambda: not self.is_busy(visitor), seconds)

    @contextmanager
    def at_work(self, recipe: Recipe, by: str) -> Iterator[dict[str, Any]]:
        """While inside, a run counts as at work; its end is written down, with what is yielded. ``by``: "page", "api".

        Raises :class:`UserError` where the server is about to stop.
        """
        self.check()
        record: dict[str, Any] = {"run": next(self._numbers), "by": by}
        log_event("run-started", **record, **_describe(recipe))
        record["batches"] = 0
        with self._changed:
            self.count += 1
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
                self.count -= 1
                self.freed = True
                self._changed.notify_all()
            log_event(end, level, **record, seconds=round(time.monotonic() - began, 3))

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self.began, 3)

    @property
    def stopping(self) -> bool:
        """Whether the server was told to stop."""
        return self._stopping.is_set()

    def check(self) -> None:
        """Raises :class:`UserError` once the server is about to stop."""
        if self.stopping:
            raise UserError(STOPPING)

    def checker(self) -> Callable[[], None]:
        """:meth:`check` for the run that answers the present call: GeneratorExit where nobody waits for it any more."""
        call = present_call()
        answers = [answer for answer in self._answers.copy() if call is not None and answer.call == call]

        def check() -> None:
            self.check()
            if any(answer.unwanted for answer in answers):
                raise GeneratorExit

        return check

    def stop(self) -> None:
        """Tells all runs to end at their next step."""
        self._stopping.set()

    def wait_for_stop(self, now_and_then: Sequence[Callable[[], None]], when_idle: Callable[[], None]) -> None:
        """Returns when the server was told to stop; calls these every second, and the last once nothing runs any more.

        What any of them raises is logged, and the others go on.
        """
        while not self._stopping.wait(1.0):  # woken now and then, so that a signal is seen on every system
            due = [*now_and_then]
            if self.freed and not self.count:
                self.freed = False
                due.append(when_idle)
            for tidy_up in due:
                try:
                    tidy_up()
                except Exception:
                    log.exception("tidying-failed")

    def wait_for_end(self, seconds: float) -> bool:
        """Returns True when no run is at work, False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.count, seconds)


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
