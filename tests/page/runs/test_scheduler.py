"""Runs at work take turns: nobody waits for another's long run, and a heavy step is paid for by waiting.

What SECURITY.md promises of turns: each is bounded in work, and reading images takes none.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any
from unittest.mock import Mock

import gradio as gr
import pytest
from pressing import values
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.data.sources import Source
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs import handlers, registry, runner
from cliptta_demo.page.runs import machine as module
from cliptta_demo.page.runs.gpu import perform
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.runs.machine import Machine, Scheduler, Share
from cliptta_demo.page.session.state import Asked

NAMES = ("cat", "dog", "horse", "bird", "fish", "flower", "tree", "car", "airplane", "ship", "house")
LONG = 60  # seconds; what is waited for comes at once


class Clock:
    """Time that passes in steps alone, as much as each of them says."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def step(self, seconds: float, then: Callable[[], None] = lambda: None) -> Callable[[], None]:
        """A step that takes so long."""

        def work() -> None:
            self.now += seconds
            then()

        return work


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def steps_between(clock: Clock, seconds: dict[str, float], until: int) -> list[str]:
    """The order of steps of runs that always want the next one, until the first of them has had ``until``."""
    scheduler, order, done, together = Scheduler(), [], threading.Event(), threading.Event()

    def ask(name: str, share: Share) -> None:
        """For the next step; the one after it is asked for when it is done, by the thread that did it."""
        if order.count(next(iter(seconds))) == until:
            done.set()
            return
        step = clock.step(seconds[name], partial(order.append, name))
        scheduler._put(share, step).add_done_callback(lambda _: ask(name, share))

    with ExitStack() as runs:
        shares = {name: runs.enter_context(scheduler.joined()) for name in seconds}
        scheduler._put(runs.enter_context(scheduler.joined()), together.wait)
        for name, share in shares.items():
            ask(name, share)
        together.set()
        assert done.wait(LONG)
    return order


def test_equal_runs_alternate_and_a_heavy_one_gets_fewer_steps_and_is_not_starved(clock: Clock) -> None:
    order = steps_between(clock, {"a": 0.25, "b": 0.25, "c": 0.25}, 20)
    assert order[:60] == ["a", "b", "c"] * 19 + order[57:60]
    assert max(map(order.count, "abc")) - min(map(order.count, "abc")) <= 1
    order = steps_between(clock, {"heavy": 2.5, "light": 0.25}, 4)
    first, last = order.index("heavy"), len(order) - 1 - order[::-1].index("heavy")
    assert order[first:last].count("light") / 3 == pytest.approx(10, abs=1)


