"""The processes that a program has started, from /proc, how much memory one may take more, and waiting: Linux only."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 240  # seconds, for what takes ten on an idle machine
# Where control groups bound memory, and the file of the bound: their first version, and the second.
GROUPS = ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max"))


def until(true: Callable[[], bool]) -> None:
    """Waits for what the cluster does in its own time."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < PATIENCE
        time.sleep(0.2)


def _made() -> tuple[Path, str] | None:
    """A control group of our own, and the name of its bound; None where none can be made."""
    for folder, bound in GROUPS:
        group = folder / f"cliptta-{os.getpid()}"
        with suppress(OSError):
            group.mkdir()
            if (group / bound).exists():
                return group, bound
            group.rmdir()
    return None


def has_memory_groups() -> bool:
    """Whether this process may bound another one's memory."""
    made = _made()
    if made is not None:
        made[0].rmdir()
    return made is not None


@contextmanager
def little_memory(process: int, count: int) -> Iterator[None]:
    """While inside, the kernel kills that process once it takes ``count`` bytes more than it has."""
    group, bound = _made()
    (group / bound).write_text(str(count))
    (group / "cgroup.procs").write_text(str(process))
    yield
    while True:  # until the process has left it, dead
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


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
