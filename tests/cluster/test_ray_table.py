"""``table --ray``: killed workers, a killed command, and the table of one process, byte for byte."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
from paths import ROOT
from processes import PATIENCE, TASK, below, until

WORDS = "--corruptions none,fog,snow --seeds 0,1 --methods zero-shot,tent,cliptta@steps=2 --batches 6 --batch-size 16"
STREAMS = 6


def start(out: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "cliptta_demo", "table", "--out", str(out), *WORDS.split(), *more]
    own = os.environ | {"OMP_NUM_THREADS": "1", "CLIPTTA_WORKER_WAIT_SECONDS": str(PATIENCE)}
    return subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines(out: Path) -> list[dict]:
    path = out / "runs.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kill_a_worker(table: subprocess.Popen) -> None:
    """In the middle of a stream; any, as soon as there is one."""
    found: list[int] = []
    until(lambda: found.extend(below(table.pid, TASK)) or bool(found) or table.poll() is not None)
    os.kill(found[-1], signal.SIGKILL)


def test_a_table_on_workers_that_are_killed_is_that_of_one_process(tmp_path: Path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    alone = start(one)
    alone.communicate()
    assert alone.returncode == 0

    first = start(many, "--ray", "local")
    until(lambda: len(lines(many)) >= 1 or first.poll() is not None)
    kill_a_worker(first)
    until(lambda: len(lines(many)) >= 3 or first.poll() is not None)
    first.kill()  # the whole command, in the middle of a stream
    first.communicate()

    second = start(many, "--ray", "local")
    kill_a_worker(second)
    _, said = second.communicate(timeout=PATIENCE * 2)
    assert second.returncode == 0, said[-2000:]
    assert "streams are there already; going on" in said
    assert f"{STREAMS}/{STREAMS}" in said
    assert "min left" in said

    for name in ("table.md", "report.html"):
        assert (many / name).read_bytes() == (one / name).read_bytes()
    tables = [pd.read_csv(out / "table.csv").drop(columns="seconds_per_batch") for out in (one, many)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert all(", worker " in line["device"] for line in lines(many))
    assert not any(", " in line["device"] for line in lines(one))
