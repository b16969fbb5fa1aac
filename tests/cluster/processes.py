"""The processes that a program has started, from /proc, how much memory one may take more, and waiting: Linux only."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE = 240  # seconds, for what takes ten on an idle machine


def until(true: Callable[[], bool]) -> None:
    """Waits for what the cluster does in its own time."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.2)


def workers_of(process: int) -> list[int]:
    """The worker processes of Ray below this one."""
    return _below(process, "ray::WorkerProcess")


def tasks_of(process: int) -> list[int]:
    """The processes below this one in which Ray runs a stream of a table."""
    return _below(process, "ray::run_there")


def raylets_of(process: int) -> list[int]:
    """The nodes' own processes below this one."""
    return [number for number in _below(process, "") if _name(number).partition("\0")[0].endswith("/raylet")]


def _name(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text()
    return ""


def _below(process: int, start: str) -> list[int]:
    """The processes below this one whose command line starts so."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text()
            names[int(path.name)] = (path / "cmdline").read_text()
        except OSError:  # it has ended meanwhile
            continue
        parents[int(path.name)] = int(stat.rpartition(")")[2].split()[1])

    def below(number: int) -> bool:
        while number in parents:
            if number == process:
                return True
            number = parents[number]
        return False

    return sorted(number for number, name in names.items() if name.startswith(start) and below(number))
