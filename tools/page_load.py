"""What the process that serves the page takes for itself, in front of workers that only sleep.

    python -m tools.page_load                                  1 to 200 visitors, one GPU for ten of them
    python -m tools.page_load --visitors 40 --batch-seconds 2
    python -m tools.page_load --visitors 400 1000 --gpus 32    more than run at once: the others wait in line

Every visitor presses Run on the page, again when a run has ended, and reads all that comes. Prints, for each number of
visitors: processor cores of the page's process, what that is for each visitor, bytes and updates a second for each, and
how long ``/health`` takes to answer meanwhile. Needs Ray (requirements-cluster.txt); Linux only.
"""

import argparse
import asyncio
import os
import statistics
import time
import uuid

import httpx
from serving import ROOT, serve_process
from visitors import API, heartbeat, request

from tools.load import Process

BATCHES = 20  # of a run
RUN = {"batches": BATCHES, "batch_size": 16, "steps": 2}
SPREAD = 5.0  # seconds over which visitors come
START = 240.0  # for the workers to come


class Crowd:
    """Counts what visitors get."""

    def __init__(self) -> None:
        self.bytes = self.updates = self.refused = 0

    async def stay(self, server: Process, delay: float) -> None:
        """One visitor, until cancelled."""
        session = uuid.uuid4().hex[:12]
        await asyncio.sleep(delay)
        async with (
            httpx.AsyncClient(base_url=server.address, timeout=None) as client,
            heartbeat(client, session),
        ):
            while True:
                function, data = request(server, True, **RUN)
                body = {"data": data, "fn_index": function, "session_hash": session}
                joined = await client.post(f"{API}/queue/join", json=body)
                if joined.status_code != 200:
                    self.refused += 1
                    await asyncio.sleep(1)
                    continue
                async with client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as stream:
                    async for line in stream.aiter_lines():  # not parsed: this process shares the machine
                        self.bytes += len(line)
                        self.updates += '"process_generating"' in line[:80]
                        if '"process_completed"' in line[:80]:
                            break


async def measure(server: Process, visitors: int, seconds: float) -> None:
    """So many visitors at once, for so long; prints a line."""
    crowd = Crowd()
    tasks = [asyncio.create_task(crowd.stay(server, SPREAD * number / visitors)) for number in range(visitors)]
    await asyncio.sleep(2 * SPREAD)
    before, began, waits = (server.processor(), crowd.bytes, crowd.updates), time.monotonic(), []
    async with httpx.AsyncClient(base_url=server.address, timeout=None) as client:
        while time.monotonic() - began < seconds:
            asked = time.monotonic()
            at_work = (await client.get("/health")).json()["runs_at_work"]
            waits.append(time.monotonic() - asked)
            await asyncio.sleep(0.5)
    taken = time.monotonic() - began
    cores = (server.processor() - before[0]) / taken
    got, seen = (crowd.bytes - before[1]) / taken, (crowd.updates - before[2]) / taken
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [end for end in ends if not isinstance(end, asyncio.CancelledError)]
    print(
        f"{visitors:8} {at_work:8} {cores:8.2f} {1000 * cores / visitors:12.1f} {got / visitors / 1000:10.1f} "
        f"{seen / visitors:10.2f} {1000 * statistics.median(waits):10.0f} {1000 * max(waits):8.0f} "
        f"{crowd.refused + len(failed):7}",
        flush=True,
    )


async def all_of_them(address: str, process: int, arguments: argparse.Namespace) -> None:
    """One number of visitors after the other."""
    began = time.monotonic()
    while not httpx.get(f"{address}/health", timeout=60).json().get("workers"):
        if time.monotonic() - began > START:
            raise SystemExit("No worker has come.")
        await asyncio.sleep(1)
    server = Process(address, process)
    print("visitors  at work    cores  mcores/visitor  kB/s each  updates/s each  /health ms  longest  failed")
    for visitors in arguments.visitors:
        await measure(server, visitors, arguments.seconds)
        await asyncio.sleep(SPREAD)


def main() -> None:
    """Starts the server and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, nargs="+", default=[1, 10, 40, 100, 200])
    parser.add_argument("--gpus", type=float, default=4, help="that the workers stand for")
    parser.add_argument("--batch-seconds", type=float, default=1.0, help="of a batch on a GPU of one's own")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    arguments = parser.parse_args()
    own = {
        "CLIPTTA_RAY": "local",
        "CLIPTTA_WORKERS": "1",
        "CLIPTTA_WORKER_CORES": "1",
        "CLIPTTA_RUNS_AT_ONCE": "256",
        "CLIPTTA_QUEUE_SIZE": "10000",
        "CLIPTTA_SESSIONS": "10000",
        "CLIPTTA_SESSIONS_MEGABYTES": "1000000",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "SLEEP_GPUS": str(arguments.gpus),
        "SLEEP_SECONDS": str(arguments.batch_seconds),
    }
    with serve_process("tools/sleeping_server.py", **own) as (address, process, _):
        asyncio.run(all_of_them(address, process.pid, arguments))


if __name__ == "__main__":
    main()
