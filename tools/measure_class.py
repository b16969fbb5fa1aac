"""A class that presses Run together: python -m tools.measure_class [--pupils 30]

Each pupil opens the page and presses Run at the same moment, all with the settings that it opens with; one has done so
alone before. Printed is how many ended with that one's numbers, and the seconds until the first batch was on their page
and until the end. The server is one of its own, on this machine, as are the visitors. Linux only; status 1 where a run
fails or has other numbers.
"""

import argparse
import asyncio
import os
import statistics
import sys

from visitors import Visit, visit

from tools.load import Process, peak, served, verdict


def seconds(visits: list[Visit], moment: str) -> str:
    """From the press to a moment of theirs."""
    waits = [getattr(one, moment) - one.joined for one in visits]
    return f"median {statistics.median(waits):.1f} s, the last {max(waits):.1f} s"


async def together(server: Process, pupils: int) -> list[str]:
    """The class. Returns what is not as it should be."""
    await visit(server, True)  # what is loaded and decoded for everybody
    alone = await visit(server, True)
    assert not alone.error, alone.error
    ready = asyncio.Barrier(pupils)
    tasks = [asyncio.create_task(visit(server, True, ready)) for _ in range(pupils)]
    most = await peak(server, tasks)
    visits = [task.result() for task in tasks]
    ended = [one for one in visits if not one.error]
    other = sum(one.result != alone.result for one in ended)
    print(f"{pupils} pupils on {os.cpu_count()} cores; ended: {len(ended)}; other numbers than alone: {other}")
    if ended:
        print(f"first batch: {seconds(ended, 'first')}; alone {alone.first - alone.joined:.1f} s")
        print(f"end: {seconds(ended, 'ended')}; alone {alone.ended - alone.joined:.1f} s")
    print(f"the server's memory: at most {most:.0f} MB")
    failed = [one.error for one in visits if one.error]
    return failed[:3] + ([f"{other} runs have other numbers than alone"] if other else [])


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pupils", type=int, default=30)
    arguments = parser.parse_args()
    wrong: list[str] = []
    with served(wrong) as server:
        wrong += asyncio.run(together(server, arguments.pupils))
    return verdict(wrong)


if __name__ == "__main__":
    sys.exit(main())
