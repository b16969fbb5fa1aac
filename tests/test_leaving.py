"""Who left is forgotten after a while; a sign of life keeps everything."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

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


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(leaving, "GRACE", 0.1)


def test_who_left_is_forgotten_and_nobody_else():
    holder, visitors = Holder(), Leaving()
    visitors.gone("ann", SimpleNamespace(state_holder=holder))
    assert holder.deleted == []
    time.sleep(0.25)
    assert holder.deleted == ["ann"]
    assert list(holder.session_data) == list(holder.time_last_used) == ["bob"]


def test_a_sign_of_life_keeps_everything():
    holder, visitors = Holder(), Leaving()
    visitors.gone("ann", SimpleNamespace(state_holder=holder))
    visitors.gone("ann", SimpleNamespace(state_holder=holder))  # the connection broke twice
    visitors.here("ann")
    time.sleep(0.25)
    assert holder.deleted == []
    assert len(holder.session_data) == 2
