"""Giving up a download really ends it, over plain HTTP and over Xet storage, read by the real ``hf_xet``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_stand_in import Hub, Repository, pointed_at, serve_hub
from paths import ROOT

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub import downloads as hub
from cliptta_demo.backend.hub import shared_transfer
from cliptta_demo.backend.hub.downloads import Progress
from cliptta_demo.page.runs.preparing import watched

LARGE = os.urandom(9_000_000)
NAME = "somebody/things"
SLOW = 100_000  # bytes a second: a minute and a half for all
SOON = 60.0  # seconds, on however busy a machine; to its own end none of these downloads comes in that time


@pytest.fixture(params=["http", "xet"])
def stand_in(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    repository = Repository({"data/large.bin": LARGE})
    with serve_hub({("dataset", NAME): repository}) as server, pointed_at(monkeypatch, server, tmp_path / "cache"):
        server.xet, server.bytes_per_second = request.param == "xet", SLOW
        yield server


def fetch() -> bytes:
    listing = hub.list_repository("dataset", NAME)
    return hub.fetch(listing, listing.files)[0].read_bytes()


def soon(true: Callable[[], object]) -> bool:
    """Whether it becomes true."""
    until = time.monotonic() + SOON
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return bool(true())


def begun() -> Iterator[Progress | bytes]:
    """A visitor whose download has brought something."""
    steps = watched(fetch)
    assert next(step for step in steps if step.done)
    return steps


def threads() -> list[str]:
    names = ("preparing", "download")
    return [thread.name for thread in threading.enumerate() if thread.name in names]


def parts(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").rglob("*.incomplete"))


@pytest.mark.parametrize("stalled", [False, True], ids=["slow", "stalled"])
def test_it_ends_with_its_thread_its_connection_and_what_it_had_brought(
    stand_in: Hub, stalled: bool, tmp_path: Path
) -> None:
    visitor = begun()
    assert parts(tmp_path)
    stand_in.stalled = stalled
    visitor.close()
    assert soon(lambda: not threads() and not stand_in.sending)
    assert stand_in.sent < len(LARGE) / 2
    assert parts(tmp_path) == []
    assert shared_transfer._transfers == {}
    stand_in.stalled, stand_in.bytes_per_second = False, None
    assert list(watched(fetch))[-1] == LARGE  # nobody holds its lock


def test_xet_storage_is_really_used_and_tells_nobody_about_it(stand_in: Hub) -> None:
    stand_in.bytes_per_second = 6_000_000
    *progress, content = watched(fetch)
    assert content == LARGE
    assert any(0 < step.done < step.total / 2 for step in progress)
    assert [step.done for step in progress] == sorted(step.done for step in progress)
    assert bool(stand_in.asked("/xorb/")) == stand_in.xet
    assert bool(stand_in.asked("/cdn/")) != stand_in.xet
    assert not [path for _, path, _ in stand_in.requests if "telemetry" in path]


def test_one_of_two_who_wait_gives_up_and_the_other_gets_it(stand_in: Hub) -> None:
    first, second = begun(), begun()
    first.close()
    assert soon(lambda: threads().count("preparing") == 1)
    stand_in.bytes_per_second = None
    assert list(second)[-1] == LARGE
    assert len(stand_in.asked("/xorb/" if stand_in.xet else "/cdn/")) == 1


def test_the_last_of_two_ends_it(stand_in: Hub, tmp_path: Path) -> None:
    for visitor in (begun(), begun()):
        visitor.close()
    assert soon(lambda: not threads() and not stand_in.sending)
    assert parts(tmp_path) == []


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system stops no process")
def test_a_process_that_does_not_react_is_killed(
    stand_in: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_transfer, "END_SECONDS", 0.3)
    visitor = begun()
    (transfer,) = shared_transfer._transfers.values()
    transfer.process.send_signal(signal.SIGSTOP)
    visitor.close()
    assert soon(lambda: not threads() and not stand_in.sending)
    assert transfer.process.returncode == -signal.SIGKILL
    assert parts(tmp_path) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")
def test_it_ends_with_the_server(stand_in: Hub, tmp_path: Path) -> None:
    code = (
        "from cliptta_demo.backend.hub import downloads as hub\n"
        f"listing = hub.list_repository('dataset', {NAME!r})\n"
        "with hub.watch(lambda progress: None):\n"
        "    hub.fetch(listing, listing.files)"
    )
    place = {"HF_ENDPOINT": stand_in.address, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "0"}
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **place}, cwd=ROOT) as server:
        assert soon(lambda: stand_in.sent and parts(tmp_path))
        server.kill()
    assert soon(lambda: not stand_in.sending and not parts(tmp_path))


def test_a_process_that_dies_is_a_sentence(stand_in: Hub) -> None:
    visitor = begun()
    (transfer,) = shared_transfer._transfers.values()
    transfer.process.kill()
    with pytest.raises(UserError, match=re.escape("The download broke off. Try again.")):
        list(visitor)
    assert soon(lambda: not threads())


def test_what_else_its_process_prints_hinders_nothing(
    stand_in: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatter = 'import os\nos.write(1, b"no JSON\\n\\xff\\n7\\n[1]\\n{}\\n\\n")\n'
    (tmp_path / "sitecustomize.py").write_text(chatter)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    visitor = watched(fetch)
    next(visitor)
    assert soon(lambda: stand_in.sent)
    visitor.close()
    assert soon(lambda: not threads())
    stand_in.bytes_per_second = None
    assert list(watched(fetch))[-1] == LARGE


def test_who_waits_for_anothers_work_can_give_up_too() -> None:
    lock = threading.Lock()

    def wait() -> None:
        with hub.patiently(lock, "ViT-B-16/openai"):
            pass

    with lock:
        visitor = watched(wait)
        assert next(visitor) == Progress("ViT-B-16/openai", 0, 0)
        visitor.close()
        assert soon(lambda: not threads())
    assert list(watched(wait))[-1] is None
