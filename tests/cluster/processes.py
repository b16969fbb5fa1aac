"""The processes that a program has started, and waiting: Linux only."""

import re
import subprocess
import time
from collections.abc import Callable

PATIENCE = 240  # seconds, for what takes ten on an idle machine
# How Ray's processes begin: a worker of the page, one that runs a stream of a table, a node's own.
WORKER, TASK, RAYLET = "ray::WorkerProcess", "ray::run_there", r"\S*/raylet\b"


def until(true: Callable[[], bool]) -> None:
    """Waits for what the cluster does in its own time."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.2)


def below(process: int, pattern: str) -> list[int]:
    """The processes below this one whose command line begins so."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    family, found = {process}, []
    for number, parent, name in (line.split(None, 2) for line in listed.splitlines()):  # parents come first
        if int(parent) in family:
            family.add(int(number))
            found += [int(number)] * bool(re.match(pattern, name))
    return found
