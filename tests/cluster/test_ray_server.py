"""The page's server with ``CLIPTTA_RAY=local``, over HTTP: visitors, a killed worker, and its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

import httpx
from cluster_waiting import PATIENCE, until
from processes import raylets_of, workers_of
from serving import serve_process
from visitors import Server, visit

OWN = {"CLIPTTA_RAY": "local", "CLIPTTA_WORKER_CORES": "1", "CLIPTTA_WORKER_WAIT_SECONDS": str(PATIENCE)}
SHORT = {"batches": 12, "batch_size": 16, "steps": 2}


def health(address: str) -> dict[str, Any]:
    return httpx.get(f"{address}/health", timeout=PATIENCE).json()


def test_visitors_get_a_lone_runs_numbers_though_a_worker_dies_and_the_server_ends_in_good_order() -> None:
    with serve_process(**OWN) as (address, process, log):
        until(lambda: health(address).get("workers", 0) >= 1 or process.poll() is not None)
        server = Server(address, process.pid)
        alone = {by_page: asyncio.run(visit(server, by_page, seed=1, **SHORT)) for by_page in (True, False)}
        assert not [one.error for one in alone.values() if one.error]

        async def disturbed() -> list[Any]:
            kinds = [bool(number % 2) for number in range(6)]
            tasks = [asyncio.create_task(visit(server, by_page, seed=1, **SHORT)) for by_page in kinds]
            await asyncio.sleep(1)
            os.kill(workers_of(process.pid)[0], signal.SIGKILL)
            return list(zip(kinds, await asyncio.gather(*tasks), strict=True))

        for by_page, one in asyncio.run(disturbed()):
            assert not one.error
            assert one.result == alone[by_page].result
        until(lambda: health(address)["workers"] == len(os.sched_getaffinity(0)))
        workers = workers_of(process.pid)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        log.seek(0)
        events = [json.loads(line)["event"] for line in log.read().splitlines() if line.startswith(b"{")]
    assert {"worker-joined", "ready", "run-finished", "stopped"} <= set(events)
    until(lambda: not any(os.path.exists(f"/proc/{number}") for number in workers))


def test_the_page_outlives_its_cluster_says_so_and_takes_it_back() -> None:
    with serve_process(**OWN) as (address, process, log):
        until(lambda: health(address).get("workers", 0) >= 1 or process.poll() is not None)
        server = Server(address, process.pid)
        alone = {by_page: asyncio.run(visit(server, by_page, seed=1, **SHORT)) for by_page in (True, False)}

        async def disturbed() -> list[Any]:
            tasks = [asyncio.create_task(visit(server, by_page, seed=1, **SHORT)) for by_page in alone]
            await asyncio.sleep(1)
            (raylet,) = raylets_of(process.pid)
            os.kill(raylet, signal.SIGKILL)
            return await asyncio.gather(*tasks)

        for one, by_page in zip(asyncio.run(disturbed()), alone, strict=True):
            assert not one.error
            assert one.result == alone[by_page].result
        assert process.poll() is None
        until(lambda: health(address)["workers"] == len(os.sched_getaffinity(0)))
        process.terminate()
        assert process.wait(PATIENCE) == 0
        log.seek(0)
        events = [json.loads(line)["event"] for line in log.read().splitlines() if line.startswith(b"{")]
    assert events.index("cluster-lost") < events.index("cluster-back") < events.index("stopped")
