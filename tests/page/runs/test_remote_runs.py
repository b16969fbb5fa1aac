"""Runs on workers, without Ray: workers of the same interface in this process, that die and come as they are told."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from paths import ROOT
from pressing import BACKBONE, HOST, message, press, same, small_model, values  # noqa: F401  (a fixture for all)
from workers_here import Here

from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.cluster.workers import Workers
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs import gpu, handlers, remote_runs, runner, weights
from cliptta_demo.page.runs.remote_runs import MOST_LOST, RemoteRuns
from cliptta_demo.page.runs.runner import RunUpdate
from cliptta_demo.page.words.texts import NO_MEMORY, NO_WORKERS, WORKERS_LOST

BATCHES = 4


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_runs, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(remote_runs, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(runner, "LIVE_INTERVAL", 0.0)  # a look at every step, however fast the machine


def recipe_of(**changes: Any) -> Any:
    return read_form(values(batches=BATCHES, **changes))


def remote(workers: Workers, check: Callable[[], None] = lambda: None) -> RemoteRuns:
    """Those of a server with these workers, which waits a second for one."""
    return RemoteRuns(check, Limits(worker_wait_seconds=1), workers)


def ask(workers: Workers, batches: int | None = None, session: Any = None, **changes: Any) -> Iterator[RunUpdate]:
    return remote(workers).run(recipe_of(**changes), session, None, batches)


def alone(**changes: Any) -> Any:
    *_, last = gpu.perform(recipe_of(**changes), None, None, None, HOST.machine)
    return last.session


def test_whatever_dies_when_the_numbers_are_those_of_an_undisturbed_run() -> None:
    """Workers that die at any look: the one before the first batch, inside one, the last one; seeded."""
    undisturbed, chance = alone(), random.Random(0)
    losses = 0
    for _ in range(6):
        workers = Workers()
        made = [Here(name, workers, chance.randrange(1, 7)) for name in "ab"]
        spare = Here("spare", workers, jobs=99)
        looks = list(ask(workers))
        assert same(looks[-1].session, undisturbed)
        assert [look.session.state.next_batch for look in looks if look.live is None and look.session] == [
            0,
            1,
            2,
            3,
            4,
        ]
        assert sum(look.begun is not None for look in looks) == sum(look.size is not None for look in looks) == 1
        assert all(look.session is not None for look in looks if look.live is not None)
        losses += sum(worker.left < 0 for worker in made)
        assert all(worker.given == worker.closed for worker in (*made, spare))
    assert losses >= 4


def test_a_worker_lost_after_the_last_batch_changes_nothing() -> None:
    workers = Workers()
    Here("a", workers, looks=sum(1 for _ in ask_of_one()))
    with_it = Here("b", workers, jobs=9)
    *_, last = ask(workers)
    assert last.session.state.next_batch == BATCHES
    assert with_it.given == 0


def ask_of_one() -> Iterator[RunUpdate]:
    workers = Workers()
    Here("a", workers)
    return ask(workers)


def test_pause_step_and_continue_are_as_on_one_machine() -> None:
    workers = Workers()
    worker = Here("a", workers)
    *_, step = ask(workers, 1)
    assert step.session.state.next_batch == 1
    paused = ask(workers, None, step.session)
    for look in paused:
        if look.session is not None and look.session.state.next_batch == 2:
            break
    assert worker.closed == 1
    paused.close()
    assert worker.closed == 2  # it is told at once
    *_, end = ask(workers, None, look.session)
    assert same(end.session, alone())


def test_a_change_in_the_middle_is_marked_once_though_a_worker_dies_after_it() -> None:
    workers = Workers()
    first = Here("a", workers)
    *_, step = ask(workers, 2)
    first.left = 4
    Here("b", workers, jobs=5)
    looks = list(ask(workers, None, step.session, learning_rate=0.01))
    assert first.left < 0
    assert [mark.batch for mark in looks[-1].session.marks] == [2]
    assert sum("Going on" in look.begun.message for look in looks if look.begun is not None) == 1


def test_a_worker_that_joins_takes_runs_over() -> None:
    workers = Workers()
    first = Here("a", workers)
    runs = [ask(workers, seed=seed) for seed in range(4)]
    for run in runs:  # each has begun
        assert any(look.begun is not None for look in run) is True
    second = Here("b", workers, loaded=("tiny",))
    ends = [list(run)[-1].session for run in [*runs[1:], runs[0]]]
    assert second.given == 3  # one after the other, while the first has two more to do
    assert first.given == 4
    assert all(same(end, alone(seed=seed)) for end, seed in zip(ends, (1, 2, 3, 0), strict=True))


def test_the_model_and_the_least_to_do_decide() -> None:
    workers = Workers()
    made = [Here("busy", workers, jobs=3, loaded=("big",)), Here("idle", workers), Here("has it", workers)]
    made[2].report = replace(made[2].report, jobs=1, loaded=("big",))

    def choice(model: str) -> str:
        with workers.seat(model) as seat:
            assert seat.take(0)
            return seat.worker.name

    assert choice("big") == "has it"  # one job more is less than loading it
    assert choice("other") == "idle"
    made[2].report = replace(made[2].report, jobs=4)
    assert choice("big") == "idle"  # who has it has too much to do


def test_when_all_are_gone_a_sentence_is_read_and_the_session_kept() -> None:
    workers = Workers()
    worker = Here("a", workers)
    host = replace(HOST, remote=remote(workers))
    kept, _ = press(batches=2, host=host)
    worker.left = 3
    after, updates = press(kept, batches=None, host=host)
    assert NO_WORKERS in message(updates)
    assert after.state.next_batch == 2
    assert any("Waiting for a machine" in update.get("progress", "") for update in updates)
    worker.left = None
    workers.join(worker)
    end, _ = press(after, batches=None, host=host)
    undisturbed, _ = press(batches=None)
    assert same(end, undisturbed)
    assert handlers.phase_of(end) == "done"


def test_who_is_one_of_many_at_workers_that_die_is_not_given_up() -> None:
    workers = Workers()
    made = [Here(str(number), workers, looks=2) for number in range(2 * MOST_LOST)]
    with ExitStack() as others:
        for worker in made:
            for _ in range(5):
                others.enter_context(workers.seat("tiny")).worker = worker
        Here("spare", workers, jobs=99)
        *_, last = ask(workers)
    assert last.session.state.next_batch == BATCHES
    assert sum(worker.given for worker in made) == len(made)


def test_a_run_that_ends_every_worker_is_given_up_before_it_ends_all() -> None:
    workers = Workers()
    made = [Here(str(number), workers, looks=2) for number in range(MOST_LOST + 3)]
    *_, last = ask(workers)
    assert str(last.refusal) == WORKERS_LOST
    assert sum(worker.given for worker in made) == MOST_LOST


def test_where_memory_runs_out_another_worker_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    workers, plain, short = Workers(), remote_runs.perform_apart, [2]

    def perform(*arguments: Any) -> Iterator[RunUpdate]:
        for number, look in enumerate(plain(*arguments)):
            if number == 2 and short[0]:
                short[0] -= 1
                yield RunUpdate(None, refusal=DoesNotFit(NO_MEMORY))
                return
            yield look

    perform.__qualname__ = "perform"
    monkeypatch.setattr(remote_runs, "perform_apart", perform)
    made = [Here(name, workers) for name in "abc"]
    *_, last = ask(workers)
    assert same(last.session, alone())
    assert [worker.given for worker in made] == [1, 1, 1]
    short[0] = 9
    *_, last = ask(workers)
    assert str(last.refusal) == NO_MEMORY  # all have tried


def test_where_a_batch_fits_in_no_piece_another_worker_tries() -> None:
    undisturbed, workers = alone(), Workers()
    made = [Here(name, workers) for name in "ab"]

    def full(*_: Any) -> None:
        if not made[1].given:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")

    hook = BACKBONE.tower.register_forward_pre_hook(full)
    try:
        *_, last = ask(workers)
    finally:
        hook.remove()
    assert same(last.session, undisturbed)
    assert [worker.given for worker in made] == [1, 1]


def test_weights_are_asked_of_a_worker_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "load_backbone", lambda name, **_: BACKBONE)
    kept, _ = press(batches=1)
    workers = Workers()
    lost, other = Here("a", workers, looks=0), Here("b", workers, jobs=1)
    host = replace(HOST, remote=remote(workers))
    asked = weights.weights_download(host, kept)
    assert len(asked) == len(weights.weights_download(HOST, kept)) > 1000  # the archive tells the time, too
    assert (lost.given, other.given) == (1, 1)
    other.left = 0
    with pytest.raises(UserError, match="None of the machines"):
        weights.weights_download(host, kept)


def test_what_a_visitor_has_to_read_is_read() -> None:
    workers = Workers()
    Here("a", workers)
    *_, last = ask(workers, class_names="cat, unicorn")
    assert "no class 'unicorn'" in str(last.refusal)


def test_a_server_that_stops_waits_for_no_worker() -> None:
    def check() -> None:
        raise UserError("stopping")

    with pytest.raises(UserError, match="stopping"):
        list(remote(Workers(), check).run(recipe_of(), None, None, None))


def test_ray_is_imported_in_one_file_that_only_a_cluster_loads() -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "cliptta_demo").rglob("*.py")}
    assert [name for name, text in texts.items() if re.search(r"^\s*(import ray|from ray)\b", text, re.M)] == [
        "ray_workers"
    ]
    assert not [name for name, text in texts.items() if re.search(r"^from \S*ray_workers import", text, re.M)]
