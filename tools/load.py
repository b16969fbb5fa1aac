"""Many visitors at once, driven over HTTP as a browser does: page, heartbeat, queue, stream of updates.

    python -m tools.load                            forty visitors press Run at once, one of them for a long run
    python -m tools.load --soak 30                  a visitor every few seconds for half an hour
    python -m tools.load --clients 8 --batches 1    less of it
    CLIPTTA_RAY=local CLIPTTA_WORKER_CORES=1 python -m tools.load    the same on workers, which need Ray

Starts its own server on this machine. Every second visitor uses the page's Run button, the others the API. Checks that
every run ends, that nobody's numbers differ from a lone run with the same seed, that a long run holds up nobody for
more than a few of its batches, and that memory comes back. Prints what was measured; status 1 where a check fails.
Linux only: memory, threads and open files are read from /proc.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import httpx
from serving import serve_process
from visitors import Server, Visit, visit

from cliptta_demo.limits import LIMITS

SEEDS = 4  # different runs among the visitors; each is first done alone
SLACK = 0.10  # of the start; what allocators keep
MEMORY_WAIT = LIMITS.leave_seconds + 30.0  # for memory to come back: a session is forgotten some time after it ended
LONG_BATCHES = 3  # of a long run that may pass while somebody waits for a batch of their own
SAMPLES = 40  # lines of a soak's table


class Process(Server):
    """The server, and what its process takes."""

    def memory(self) -> float:
        """Resident memory in MB."""
        lines = (self.process / "status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def processor(self) -> float:
        """Seconds of processor time so far, of this process alone: workers of a cluster are others."""
        fields = (self.process / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        """Threads of the process."""
        return len(list((self.process / "task").iterdir()))

    def files(self) -> int:
        """Open files and connections."""
        return len(list((self.process / "fd").iterdir()))


@contextmanager
def served(wrong: list[str]) -> Iterator[Process]:
    """A server that is ready; at its end what its log has of errors is added to what is ``wrong``."""
    with serve_process() as (address, process, log):
        while httpx.get(f"{address}/health", timeout=60).json()["status"] == "starting":
            time.sleep(1)
        yield Process(address, process.pid)
        log.seek(0)
        lines = [json.loads(line) for line in log.read().splitlines() if line.startswith(b"{")]
    errors = [line for line in lines if line["level"] == "error"]
    wrong += [f"{len(errors)} errors in the log, the first: {errors[0]}"] if errors else []


def verdict(wrong: list[str]) -> int:
    """Prints it; the status to end with."""
    print("\n".join(f"NOT AS IT SHOULD BE: {line}" for line in wrong) or "all as it should be")
    return 1 if wrong else 0


async def crowd(server: Process, arguments: argparse.Namespace) -> list[str]:
    """Everybody at once. Returns what is not as it should be."""
    short = {"batches": arguments.batches, "batch_size": arguments.batch_size, "steps": arguments.steps}
    print(f"{arguments.clients} visitors, {short}", flush=True)
    alone = {}
    for seed in range(SEEDS):
        for by_page in (True, False):
            lone = await visit(server, by_page, seed=seed, **short)
            assert not lone.error, lone.error
            alone[seed, by_page] = lone
    long_one = {**short, "batches": arguments.long, "seed": 99}
    await visit(server, False, **long_one)  # alone too: what it decodes and keeps for everybody is no growth
    seconds = statistics.median(one.ended - one.joined for one in alone.values())
    await asyncio.sleep(3)
    before = server.memory()
    print(f"a lone run: {seconds:.2f} s; memory before {before:.0f} MB, {server.threads()} threads", flush=True)

    began, used = time.monotonic(), server.processor()
    long = asyncio.create_task(visit(server, False, **long_one))
    await asyncio.sleep(1)
    visitors = [(i % SEEDS, (i // SEEDS) % 2 == 0) for i in range(arguments.clients)]
    tasks = [asyncio.create_task(visit(server, by_page, seed=seed, **short)) for seed, by_page in visitors]
    most = await peak(server, tasks)
    visits = [task.result() for task in tasks]
    slow = await long
    used = server.processor() - used
    ends = sorted(one.ended - one.joined for one in visits if not one.error)
    failed = [one.error for one in [*visits, slow] if one.error]
    places = [one.place for one in visits if one.place and one.started - one.joined > 1]
    other = [i for i, one in enumerate(visits) if not one.error and one.result != alone[visitors[i]].result]
    held = max((_held(one, slow) for one in visits if one.batches), default=0)
    print(
        f"ended: {len(ends)} of {len(visits)} after {ends[0]:.1f} to {ends[-1]:.1f} s, median "
        f"{statistics.median(ends):.1f} s; all within {time.monotonic() - began:.1f} s"
    )
    print(f"waited in the queue: {len(places)}, told a place up to {max(places, default=0)}; failed: {len(failed)}")
    print(
        f"the long run: {len(slow.batches)} of {arguments.long} batches in {slow.ended - slow.joined:.1f} s; "
        f"at most {held} of them while somebody waited for a batch"
    )
    print(f"other numbers than alone: {len(other)}; processor time of the page's process: {used:.1f} s")
    after = await _settled(server, before)
    print(
        f"memory at most {most:.0f} MB, {after:.0f} MB after they left ({after / before - 1:+.1%}); "
        f"{server.threads()} threads, {server.files()} files open",
        flush=True,
    )
    wrong = failed[:3]
    wrong += [f"{len(other)} runs differ from a lone run"] if other else []
    wrong += [f"{held} batches of a long run passed while somebody waited"] if held > LONG_BATCHES else []
    wrong += [f"memory grew by {after / before - 1:.1%}"] if after > (1 + SLACK) * before else []
    return wrong


def _held(one: Visit, slow: Visit) -> int:
    """How many batches of the long run ended between two of this visitor's."""
    moments = [one.started, *one.batches]
    pairs = pairwise(moments)
    return max(sum(begin < moment < end for moment in slow.batches) for begin, end in pairs)


