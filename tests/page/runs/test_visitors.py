"""Who left is forgotten after a while, and what all keep is bounded: the longest unused idle session goes first."""

import time
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from pressing import press, small_model  # noqa: F401  (a fixture)

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.run.arithmetic import RunSize
from cliptta_demo.backend.run.experiment import RunState
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.runs.visitors import LONGEST_STEP
from cliptta_demo.page.session.past import PastRuns
from cliptta_demo.page.session.state import Session, Uploads

LEAVE = 60
MB = 1_000_000


class Page:
    """A page of two states, the first of which tells when its values are deleted."""

    def __init__(self, *names: str, **limits: int) -> None:
        self.deleted: list[str] = []
        with gr.Blocks(analytics_enabled=False) as self.demo:
            self.state, self.other = gr.State(delete_callback=self._delete), gr.State()
        self.demo.queue()
        self.host = Host.of(self.demo, Limits(leave_seconds=LEAVE, **limits))
        self.all, self.queue, self.failures = self.host.visitors, self.demo._queue, 0
        for name in names:
            self.keep(name, name)
            self.queue.pending_messages_per_session[name] = object()

    def _delete(self, name: str) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise OSError
        self.deleted.append(name)

    def keep(self, name: str, value: Any, beside: Any = None) -> None:
        """What their session holds now."""
        self.demo.state_holder[name][self.state._id] = value
        self.demo.state_holder[name][self.other._id] = beside

    def kept(self) -> list[str]:
        """Whose value is still there."""
        return [name for name, kept in self.demo.state_holder.session_data.items() if kept[self.state._id] is not None]

    def call(self, name: str) -> Any:
        """A call of theirs, at work."""
        event = SimpleNamespace(_id=name, session_hash=name, alive=True)
        self.queue.event_ids_to_events[name] = event
        return event

    def look(self, seconds: float = LEAVE) -> list[str]:
        """Who is known so many seconds later."""
        self.all.sweep(time.monotonic() + seconds)
        known = list(self.demo.state_holder.session_data)
        assert list(self.demo.state_holder.time_last_used) == list(self.queue.pending_messages_per_session) == known
        return known


@pytest.fixture
def visitors() -> Page:
    return Page("ann", "bob")


def test_who_left_is_forgotten_after_a_while_and_nobody_else(visitors: Page) -> None:
    visitors.all.gone("ann")
    assert visitors.look(LEAVE - 1) == ["ann", "bob"]
    assert visitors.look() == ["bob"]
    assert (visitors.deleted, visitors.all.left) == (["ann"], {})


def test_a_run_that_nobody_listens_to_is_ended_before_its_session_is_deleted(visitors: Page) -> None:
    hers, his = visitors.call("ann"), visitors.call("bob")
    visitors.all.gone("ann")
    assert visitors.look() == ["ann", "bob"]  # its step has not ended yet
    assert (hers.alive, his.alive) == (False, True)
    del visitors.queue.event_ids_to_events["ann"]
    assert visitors.look() == ["bob"]


def test_a_call_that_stays_in_gradios_list_for_ever_keeps_nobody(visitors: Page) -> None:
    """One that was cancelled at its very end, while Gradio was tidying up after it, does."""
    visitors.call("ann")
    visitors.all.gone("ann")
    assert visitors.look(LEAVE + LONGEST_STEP) == ["bob"]
    assert not visitors.queue.event_ids_to_events


def test_a_sign_of_life_keeps_everything_but_a_call_from_before_they_left(visitors: Page) -> None:
    asked = time.monotonic()  # it waited in line
    for name in ("ann", "bob", "bob"):  # his connection broke twice
        visitors.all.gone(name)
        visitors.all.here(name, asked)
    visitors.all.here("bob", time.monotonic() + 1)
    assert visitors.look() == ["bob"]


def test_a_deletion_that_fails_is_counted_and_tried_again_until_they_come_back(visitors: Page, caplog) -> None:
    visitors.failures = 3
    for name in ("ann", "bob"):
        visitors.all.gone(name)
    assert visitors.look() == ["ann", "bob"]
    assert visitors.all.undeleted == 2
    visitors.all.here("ann")
    assert visitors.look() == ["ann", "bob"]
    assert visitors.look() == ["ann"]
    assert (visitors.deleted, visitors.all.undeleted, len(caplog.records)) == (["bob"], 0, 2)


def test_of_more_sessions_than_there_may_be_the_longest_unused_idle_one_goes() -> None:
    visitors = Page("ann", "bob", sessions=1)
    visitors.call("ann")
    assert visitors.look(0) == ["ann"]
    assert visitors.deleted == ["bob"]


def session_of(count: int) -> Session:
    """One that holds about ``count`` bytes after two batches."""
    return Session(read_form({}), RunState(2, {}, {}, {}, np.zeros(count // 8, np.int64)))


def run_of(kept: int, working: int = 0) -> RunSize:
    return RunSize(kept, 1, 1, 0, 0, working)


def test_the_longest_unused_idle_session_goes_first_and_its_visitor_is_told_until_they_start_again() -> None:
    page = Page(sessions_megabytes=3)
    for name in ("bob", "ann", "visitor"):
        page.keep(name, session_of(MB * 9 // 10), PastRuns())
    page.call("bob")
    page.demo.state_holder["ann"]  # a sign of life
    page.all.sweep()
    assert page.kept() == ["bob", "visitor", "ann"]
    page.keep("kim", session_of(MB * 9 // 10))
    page.all.sweep()
    assert page.kept() == ["bob", "ann", "kim"]
    assert page.all.used <= 3 * MB
    assert page.all.advice("visitor").endswith("are still here: press Run to start it again.")
    _, updates = press(host=page.host)
    (words,) = (update["message"] for update in updates if "needed the memory" in update.get("message", ""))
    assert "its 2 batches and their results are gone" in words
    assert "and it started again from the source model." in words
    assert page.all.advice("visitor") == ""


def test_what_a_run_may_come_to_hold_is_set_aside_when_it_starts() -> None:
    page = Page(sessions_megabytes=3)
    for name in ("ann", "eve"):
        page.keep(name, session_of(MB * 9 // 10))
    with page.all.set_aside("kim", run_of(MB, MB // 2)):
        assert page.kept() == ["eve"]
        with pytest.raises(UserError, match="try again in a minute"), page.all.set_aside("joe", run_of(2 * MB)):
            pass
        assert page.kept() == []  # they made what room there was
        page.keep("kim", session_of(MB // 2))
        assert page.all.used == pytest.approx(3 * MB // 2, abs=10_000)  # part of what was set aside
    assert page.all._aside == {}


def test_decoded_images_count_and_what_was_let_go_counts_no_more() -> None:
    page = Page(sessions_megabytes=1)
    uploads = Uploads(("file",), 100, torch.zeros(10, 3, 100, 100, dtype=torch.uint8), ("a",), (None,), ())
    page.keep("ann", session_of(MB // 2))
    assert 0.4 * MB < page.all.used < 0.6 * MB
    page.keep("ann", session_of(MB // 2), uploads)
    assert 0.7 * MB < page.all.used < 0.9 * MB
    page.keep("bob", session_of(MB // 2))
    page.all.sweep()
    _, kept = page.demo.state_holder["ann"].state_data.values()
    assert (kept.files, kept.size, len(kept.pixels)) == (("file",), 0, 0)  # to be decoded again
    assert page.all.used < 0.6 * MB
    page.keep("bob", None)
    assert page.all.used < 0.1 * MB
