"""What SECURITY.md promises of turns: each is bounded in work, and reading images takes none."""

import threading
from collections.abc import Callable
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
from cliptta_demo.page.runs import scheduler as module
from cliptta_demo.page.runs.gpu import perform
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.scheduler import Scheduler, Share

NAMES = ("cat", "dog", "horse", "bird", "fish", "flower", "tree", "car", "airplane", "ship", "house")


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
    looks = list(perform(recipe, None, None, None, machine))
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
        ends.append(list(perform(recipe, None, None, None, machine))[-1].session.state.next_batch)

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