async def peak(server: Process, tasks: list[asyncio.Task]) -> float:
    """The most memory, in MB, that the server has until all tasks are done."""
    most = 0.0
    while not all(task.done() for task in tasks):
        most = max(most, server.memory())
        await asyncio.sleep(0.5)
    return most


async def _settled(server: Process, before: float) -> float:
    began = time.monotonic()
    while server.memory() > (1 + SLACK) * before and time.monotonic() - began < MEMORY_WAIT:
        await asyncio.sleep(1)
    return server.memory()


async def soak(server: Process, arguments: argparse.Namespace) -> list[str]:
    """A visitor every few seconds; prints memory, threads and open files over time, and their growth."""
    short = {"batches": arguments.batches, "batch_size": arguments.batch_size, "steps": arguments.steps}
    seconds = 60 * arguments.soak
    began, tasks, samples = time.monotonic(), set(), []
    counts = {"ended": 0, "failed": 0}

    def left(task: asyncio.Task) -> None:
        tasks.discard(task)
        counts["failed" if task.exception() or task.result().error else "ended"] += 1

    number, next_sample = 0, 0.0
    print("minute  memory MB  threads  files  ended  failed", flush=True)
    while (now := time.monotonic() - began) < seconds:
        if now >= next_sample:
            samples.append((server.memory(), server.threads(), server.files()))
            print(
                f"{now / 60:6.1f} {samples[-1][0]:10.0f} {samples[-1][1]:8} {samples[-1][2]:6} "
                f"{counts['ended']:6} {counts['failed']:7}",
                flush=True,
            )
            next_sample += seconds / SAMPLES
        task = asyncio.create_task(visit(server, number % 2 == 0, seed=number % SEEDS, **short))
        task.add_done_callback(left)
        tasks.add(task)
        number += 1
        await asyncio.sleep(arguments.every)
    await asyncio.gather(*tasks, return_exceptions=True)
    wrong = [f"{counts['failed']} runs failed"] if counts["failed"] else []
    later = samples[len(samples) // 4 :]  # caches fill up first
    third = max(1, len(later) // 3)
    for index, name in enumerate(("memory", "threads", "files")):
        first, last = (statistics.mean(line[index] for line in part) for part in (later[:third], later[-third:]))
        print(f"{name}: {first:.0f} → {last:.0f} ({last / first - 1:+.1%}) after the first quarter")
        wrong += [f"{name} grew by {last / first - 1:.1%}"] if last > (1 + SLACK) * first else []
    return wrong


def main() -> int:
    """Runs what the arguments say; 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--long", type=int, default=40, help="batches of the one long run")
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help="between two visitors of a soak")
    arguments = parser.parse_args()
    wrong: list[str] = []
    with served(wrong) as server:
        wrong += asyncio.run((soak if arguments.soak else crowd)(server, arguments))
    return verdict(wrong)


if __name__ == "__main__":
    sys.exit(main())
