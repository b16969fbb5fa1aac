"""Who left is forgotten after a while; a sign of life keeps everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cliptta_demo.backend.data.collection import GivenFile
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.runs import session_end
from cliptta_demo.page.runs.memory_budget import MemoryBudget
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.runs.session_end import SessionEnd
from cliptta_demo.page.session import leftover_files
from cliptta_demo.page.session.leftover_files import LeftoverFiles
from cliptta_demo.page.session.upload_quota import UploadQuota
from cliptta_demo.page.session.uploads import forget_files

PATIENCE = 60  # seconds
PAUSES = (0.01, 0.02, 0.04, 0.08)


class Holder:
    """What Gradio's own keeper of sessions offers, counting what is deleted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session_data = {"ann": object(), "bob": object()}
        self.time_last_used = {"ann": 1, "bob": 2}
        self.deleted: list[str] = []

        self.failures = 0  # of the next deletions
        self.tries = 0

    def delete_state(self, key: str) -> None:
        self.tries += 1
        if self.failures:
            self.failures -= 1
            raise OSError("no")
        self.deleted.append(key)


def demo_of(holder: Holder, *events: Any) -> SimpleNamespace:
    """What Gradio's app offers, with these events at work."""
    queue = SimpleNamespace(
        event_ids_to_events={event._id: event for event in events},
        event_queue_per_concurrency_id={},
        active_jobs=[list(events), None],
        pending_messages_per_session={"ann": object(), "bob": object()},
        pending_event_ids_session={"ann": set(), "bob": set()},
    )
    return SimpleNamespace(state_holder=holder, _queue=queue, app=SimpleNamespace(iterators={}))


def visitors_of(demo: SimpleNamespace, pauses: Sequence[float] = PAUSES) -> SessionEnd:
    """Those of a server with this page, who are forgotten soon."""
    return SessionEnd(demo, Runs(), MemoryBudget(0, bool, len), 0.1, 0.05, pauses)


def soon(true: Callable[[], object]) -> bool:
    """Whether it becomes true; on a busy machine a timer may be late."""
    until = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(true())


def ended(visitors: SessionEnd) -> bool:
    """Whether nothing is left to do, nor a thread that would do it."""
    return soon(lambda: not visitors._since and not timers()) and visitors._timers == {}


def timers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if type(thread) is threading.Timer]


def test_who_left_is_forgotten_and_nobody_else():
    holder = Holder()
    demo = demo_of(holder)
    visitors = visitors_of(demo)
    visitors.gone("ann")
    assert ended(visitors)
    assert holder.deleted == ["ann"]
    assert list(holder.session_data) == list(holder.time_last_used) == ["bob"]
    assert list(demo._queue.pending_messages_per_session) == list(demo._queue.pending_event_ids_session) == ["bob"]


def test_a_run_that_nobody_listens_to_is_ended_before_its_session_is_deleted():
    holder = Holder()
    hers, his = (SimpleNamespace(_id=name, session_hash=name, alive=True) for name in ("ann", "bob"))
    demo = demo_of(holder, hers, his)
    visitors = visitors_of(demo)
    visitors.gone("ann")
    assert soon(lambda: not hers.alive)
    assert his.alive
    time.sleep(0.15)  # looks again meanwhile
    assert holder.deleted == []  # its step has not ended yet
    demo._queue.event_ids_to_events.pop("ann")
    assert ended(visitors)
    assert holder.deleted == ["ann"]


def test_a_call_from_before_they_left_is_no_sign_of_life():
    holder = Holder()
    visitors = visitors_of(demo_of(holder))
    asked = time.monotonic()  # it waited in line
    visitors.gone("ann")
    visitors.here("ann", asked)
    assert ended(visitors)
    assert holder.deleted == ["ann"]
    visitors.gone("bob")
    visitors.here("bob", time.monotonic() + 1)
    assert ended(visitors)
    assert holder.deleted == ["ann"]


def test_a_sign_of_life_keeps_everything():
    holder = Holder()
    visitors = visitors_of(demo_of(holder))
    visitors.gone("ann")
    visitors.gone("ann")  # the connection broke twice
    visitors.here("ann")
    assert ended(visitors)
    assert holder.deleted == []
    assert len(holder.session_data) == 2


