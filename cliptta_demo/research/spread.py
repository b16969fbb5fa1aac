"""The streams of a table spread over workers; each is whole there, so that one whose worker is lost is run again."""

from __future__ import annotations

import pickle
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from cliptta_demo.backend.data.catalog import open_strangers
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.cluster.driver import Cluster
from cliptta_demo.cluster.workers import WorkerLost
from cliptta_demo.research.rows import open_rows
from cliptta_demo.research.runs import Cells, Job, Row, TableSettings, cells_here

WAIT_SECONDS = 1.0

_opened: dict[bytes, Cells] = {}  # of a worker: the table that it works at


def cells_on(cluster: Cluster, settings: TableSettings, names: Sequence[str] | None) -> Cells:
    """As many streams at a time as there are workers, however these come and go.

    Args:
        names: class names; None: the data set's own.
    """

    def cells(jobs: Sequence[Job]) -> Iterator[Row]:
        waiting, ended, at_work = deque(jobs), queue.SimpleQueue[Row | BaseException](), 0

        def work(job: Job) -> None:
            try:
                ended.put(_run(cluster, settings, names, job))
            except BaseException as error:
                ended.put(error)

        while waiting or at_work:
            while waiting and at_work < max(1, len(cluster.reports)):
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


def _run(cluster: Cluster, settings: TableSettings, names: Sequence[str] | None, job: Job) -> Row:
    try:  # no model is named: each worker loads the table's once
        worker, row = cluster.ask("", run_cell, settings, names, job)
    except WorkerLost:
        raise UserError(
            f"{job[0]}, seed {job[1]}: no worker is left, or each has died of it. Give them more memory, or start the "
            "same command again to go on."
        ) from None
    return replace(row, device=f"{row.device}, {worker}")


def run_cell(settings: TableSettings, names: Sequence[str] | None, job: Job) -> Row:
    """What a worker does: one stream."""
    key = pickle.dumps((settings, names))
    if key not in _opened:
        source_of = open_rows(settings, names)
        source, _ = source_of(settings.corruptions[0])
        strangers = open_strangers(settings.ood, settings.dataset, source.class_names) if settings.ood else None
        _opened.clear()
        _opened[key] = cells_here(settings, load_backbone(settings.backbone), source_of, strangers)
    return next(iter(_opened[key]([job])))


def get_ready() -> None:
    """A worker opens what it needs with its first stream."""


def tell(workers: int) -> dict[str, Any]:
    """What one of so many workers tells of itself, see :class:`.cluster.workers.Report`."""
    return {"device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"}
