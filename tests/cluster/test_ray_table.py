"""``table --ray``: killed workers, a killed command, and the table of one process, byte for byte."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from paths import ROOT
from processes import PATIENCE, tasks_of, until

WORDS = "--corruptions none,fog,snow --seeds 0,1 --methods zero-shot,tent,cliptta@steps=2 --batches 6 --batch-size 16"
STREAMS = 6


def command(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "cliptta_demo", "table", "--out", str(out), *WORDS.split(), *more]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CLIPTTA_WORKER_WAIT_SECONDS": str(PATIENCE)}


def start(out: Path) -> subprocess.Popen:
    options = {"cwd": ROOT, "env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command(out, "--ray", "local"), **options)


def lines(out: Path) -> list[dict]:
    path = out / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def without_times(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return [{name: text for name, text in row.items() if "seconds" not in name} for row in csv.DictReader(file)]


def kill_a_worker(table: subprocess.Popen) -> None:
    """In the middle of a stream; any, as soon as there is one."""
    found: list[int] = []
    until(lambda: found.extend(tasks_of(table.pid)) or bool(found) or table.poll() is not None)
    os.kill(found[-1], signal.SIGKILL)


def test_a_table_on_workers_that_are_killed_is_that_of_one_process(tmp_path: Path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    subprocess.run(command(one), cwd=ROOT, env=environment(), check=True, capture_output=True)

    first = start(many)
    until(lambda: len(lines(many)) >= 1 or first.poll() is not None)
    kill_a_worker(first)
    until(lambda: len(lines(many)) >= 3 or first.poll() is not None)
    first.kill()  # the whole command, in the middle of a stream
    first.communicate()

    second = start(many)
    kill_a_worker(second)
    _, said = second.communicate(timeout=PATIENCE * 2)
    assert second.returncode == 0, said[-2000:]
    assert "streams are there already; going on" in said
    assert f"{STREAMS}/{STREAMS}" in said
    assert "min left" in said

    for name in ("table.md", "report.html"):
        assert (many / name).read_bytes() == (one / name).read_bytes()
    assert without_times(many / "table.csv") == without_times(one / "table.csv")
    assert all(", worker " in line["device"] for line in lines(many))
    assert not any(", " in line["device"] for line in lines(one))