def test_a_deletion_that_fails_is_tried_again_and_the_rest_is_deleted_meanwhile(caplog):
    holder = Holder()
    holder.failures = 2
    demo = demo_of(holder)
    visitors = visitors_of(demo)
    visitors.gone("ann")
    assert ended(visitors)
    assert (holder.tries, holder.deleted, visitors.undeleted) == (3, ["ann"], 0)
    assert list(holder.session_data) == list(demo._queue.pending_messages_per_session) == ["bob"]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2


def test_a_deletion_that_always_fails_ends_is_counted_and_keeps_nothing_else(caplog):
    holder = Holder()
    holder.failures = 10**6
    demo = demo_of(holder)
    visitors = visitors_of(demo)
    for key in ("ann", "bob"):
        visitors.gone(key)
    assert ended(visitors)
    assert holder.tries == 2 * (1 + len(PAUSES))
    assert (holder.deleted, visitors.undeleted) == ([], 2)
    assert not holder.session_data
    assert not demo._queue.pending_messages_per_session
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["a session could not be deleted: states"] * 2


@pytest.mark.parametrize("broken", ["session_data", "pending_messages_per_session"])
def test_each_part_is_deleted_whatever_happens_to_the_others(broken):
    holder = Holder()
    demo = demo_of(holder)
    visitors = visitors_of(demo)
    setattr(holder if broken == "session_data" else demo._queue, broken, None)
    visitors.gone("ann")
    assert ended(visitors)
    assert holder.deleted == ["ann"]
    assert visitors.undeleted == 1
    if broken == "session_data":
        assert list(demo._queue.pending_messages_per_session) == ["bob"]
    else:
        assert list(holder.session_data) == ["bob"]


def test_who_comes_back_between_two_tries_is_kept():
    holder = Holder()
    visitors = visitors_of(demo_of(holder), (60.0,))
    holder.failures = 1
    visitors.gone("ann")
    assert soon(lambda: holder.tries and visitors._timers)
    visitors.here("ann")
    assert ended(visitors)
    assert list(holder.session_data) == ["ann", "bob"]


def test_runs_that_can_not_be_ended_keep_nobody_from_being_deleted(monkeypatch):
    holder = Holder()
    visitors = visitors_of(demo_of(holder))
    monkeypatch.setattr(session_end.gradio_parts, "end_events", lambda *_: 1 / 0)
    visitors.gone("ann")
    assert ended(visitors)
    assert holder.deleted == ["ann"]


def test_a_file_that_can_not_be_deleted_is_remembered_and_tried_again(tmp_path, monkeypatch):
    left = LeftoverFiles(first_pause=0.0)
    kept = replace(UploadQuota.of(LIMITS), leftovers=left)
    files = [tmp_path / name / "a.png" for name in ("bad", "good")]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(b"x")
    given = tuple(GivenFile(str(file), file.name) for file in files)
    unlink, refused = Path.unlink, [2]

    def fail(path, **options):
        if path == files[0] and refused[0]:
            refused[0] -= 1
            raise PermissionError(str(path))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", fail)
    assert all(kept.take(file) for file in files)
    forget_files(kept, SimpleNamespace(files=given))
    assert (len(left), files[0].exists(), files[1].parent.exists()) == (1, True, False)
    assert kept.paths == {str(files[0])}  # still counted
    assert not kept.take(files[0])  # nobody else can take it meanwhile
    left.try_again()
    assert (len(left), files[0].exists()) == (1, True)
    left.try_again()
    assert (len(left), files[0].parent.exists(), kept.used) == (0, False, 0)


def test_pauses_between_tries_grow(tmp_path, monkeypatch):
    left, now = LeftoverFiles(), [0.0]
    monkeypatch.setattr(leftover_files, "time", SimpleNamespace(monotonic=lambda: now[0]))
    tries = []

    def fail(path, **_):
        tries.append(now[0])
        raise OSError

    monkeypatch.setattr(Path, "unlink", fail)
    left.delete(tmp_path / "x")
    for second in range(40):
        now[0] = float(second)
        left.try_again()
    assert tries == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0]
