"""Who left is forgotten after a while; a sign of life keeps everything."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from cliptta_demo.page import leaving
from cliptta_demo.page.leaving import Leaving


class Holder:
    """What Gradio's own keeper of sessions offers, counting what is deleted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session_data = {"ann": object(), "bob": object()}
        self.time_last_used = {"ann": 1, "bob": 2}
        self.deleted: list[str] = []

    def delete_state(self, key: str) -> None:
        self.deleted.append(key)


def demo_of(holder: Holder, *events: Any) -> SimpleNamespace:
    """What Gradio's app offers, with these events at work or in line."""
    queue = SimpleNamespace(
        event_ids_to_events=dict(enumerate(events)),
        pending_messages_per_session={"ann": object(), "bob": object()},
        pending_event_ids_session={"ann": set(), "bob": set()},
    )
    return SimpleNamespace(state_holder=holder, _queue=queue)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(leaving, "GRACE", 0.1)
    monkeypatch.setattr(leaving, "AGAIN", 0.05)


def test_who_left_is_forgotten_and_nobody_else():
    holder, visitors = Holder(), Leaving()
    demo = demo_of(holder)
    visitors.gone("ann", demo)
    assert holder.deleted == []
    time.sleep(0.25)
    assert holder.deleted == ["ann"]
    assert list(holder.session_data) == list(holder.time_last_used) == ["bob"]
    assert list(demo._queue.pending_messages_per_session) == list(demo._queue.pending_event_ids_session) == ["bob"]


def test_a_run_that_nobody_listens_to_is_ended_before_its_session_is_deleted():
    holder, visitors = Holder(), Leaving()
    hers, his = (SimpleNamespace(session_hash=name, alive=True) for name in ("ann", "bob"))
    demo = demo_of(holder, hers, his)
    visitors.gone("ann", demo)
    time.sleep(0.25)
    assert (hers.alive, his.alive) == (False, True)
    assert holder.deleted == []  # its step has not ended yet
    demo._queue.event_ids_to_events.pop(0)
    time.sleep(0.15)
    assert holder.deleted == ["ann"]


def test_a_call_from_before_they_left_is_no_sign_of_life():
    holder, visitors = Holder(), Leaving()
    asked = time.monotonic()  # it waited in line
    visitors.gone("ann", demo_of(holder))
    visitors.here("ann", asked)
    time.sleep(0.25)
    assert holder.deleted == ["ann"]
    visitors.gone("bob", demo_of(holder))
    visitors.here("bob", time.monotonic())
    time.sleep(0.25)
    assert holder.deleted == ["ann"]


def test_a_sign_of_life_keeps_everything():
    holder, visitors = Holder(), Leaving()
    visitors.gone("ann", demo_of(holder))
    visitors.gone("ann", demo_of(holder))  # the connection broke twice
    visitors.here("ann")
    time.sleep(0.25)
    assert holder.deleted == []
    assert len(holder.session_data) == 2
