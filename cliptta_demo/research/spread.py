"""The streams of a table spread over workers; each is whole there, so that one whose worker is lost is run again."""

from __future__ import annotations

import pickle
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import torch

from cliptta_demo.backend.data.catalog import open_strangers
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.cluster.workers import WorkerLost, Workers
from cliptta_demo.limits import LIMITS
from cliptta_demo.research.rows import open_rows
from cliptta_demo.research.runs import Cells, Job, Row, TableSettings, cells_here

MOST_LOST = 5  # workers that one stream may lose: then it is taken to be what ends them
WAIT_SECONDS = 1.0

_opened: dict[bytes, Cells] = {}  # of a worker: the table that it works at


def cells_on(workers: Workers, settings: TableSettings, names: Sequence[str] | None) -> Cells:
    """As many streams at a time as there are workers, however these come and go.

    Args:
        names: class names; None: the data set's own.
    """

    def cells(jobs: Sequence[Job]) -> Iterator[Row]:
        waiting, ended, at_work = deque(jobs), queue.SimpleQueue[Row | BaseException](), 0

        def work(job: Job) -> None:
            try:
                ended.put(_run(workers, settings, names, job))
            except BaseException as error:
                ended.put(error)

        while waiting or at_work:
            while waiting and at_work < max(1, len(workers.present)):
                threading.Thread(target=work, args=[waiting.popleft()], daemon=True).start()
                at_work += 1
            try:
                end = ended.get(timeout=WAIT_SECONDS)
            except queue.Empty:
                continue
            at_work -= 1
            if isinstance(end, BaseException):
                raise end
            yield end

    return cells


def _run(workers: Workers, settings: TableSettings, names: Sequence[str] | None, job: Job) -> Row:
    with workers.seat() as seat:  # each loads the table's model once
        for _ in range(MOST_LOST):
            if not seat.take(LIMITS.worker_wait_seconds):
                raise UserError("No worker is left. Start the same command again to go on.")
            worker = seat.worker
            try:
                with closing(worker.stream(lambda: None, run_cell, settings, names, job)) as rows:
                    for row in rows:
                        return replace(row, device=f"{row.device}, {worker.name}")
            except WorkerLost:
                seat.lost()
    raise UserError(f"{job[0]}, seed {job[1]}, was begun on {MOST_LOST} workers, and each died. Give it more memory.")


def run_cell(settings: TableSettings, names: Sequence[str] | None, job: Job) -> Iterator[Row]:
    """What a worker does: one stream."""
    key = pickle.dumps((settings, names))
    if key not in _opened:
        source_of = open_rows(settings, names)
        source, _ = source_of(settings.corruptions[0])
        strangers = open_strangers(settings.ood, settings.dataset, source.class_names) if settings.ood else None
        _opened.clear()
        _opened[key] = cells_here(settings, load_backbone(settings.backbone), source_of, strangers)
    yield from _opened[key]([job])


def get_ready() -> None:
    """A worker opens what it needs with its first stream."""


def tell(workers: int) -> dict[str, Any]:
    """What one of so many workers tells of itself, see :class:`.cluster.workers.Report`."""
    return {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"}
