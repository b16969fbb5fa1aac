"""Runs at work take turns: nobody waits for another's long run, and a heavy step is paid for by waiting."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from cliptta_demo.page.runs import scheduler as module
from cliptta_demo.page.runs.scheduler import Scheduler

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

    def ask(name: str, share: module.Share) -> None:
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

    with scheduler.joined(check) as share:
        for step in (work, lambda: done.append(2)):
            with pytest.raises(ZeroDivisionError):
                share.call(step)
        assert not done
        wanted.append(True)
        assert share.call(lambda: 7) == 7


def test_all_steps_are_done_by_one_thread() -> None:
    scheduler = Scheduler()

    def run(_: int) -> int:
        with scheduler.joined() as share:
            return share.call(threading.get_ident)

    with ThreadPoolExecutor(5) as pool:
        assert len(set(pool.map(run, range(15)))) == 1
