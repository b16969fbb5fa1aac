"""The page's server with ``CLIPTTA_RAY=local``, over HTTP: visitors, a killed worker, and its end."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from processes import PATIENCE, RAYLET, WORKER, below, until
from serving import serve_process
from visitors import Server, visit

OWN = {"CLIPTTA_RAY": "local", "CLIPTTA_WORKER_CORES": "1", "CLIPTTA_WORKER_WAIT_SECONDS": str(PATIENCE)}
SHORT = {"batches": 12, "batch_size": 16, "steps": 2}


def health(address: str) -> dict[str, Any]:
    return httpx.get(f"{address}/health", timeout=PATIENCE).json()


@contextmanager
def disturbed(runs: int, disturb: Callable[[int], None]) -> Iterator[tuple[Any, list[str]]]:
    """A server, whose runs end with a lone one's numbers though it is disturbed; what it wrote, once it has ended."""
    events: list[str] = []
    with serve_process(**OWN) as (address, process, log):
        until(lambda: health(address).get("workers", 0) >= 1 or process.poll() is not None)
        server = Server(address, process.pid)
        alone = [asyncio.run(visit(server, by_page, seed=1, **SHORT)) for by_page in (False, True)]
        assert not [one.error for one in alone if one.error]

        async def visits() -> list[Any]:
            tasks = [asyncio.create_task(visit(server, bool(number % 2), seed=1, **SHORT)) for number in range(runs)]
            await asyncio.sleep(1)
            disturb(process.pid)
            return await asyncio.gather(*tasks)

        for number, one in enumerate(asyncio.run(visits())):
            assert not one.error
            assert one.result == alone[number % 2].result
        assert process.poll() is None
        until(lambda: health(address)["workers"] == len(os.sched_getaffinity(0)))
        yield process, events
        process.terminate()
        assert process.wait(PATIENCE) == 0
        log.seek(0)
        events += [json.loads(line)["event"] for line in log.read().splitlines() if line.startswith(b"{")]


def test_visitors_get_a_lone_runs_numbers_though_a_worker_dies_and_the_server_ends_in_good_order() -> None:
    with disturbed(6, lambda process: os.kill(below(process, WORKER)[0], signal.SIGKILL)) as (process, events):
        workers = below(process.pid, WORKER)
    assert {"worker-joined", "worker-lost", "ready", "run-finished", "stopped"} <= set(events)
    until(lambda: not any(os.path.exists(f"/proc/{number}") for number in workers))


def test_the_page_outlives_its_cluster_says_so_and_takes_it_back() -> None:
    with disturbed(2, lambda process: os.kill(*below(process, RAYLET), signal.SIGKILL)) as (_, events):
        pass
    assert events.index("cluster-lost") < events.index("cluster-back") < events.index("stopped")
