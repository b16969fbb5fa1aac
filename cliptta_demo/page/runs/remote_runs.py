"""Runs on workers: the batches of a run go to one that has the model and little to do, and looks come back.

The session is here: when a worker is lost, or another has less to do, the run goes on there from its last whole batch,
with the same numbers. ``CLIPTTA_RAY`` names the cluster: ``local`` for the GPUs or cores of this machine, ``auto`` or
``HOST:PORT`` for one that there is.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import torch

from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.backend.models.loading import loaded_backbones
from cliptta_demo.cluster.driver import MOST_LOST, Cluster
from cliptta_demo.cluster.workers import WorkerLost
from cliptta_demo.limits import RAY_VARIABLE
from cliptta_demo.page.form.reading import opening, read_form
from cliptta_demo.page.runs.gpu import prepare, run_here
from cliptta_demo.page.runs.machine import set_up, this_machine
from cliptta_demo.page.runs.runner import RunUpdate, warm_up
from cliptta_demo.page.session.state import Asked
from cliptta_demo.page.words.texts import NO_WORKERS, WORKERS_LOST

ADDRESS = os.environ.get(RAY_VARIABLE, "").strip()


class RemoteRuns(Cluster):
    """Those of one page, on its workers."""

    def run(self, asked: Asked) -> Iterator[RunUpdate]:
        """:func:`.gpu.run_here` on workers: at one until it is over, another is better or can do more, or it is lost.

        What the next worker has to know is kept after each whole batch, and nothing is told twice.
        """
        failed, told, moves = dict[str, float](), set[str](), True

        def left() -> tuple[Any, ...]:
            return run_here, asked, this_machine()

        try:
            while moves:
                moves = False
                with closing(self.stream(asked.recipe.backbone, failed, left)) as looks:
                    for worker, settled, look in looks:
                        if look is None:
                            yield RunUpdate(None, waiting=True)
                            continue
                        if isinstance(look.refusal, DoesNotFit):
                            failed[worker] = 1.0
                            if sum(failed.values()) < MOST_LOST and set(self.reports) - set(failed):
                                moves = True
                                break
                        once = "size" if look.size is not None else "begun" if look.begun is not None else ""
                        if once == "begun":
                            about = {"recipe": look.session.recipe, "uploads": look.uploads}
                            asked = replace(asked, session=look.session, **about)
                        elif look.session is not None:
                            asked = replace(asked, session=look.session, batches=asked.batches and asked.batches - 1)
                            failed.clear()
                        if once not in told:
                            yield look
                        told |= {once} - {""}
                        if look.session is not None and not once:
                            over = asked.batches == 0 or look.session.state.next_batch >= look.session.snapshot.batches
                            if over or not settled:
                                moves = not over
                                break
        except WorkerLost:
            words = WORKERS_LOST if sum(failed.values()) >= MOST_LOST else NO_WORKERS
            yield RunUpdate(None, refusal=UserError(words))

    def ask(self, model: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a module's ``function`` returns where a worker has the model; raises :class:`UserError` without one."""
        try:
            with closing(self.stream(model, {}, lambda: (_once, function, *arguments))) as answers:
                return next(answer for worker, _, answer in answers if worker)
        except WorkerLost:
            raise UserError(NO_WORKERS) from None

    @property
    def device(self) -> str:
        """Where runs work: "cuda" or "cpu"."""
        return "cuda" if any(report.device != "cpu" for report in self.reports.values()) else "cpu"


def _once(function: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
    yield function(*arguments)


def get_ready() -> None:
    """What a worker does before its first run; then, beside, it fetches what the page opens with."""
    machine = this_machine()
    set_up(machine.limits)
    with suppress(UserError):  # a run says what is wrong
        warm_up(machine)
        opens_with = Asked(read_form(opening())), machine.limits
        threading.Thread(target=prepare, args=opens_with, name="opening", daemon=True).start()


def tell(workers: int) -> dict[str, Any]:
    """What one of so many workers tells of itself, see :class:`.cluster.workers.Report`."""
    machine = this_machine()
    machine.scheduler.processes = workers
    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "loaded": tuple(dict.fromkeys(loaded_backbones())),
        "step_seconds": machine.scheduler.step_seconds,
        "pace": machine.pace.known,
    }
