"""What all visitors of a server share: made once, where its page is built, and handed down from there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import gradio as gr

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say
from cliptta_demo.limits import LIMITS, Limits
from cliptta_demo.page.runs.camera import Cameras
from cliptta_demo.page.runs.gpu import device, run_here
from cliptta_demo.page.runs.machine import Machine, Scheduler
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.runs.remote_runs import ADDRESS, RemoteRuns
from cliptta_demo.page.runs.runner import RunUpdate
from cliptta_demo.page.runs.visitors import Visitors
from cliptta_demo.page.session.state import Asked
from cliptta_demo.page.session.uploads import NO_IMAGES, UploadStore
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import FAILED

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Host:
    """A server's own; ``remote``: who does its runs, where the environment names a cluster, in place of ``machine``."""

    demo: gr.Blocks
    limits: Limits
    runs: Runs
    machine: Machine
    remote: RemoteRuns | None
    visitors: Visitors
    uploads: UploadStore
    cameras: Cameras

    @classmethod
    def of(cls, demo: gr.Blocks, limits: Limits = LIMITS) -> Host:
        """For the page ``demo``, which may still be built."""
        runs = Runs()
        machine = Machine(limits, scheduler=Scheduler(checker=runs.checker))
        visitors = Visitors(demo, runs, limits)
        remote = RemoteRuns(ADDRESS, limits, machine.pace.known.update, runs.check) if ADDRESS else None
        cameras = Cameras(runs, visitors, machine)
        return cls(demo, limits, runs, machine, remote, visitors, UploadStore(limits), cameras)

    def follow(self, asked: Asked, by: str, key: str = "") -> Iterator[RunUpdate]:
        """A run as the page and the API (``by``) see it: counted, written down, its memory set aside for ``key``.

        Raises:
            UserError: what stands in the run's way, in a sentence.
        """
        if asked.recipe.dataset == UPLOAD and asked.uploads is None:
            raise UserError(NO_IMAGES)
        with self.runs.at_work(asked.recipe, by) as record, ExitStack() as held:
            before = None
            run = partial(run_here, machine=self.machine) if self.remote is None else self.remote.run
            with closing(run(asked)) as looks:
                for look in looks:
                    if look.refusal:
                        raise look.refusal
                    if look.size is not None:
                        held.enter_context(self.visitors.set_aside(key, look.size))
                        continue
                    if look.session is not None:
                        before = look.session.state.next_batch if before is None else before
                        record["batches"] = look.session.state.next_batch - before
                    yield look
                    self.runs.check()

    def ask(self, model: str, function: Callable[..., T], *arguments: Any) -> T:
        """What a module's ``function`` returns where ``model`` works."""
        return function(*arguments) if self.remote is None else self.remote.ask(model, function, *arguments)

    @property
    def device(self) -> str:
        """Where runs work: "cuda" or "cpu"."""
        return device() if self.remote is None else self.remote.device


def words_of(error: Exception) -> str:
    """What a visitor reads of an error, whosoever it is; what is none of ours is written down."""
    if isinstance(error, UserError):
        return str(error)
    log.error("what a visitor asked for failed", exc_info=error)
    # What ZeroGPU says (the quota is used up, no GPU is free); that a worker died is in our words.
    ours = not isinstance(error, gr.Error) or error.title == "ZeroGPU worker error"
    return say(FAILED) if ours else str(error.message)
