"""A cluster of Ray on this machine: two workers of one core each, on two nodes of which one can be added later.

Not part of the suite, since Ray is an extra:

    .venv/bin/pip install -r requirements-cluster.txt
    .venv/bin/python -m pytest tests/cluster
"""

import os
from collections.abc import Iterator

import pytest
import ray
import torch
from processes import PATIENCE
from ray.cluster_utils import Cluster

from cliptta_demo.backend.run.arithmetic import Pace
from cliptta_demo.limits import Limits
from cliptta_demo.page.runs.remote_runs import RemoteRuns

SILENT = 5


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
def runs(cluster: Cluster) -> Iterator[RemoteRuns]:
    """The runs of a page on the workers of that cluster."""
    limits = Limits(workers=4, worker_cores=1, worker_silent_seconds=SILENT, worker_wait_seconds=PATIENCE)
    runs = RemoteRuns(cluster.address, limits, Pace().known.update, lambda: None)
    assert runs.start()
    yield runs
    runs.stop()
    assert not ray.is_initialized()
