"""The streams of a table spread over a Ray cluster: tasks of Ray's, which runs one whose worker is lost again."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

import torch

from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.limits import LIMITS, PREFIX, RAY_VARIABLE
from cliptta_demo.research.runs import Cells, Job, Row, TableSettings, run_job

RETRIES = 4  # of a stream whose worker dies: then it is taken to be what ends them


@contextmanager
def cells_on(address: str, cores: int, settings: TableSettings) -> Iterator[Cells]:
    """As many streams at a time as the cluster has GPUs or, where it has none, groups of so many cores.

    Raises:
        UserError: Ray is not installed, or there is no such cluster.
    """
    if find_spec("ray") is None:
        raise UserError("--ray needs Ray, which is not installed: pip install -r requirements-cluster.txt")
    check_number("ray_cores", cores, 1, 1024, whole=True)
    import ray

    ours = {name: value for name, value in os.environ.items() if name.startswith(PREFIX) and name != RAY_VARIABLE}
    from cliptta_demo.cluster.ray_workers import LOCAL, QUIET

    try:
        ray.init(address, runtime_env={"env_vars": ours}, **QUIET, **(LOCAL if address == "local" else {}))
    except Exception as error:  # Ray has many
        raise UserError(f"No Ray cluster at {address!r}: {error}") from error
    needs = {"num_gpus": 1, "num_cpus": 0} if ray.cluster_resources().get("GPU") else {"num_cpus": cores}
    task = ray.remote(max_retries=RETRIES, **needs)(run_there)

    def cells(jobs: Sequence[Job]) -> Iterator[Row]:
        waiting, at_work = deque(jobs), {}
        while waiting or at_work:
            while waiting and len(at_work) < LIMITS.workers:
                job = waiting.popleft()
                at_work[task.remote(settings, job, cores)] = job
            (ended, *_), _ = ray.wait(list(at_work))
            corruption, seed = at_work.pop(ended)
            try:
                yield ray.get(ended)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                each = f"was begun on {RETRIES + 1} workers, and each died. Give it more memory"
                raise UserError(f"{corruption}, seed {seed}, {each} ({type(error).__name__}).") from error

    try:
        yield cells
    finally:
        ray.shutdown()


def run_there(settings: TableSettings, job: Job, cores: int) -> Row:
    """What a worker does: one stream. It keeps the model and the images for the next one."""
    torch.set_num_threads(cores)
    row = run_job(settings, load_backbone(settings.backbone), job)
    return replace(row, device=f"{row.device}, worker {os.getpid()}")
