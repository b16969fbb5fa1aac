"""The processes that a program has started, from /proc: Linux only."""

from __future__ import annotations

from pathlib import Path


def workers_of(process: int) -> list[int]:
    """The worker processes of Ray below this one."""
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

    return sorted(number for number, name in names.items() if name.startswith("ray::WorkerProcess") and below(number))
