"""Runs at work take turns: nobody waits for another's long run, and a heavy step is paid for by waiting."""

from __future__ import annotations

import threading
import time

import pytest

from cliptta_demo.page.turns import Turns


def steps_between(turns: Turns, seconds: dict[str, float], until: int) -> list[str]:
    """The order of steps of runs that always want the next one, until the first of them has had ``until``."""
    order: list[str] = []
    begin = threading.Barrier(len(seconds))

    def run(name: str) -> None:
        with turns.joined() as share:
            begin.wait()
            while order.count(next(iter(seconds))) < until:
                share.call(lambda: (time.sleep(seconds[name]), order.append(name)))

    threads = [threading.Thread(target=run, args=(name,)) for name in seconds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return order


def test_equal_runs_alternate() -> None:
    order = steps_between(Turns(), {"a": 0.01, "b": 0.01, "c": 0.01}, 20)
    counts = [order.count(name) for name in "abc"]
    assert max(counts) - min(counts) <= 4


def test_a_heavy_run_gets_fewer_steps_and_is_not_starved() -> None:
    order = steps_between(Turns(), {"heavy": 0.1, "light": 0.01}, 4)
    first, last = order.index("heavy"), len(order) - 1 - order[::-1].index("heavy")
    assert 3 <= order[first:last].count("light") / 3 <= 15  # about ten; fewer where the machine is busy


def test_who_comes_late_starts_with_as_much_as_the_least_of_the_others() -> None:
    turns = Turns()
    with turns.joined() as first, turns.joined() as second:
        first.used, second.used = 100.0, 90.0  # have worked for long
        with turns.joined() as late:
            assert late.used == 90.0
        with turns.joined() as after:
            assert after.used == 90.0
    with turns.joined() as alone:
        assert alone.used == 0.0


def test_who_waited_for_a_disk_has_saved_up_no_turns() -> None:
    turns, order = Turns(), []
    with turns.joined() as busy, turns.joined() as sleeper:
        for _ in range(3):
            busy.call(lambda: time.sleep(0.01))
        assert busy.used > sleeper.used == 0
        held, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            held.set()
            go_on.wait(10)

        waiting = [turns._put(busy, hold)]
        held.wait(10)
        before = busy.used
        waiting += [turns._put(sleeper, lambda: order.append("sleeper")) for _ in range(2)]
        assert sleeper.used == before  # level with who was at work, not three turns ahead
        go_on.set()
        for future in waiting:
            future.result(10)


def test_an_error_goes_to_who_asked_and_the_rest_goes_on() -> None:
    turns = Turns()
    with turns.joined() as share:
        with pytest.raises(ZeroDivisionError):
            share.call(lambda: 1 / 0)
        assert share.call(lambda: 7) == 7


def test_all_steps_are_done_by_one_thread() -> None:
    turns, seen = Turns(), set()

    def run() -> None:
        with turns.joined() as share:
            for _ in range(3):
                seen.add(share.call(threading.get_ident))

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(seen) == 1
