"""Looks inside a batch: as many as a page and a visitor's browser can take; batches are always shown."""

from __future__ import annotations

from typing import Any

import pytest
from pressing import HOST, small_model, values  # noqa: F401  (a fixture for all)

from cliptta_demo.page.runs import handlers, runner
from cliptta_demo.page.words.defaults import LIVE_INTERVAL

STEPS = 3


def shown(**run: Any) -> tuple[list[str], int]:
    """(lines of progress inside batches, batches) of a run of three."""
    updates = list(handlers.run(HOST, None, None, values(batches=3, steps=STEPS), None, "visitor", **run))
    drawn = [update["progress"] for update in updates if "cards" in update][1:]  # the stage is emptied first
    steps = [line for line in drawn if "step " in line]
    return steps, len(drawn) - len(steps)


def test_a_browser_that_lags_gets_batches_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LIVE_INTERVAL", 0.0)
    steps, batches = shown()
    assert (len(steps), batches) == (3 * STEPS, 3)
    assert shown(lags=lambda: True) == ([], 3)


def test_many_runs_are_looked_at_more_seldom_and_the_page_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runner.live_interval(1) == runner.live_interval(3) == LIVE_INTERVAL
    assert 40 / runner.live_interval(40) == pytest.approx(3 / LIVE_INTERVAL)
    monkeypatch.setattr(runner, "LIVE_RUNS", 1e-9)
    assert shown() == ([], 3)
    monkeypatch.setattr(runner, "LIVE_INTERVAL", 0.0)
    monkeypatch.setattr(handlers, "live_interval", lambda runs: 4.0 * runs)
    steps, _ = shown()
    assert len(steps) == 3 * STEPS
    assert all("many runs are at work: a look every 4 s" in line for line in steps)
