"""Who left is forgotten after a while; a sign of life keeps everything."""

import time
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from cliptta_demo.limits import Limits
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.runs.session_end import LONGEST_STEP

LEAVE = 60


class Visitors:
    """Ann and Bob at a page of one state, whose values tell when they are deleted."""

    def __init__(self, **limits: int) -> None:
        self.deleted: list[str] = []
        with gr.Blocks(analytics_enabled=False) as self.demo:
            state = gr.State(delete_callback=self._delete)
        self.demo.queue()
        self.host = Host.of(self.demo, Limits(leave_seconds=LEAVE, **limits))
        self.end, self.queue, self.failures = self.host.session_end, self.demo._queue, 0
        for name in ("ann", "bob"):
            self.demo.state_holder[name][state._id] = name
            self.queue.pending_messages_per_session[name] = object()

    def _delete(self, name: str) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise OSError
        self.deleted.append(name)

    def call(self, name: str) -> Any:
        """A call of theirs, at work."""
        event = SimpleNamespace(_id=name, session_hash=name, alive=True)
        self.queue.event_ids_to_events[name] = event
        return event

    def look(self, seconds: float = LEAVE) -> list[str]:
        """Who is known so many seconds later."""
        self.end.sweep(time.monotonic() + seconds)
        known = list(self.demo.state_holder.session_data)
        assert list(self.demo.state_holder.time_last_used) == list(self.queue.pending_messages_per_session) == known
        return known


@pytest.fixture
def visitors() -> Visitors:
    return Visitors()


def test_who_left_is_forgotten_after_a_while_and_nobody_else(visitors: Visitors) -> None:
    visitors.end.gone("ann")
    assert visitors.look(LEAVE - 1) == ["ann", "bob"]
    assert visitors.look() == ["bob"]
    assert (visitors.deleted, visitors.end.leaving) == (["ann"], 0)


def test_a_run_that_nobody_listens_to_is_ended_before_its_session_is_deleted(visitors: Visitors) -> None:
    hers, his = visitors.call("ann"), visitors.call("bob")
    visitors.end.gone("ann")
    assert visitors.look() == ["ann", "bob"]  # its step has not ended yet
    assert (hers.alive, his.alive) == (False, True)
    del visitors.queue.event_ids_to_events["ann"]
    assert visitors.look() == ["bob"]


def test_a_call_that_stays_in_gradios_list_for_ever_keeps_nobody(visitors: Visitors) -> None:
    """One that was cancelled at its very end, while Gradio was tidying up after it, does."""
    visitors.call("ann")
    visitors.end.gone("ann")
    assert visitors.look(LEAVE + LONGEST_STEP) == ["bob"]
    assert not visitors.queue.event_ids_to_events


def test_a_sign_of_life_keeps_everything_but_a_call_from_before_they_left(visitors: Visitors) -> None:
    asked = time.monotonic()  # it waited in line
    for name in ("ann", "bob", "bob"):  # his connection broke twice
        visitors.end.gone(name)
        visitors.end.here(name, asked)
    visitors.end.here("bob", time.monotonic() + 1)
    assert visitors.look() == ["bob"]


def test_a_deletion_that_fails_is_counted_and_tried_again_until_they_come_back(visitors: Visitors, caplog) -> None:
    visitors.failures = 3
    for name in ("ann", "bob"):
        visitors.end.gone(name)
    assert visitors.look() == ["ann", "bob"]
    assert visitors.end.undeleted == 2
    visitors.end.here("ann")
    assert visitors.look() == ["ann", "bob"]
    assert visitors.look() == ["ann"]
    assert (visitors.deleted, visitors.end.undeleted, len(caplog.records)) == (["bob"], 0, 2)


def test_of_more_sessions_than_there_may_be_the_longest_unused_idle_one_goes() -> None:
    visitors = Visitors(sessions=1)
    visitors.call("ann")
    assert visitors.look(0) == ["ann"]
    assert visitors.deleted == ["bob"]