def test_a_heavy_step_waits_a_little_for_a_lighter_run(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is about to ask for its next one, and would always just miss its turn."""
    monkeypatch.setattr(module, "PATIENCE", LONG)
    monkeypatch.setattr(module, "MOST_PATIENCE", LONG)
    scheduler, order = Scheduler(), []
    with scheduler.joined() as light, scheduler.joined() as heavy:
        light.call(clock.step(0.25))
        heavy.call(clock.step(2.5))
        for step in [scheduler._put(run, partial(order.append, run)) for run in (heavy, light)]:
            step.result(LONG)
    assert order == [light, heavy]


def test_who_comes_late_starts_with_as_much_as_the_least_of_the_others() -> None:
    scheduler = Scheduler()
    with scheduler.joined() as first, scheduler.joined() as second:
        first.used, second.used = 100.0, 90.0  # have worked for long
        with scheduler.joined() as late:
            assert late.used == 90.0
        with scheduler.joined() as after:
            assert after.used == 90.0
    with scheduler.joined() as alone:
        assert alone.used == 0.0


def test_who_waited_for_a_disk_has_saved_up_no_turns(clock: Clock) -> None:
    scheduler, order = Scheduler(), []
    with scheduler.joined() as busy, scheduler.joined() as sleeper:
        for _ in range(3):
            busy.call(clock.step(0.25))
        assert busy.used > sleeper.used == 0
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            go_on.wait(LONG)

        waiting = [scheduler._put(busy, hold)]
        assert held.wait(LONG)
        before = busy.used
        waiting += [scheduler._put(sleeper, lambda: order.append("sleeper")) for _ in range(2)]
        assert sleeper.used == before  # level with who was at work, not three turns ahead
        go_on.set()
        for future in waiting:
            future.result(LONG)


def test_a_step_rests_for_those_who_have_had_less_and_goes_on_in_its_thread(clock: Clock) -> None:
    scheduler, order, threads = Scheduler(), [], set()
    before = threading.active_count()
    with scheduler.joined() as heavy, scheduler.joined() as light:
        lights = []

        def work() -> str:
            for _ in range(3):
                order.append("heavy")
                threads.add(threading.get_ident())
                clock.now += 2.5
                lights.append(scheduler._put(light, clock.step(0.25, partial(order.append, "light"))))
                scheduler.rest()
            return "done"

        assert [heavy.call(work) for _ in range(2)] == ["done", "done"]
        for step in lights:
            step.result(LONG)
        assert light.call(lambda: 7) == 7
    assert order == ["heavy", "light"] * 6
    assert len(threads) <= 2  # one for each of the steps
    assert threading.active_count() - before <= 2  # the other one is about to end
    assert heavy.used == pytest.approx(15)


def test_a_turn_that_has_just_begun_goes_on(clock: Clock) -> None:
    scheduler, order = Scheduler(), []
    with scheduler.joined() as one, scheduler.joined() as other:

        def work() -> None:
            scheduler._put(other, partial(order.append, "other"))
            for _ in range(3):
                order.append("one")
                clock.now += 0.4 * module.SHORTEST
                scheduler.rest()

        one.call(work)
        other.call(lambda: None)
    assert order == ["one", "one", "one", "other"]


def test_a_step_ends_at_its_rest_when_nobody_wants_it_and_the_next_goes_on(clock: Clock) -> None:
    scheduler, wanted, done = Scheduler(), [True], []
    scheduler.rest()  # where nobody takes turns it is empty

    def check() -> None:
        if not wanted:
            raise ZeroDivisionError

    def work() -> None:
        wanted.clear()
        clock.now += 1
        scheduler.rest()
        done.append(1)

    scheduler.checker = lambda: check
    with scheduler.joined() as share:
        for step in (work, lambda: done.append(2)):
            with pytest.raises(ZeroDivisionError):
                share.call(step)
        assert not done
        wanted.append(True)
        assert share.call(lambda: 7) == 7


def test_no_turn_of_a_run_holds_more_arithmetic_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of the page with the real model, from the class names to the last batch, each turn counted."""
    most = 1
    machine = Machine(Limits(turn_gigaflops=most))
    monkeypatch.setattr(module, "SHORTEST", 0.0)
    turns: list[float] = []
    call, rest = Share.call, Scheduler.rest
    counter = FlopCounterMode(display=False)

    def count() -> None:
        turns.append(counter.get_total_flops() / 1e9)
        counter.flop_counts.clear()

    def counted(share: Share, step: Callable[[], Any]) -> Any:
        def work() -> Any:
            with counter:
                result = step()
                count()
            return result

        return call(share, work)

    monkeypatch.setattr(Share, "call", counted)
    monkeypatch.setattr(Scheduler, "rest", lambda self: (count(), rest(self)))
    words = ", ".join((*NAMES, "clock = alarm"))  # a list that no other test has had read
    recipe = read_form({"batches": 1, "batch_size": 24, "steps": 1, "methods": ["cliptta-oce"], "class_names": words})
    looks = list(perform(Asked(recipe), machine))
    assert looks[-1].session.state.next_batch == 1
    assert sum(turns) > 15 * most  # much more than one turn may hold
    assert max(turns) <= 1.05 * most


def test_a_run_that_is_cancelled_ends_within_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a step of many pieces, with the session as it was after the last whole batch."""
    host = Host.of(gr.Blocks(), Limits(turn_gigaflops=1))
    monkeypatch.setattr(module, "SHORTEST", 0.0)
    monkeypatch.setattr(registry, "present_call", lambda: "call")
    updates, passes, batches = handlers.run(host, None, None, values(batch_size=24), None, "visitor"), [], []
    embed = Backbone.embed

    def cancelled(*given: Any, **options: Any) -> Any:
        passes.append(host.runs.wait("visitor", 0.0))
        return embed(*given, **options)

    with host.runs.answer(updates, "visitor"):
        for update in updates:
            batches += [update["session"].state.next_batch] if "session" in update else []
            if batches[-1:] == [1]:
                break
        monkeypatch.setattr(Backbone, "embed", cancelled)
        with pytest.raises(GeneratorExit):
            next(updates)
    assert passes == [False]
    assert not host.runs.is_busy("visitor")


def test_reading_a_batch_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody's images don't come, another run goes through all of its batches."""
    stuck, go_on = threading.Event(), threading.Event()
    plain = runner.open_source

    def take(source: Source, *arguments: Any) -> Any:
        stuck.set()
        assert go_on.wait(60)
        return source.take(*arguments)

    def opened(name: str, *arguments: Any, **options: Any) -> Any:
        source = plain(name, *arguments, **options)
        if threading.current_thread().name != "slow":
            return source
        return Mock(wraps=source, class_names=source.class_names, take=partial(take, source))

    monkeypatch.setattr(runner, "open_source", opened)
    recipe = read_form({"batches": 3, "batch_size": 8, "steps": 1})
    ends: list[int] = []
    machine = Machine()

    def run() -> None:
        ends.append(list(perform(Asked(recipe), machine))[-1].session.state.next_batch)

    slow = threading.Thread(target=run, name="slow")
    slow.start()
    try:
        assert stuck.wait(60)
        run()
        assert ends == [3]
    finally:
        go_on.set()
        slow.join(60)
    assert ends == [3, 3]
