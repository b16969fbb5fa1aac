"""What all visitors of a server share: made once, where its page is built, and handed down from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import gradio as gr

from cliptta_demo.limits import LIMITS, Limits
from cliptta_demo.page.runs.camera import Cameras
from cliptta_demo.page.runs.gpu import device, run_here
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.memory_budget import MB, MemoryBudget
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.runs.remote_runs import ADDRESS, RemoteRuns
from cliptta_demo.page.runs.runner import RunUpdate
from cliptta_demo.page.runs.scheduler import Scheduler
from cliptta_demo.page.runs.session_end import SessionEnd, in_use, put_away
from cliptta_demo.page.session.state import Recipe, Session, Uploads
from cliptta_demo.page.session.upload_quota import UploadQuota

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Host:
    """A server's own.

    Attributes:
        runs: of its visitors; machine: that does them where they are not remote.
        remote: who does them, where the environment names a cluster.
        memory: that sessions may take; uploads: what they may take of the disk.
        session_end: forgets who has left.
    """

    demo: gr.Blocks
    limits: Limits
    runs: Runs
    machine: Machine
    remote: RemoteRuns | None
    memory: MemoryBudget
    uploads: UploadQuota
    cameras: Cameras
    session_end: SessionEnd

    @classmethod
    def of(cls, demo: gr.Blocks, limits: Limits = LIMITS) -> Host:
        """For the page ``demo``, which may still be built."""
        runs = Runs()
        machine = Machine(limits, scheduler=Scheduler(checker=runs.checker))
        idle = {"busy": partial(in_use, demo, runs), "put_away": partial(put_away, demo, runs)}
        memory = MemoryBudget(limits.sessions_megabytes * MB, **idle)
        return cls(
            demo=demo,
            limits=limits,
            runs=runs,
            machine=machine,
            remote=RemoteRuns(runs.check, limits) if ADDRESS else None,
            memory=memory,
            uploads=UploadQuota.of(limits),
            cameras=Cameras(runs, memory, machine),
            session_end=SessionEnd(demo, runs, memory, limits.leave_seconds),
        )

    def run(
        self, recipe: Recipe, session: Session | None, uploads: Uploads | None, batches: int | None
    ) -> Iterator[RunUpdate]:
        """A run, wherever it is done: see :func:`.gpu.run_here`."""
        if self.remote is not None:
            return self.remote.run(recipe, session, uploads, batches)
        return run_here(recipe, session, uploads, batches, self.machine)

    def ask(self, model: str, function: Callable[..., T], *arguments: Any) -> T:
        """What a module's ``function`` returns where ``model`` works."""
        return function(*arguments) if self.remote is None else self.remote.ask(model, function, *arguments)

    @property
    def device(self) -> str:
        """Where runs work: "cuda" or "cpu"."""
        return device() if self.remote is None else self.remote.device
