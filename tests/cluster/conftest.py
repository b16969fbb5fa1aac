"""A cluster of Ray on this machine: two workers of one core each, on two nodes of which one can be added later.

Not part of the suite, since Ray is an extra:

    .venv/bin/pip install -r requirements-cluster.txt
    .venv/bin/python -m pytest tests/cluster
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import ray
import torch
from cluster_waiting import PATIENCE
from ray.cluster_utils import Cluster

from cliptta_demo.cluster.driver import Cluster as Joined
from cliptta_demo.cluster.driver import Plan
from cliptta_demo.cluster.worker import Role
from cliptta_demo.cluster.workers import Workers
from cliptta_demo.page.runs.remote_runs import get_ready, tell

SILENT = 5.0


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """As the workers have: more threads add in another order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head with one core; a test may add nodes."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def workers(cluster: Cluster) -> Iterator[Workers]:
    """The workers of that cluster, as the page has them."""
    workers = Workers()
    role = Role(get_ready, tell).packed
    plan = Plan(role=role, jobs=48, most=4, cores=1, silent_seconds=SILENT, step_seconds=60, shared=True)
    joined = Joined(cluster.address, plan, workers)
    joined.start()
    assert workers.wait(PATIENCE)
    yield workers
    joined.stop()
    assert not ray.is_initialized()
