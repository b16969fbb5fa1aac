"""Runs on workers, without Ray: workers of the same interface in this process, that die and come as they are told."""

import pickle
import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest
from paths import ROOT
from pressing import BACKBONE, HOST, message, press, same, small_model, values  # noqa: F401  (a fixture for all)

from cliptta_demo.backend.errors import DoesNotFit, UserError
from cliptta_demo.backend.run.arithmetic import Pace
from cliptta_demo.cluster import driver
from cliptta_demo.cluster.driver import MOST_LOST
from cliptta_demo.cluster.workers import Report, Worker, WorkerLost, Workers, do
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs import gpu, handlers, runner
from cliptta_demo.page.runs.remote_runs import RemoteRuns
from cliptta_demo.page.runs.runner import RunUpdate
from cliptta_demo.page.session.state import Asked
from cliptta_demo.page.words.texts import NO_WORKERS, WORKERS_LOST


@dataclass(eq=False)
class OneHere(Worker):
    """``left``: after so many results in all it dies; None: never. The rest counts its jobs."""

    left: int | None = None
    given: int = 0
    closed: int = 0
    lost: int = 0


class Here(Workers):
    """All in this process. What goes in and comes out is pickled, as on its way to another one."""

    def add(self, name: str, left: int | None = None, **told: Any) -> OneHere:
        self.made[name] = OneHere(name, None, Report(**told), left=left)
        return self.made[name]

    def work(self, worker: OneHere, job: bytes) -> Iterator[bytes]:
        worker.given += 1
        try:
            for result in do(job):
                if worker.left is not None:
                    worker.left -= 1
                    if worker.left < 0:
                        worker.lost += 1
                        worker.report = None
                        raise WorkerLost
                yield result
        finally:
            worker.closed += 1


def runs_on(workers: Here, check: Callable[[], None] = lambda: None) -> RemoteRuns:
    """Those of a page that has these workers, and waits a second for one."""
    runs = RemoteRuns("", Limits(worker_wait_seconds=1), Pace().known.update, check)
    runs.driver, runs.reports = workers, workers.present
    return runs


BATCHES = 4


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "ASK_SECONDS", 0.01)
    monkeypatch.setattr(runner, "LIVE_INTERVAL", 0.0)  # a look at every step, however fast the machine


def recipe_of(**changes: Any) -> Any:
    return read_form(values(batches=BATCHES, **changes))


def ask(workers: Here, batches: int | None = None, session: Any = None, **changes: Any) -> Iterator[RunUpdate]:
    return runs_on(workers).run(Asked(recipe_of(**changes), session, None, batches))


def last_of(looks: Iterator[RunUpdate]) -> Any:
    """Where the run stands at its end."""
    return [look for look in looks if look.session is not None][-1].session


def alone(**changes: Any) -> Any:
    return last_of(gpu.perform(Asked(recipe_of(**changes)), HOST.machine))


def test_whatever_dies_when_the_numbers_are_those_of_an_undisturbed_run() -> None:
    """Workers that die at any look: the one before the first batch, inside one, the last one; seeded."""
    undisturbed, chance, losses = alone(), random.Random(0), 0
    for _ in range(6):
        workers = Here()
        made = [workers.add(name, chance.randrange(1, 7)) for name in "ab"]
        made.append(workers.add("spare", jobs=99))
        looks = list(ask(workers))
        seen = [look.session for look in looks if look.session is not None]
        assert same(seen[-1], undisturbed)
        assert [session.state.next_batch for session in seen] == [*range(BATCHES + 1)]
        assert sum(look.begun is not None for look in looks) == sum(look.size is not None for look in looks) == 1
        assert any(look.live is not None for look in looks)
        losses += sum(worker.lost for worker in made)
        assert all(worker.given == worker.closed for worker in made)
    assert losses >= 4


def test_pause_step_and_continue_are_as_on_one_machine() -> None:
    workers = Here()
    worker = workers.add("a")
    step = last_of(ask(workers, 1))
    assert step.state.next_batch == 1
    paused = ask(workers, None, step)
    for look in paused:
        if look.session is not None and look.session.state.next_batch == 2:
            break
    assert worker.closed == 1
    paused.close()
    assert worker.closed == 2  # it is told at once
    assert same(last_of(ask(workers, None, look.session)), alone())


def test_a_change_in_the_middle_is_marked_once_though_a_worker_dies_after_it() -> None:
    workers = Here()
    first = workers.add("a")
    step = last_of(ask(workers, 2))
    first.left = 4
    workers.add("b", jobs=5)
    looks = list(ask(workers, None, step, learning_rate=0.01))
    assert first.lost == 1
    assert [mark.batch for mark in last_of(iter(looks)).marks] == [2]
    assert sum("Going on" in look.begun.message for look in looks if look.begun is not None) == 1


def test_a_worker_that_joins_takes_runs_over() -> None:
    workers = Here()
    first = workers.add("a")
    runs = [ask(workers, seed=seed) for seed in range(4)]
    for run in runs:  # each has begun
        assert any(look.begun is not None for look in run) is True
    second = workers.add("b", loaded=("tiny",))
    ends = [last_of(run) for run in [*runs[1:], runs[0]]]
    assert second.given == 3  # one after the other, while the first has more to do
    assert first.given == 4
    assert all(same(end, alone(seed=seed)) for end, seed in zip(ends, (1, 2, 3, 0), strict=True))


def once() -> Iterator[int]:
    yield 1


def test_the_model_and_the_least_to_do_decide() -> None:
    workers = Here()
    for name, told in {"busy": {"jobs": 3, "loaded": ("big",)}, "idle": {}}.items():
        workers.add(name, **told)
    has_it = workers.add("has it", jobs=1, loaded=("big",))

    def choice(model: str, failed: str = "") -> str:
        with closing(workers.stream(model, {failed: 1.0}, pickle.dumps((once,)))) as results:
            return next(results)[0]

    assert choice("big") == "has it"  # one job more is less than loading it
    assert choice("big", "has it") == "idle"
    assert choice("other") == "idle"
    has_it.report = replace(has_it.report, jobs=4)
    assert choice("big") == "idle"  # who has it has too much to do


def test_when_all_are_gone_a_sentence_is_read_and_the_session_kept() -> None:
    workers = Here()
    worker = workers.add("a")
    host = replace(HOST, remote=runs_on(workers))
    kept, _ = press(batches=2, host=host)
    worker.left = 3
    after, updates = press(kept, batches=None, host=host)
    assert NO_WORKERS in message(updates)
    assert after.state.next_batch == 2
    assert any("Waiting for a machine" in update.get("progress", "") for update in updates)
    worker.left, worker.report = None, Report()
    end, _ = press(after, batches=None, host=host)
    undisturbed, _ = press(batches=None)
    assert same(end, undisturbed)
    assert handlers.phase_of(end) == "done"


def test_who_is_one_of_many_at_workers_that_die_is_not_given_up() -> None:
    workers = Here()
    made = [workers.add(str(number), 2) for number in range(6)]
    for worker in made:
        worker.models += ["tiny"] * 5
    workers.add("spare", jobs=99)
    assert last_of(ask(workers)).state.next_batch == BATCHES
    assert sum(worker.given for worker in made) == len(made)


def test_a_run_that_ends_every_worker_is_given_up_before_it_ends_all() -> None:
    workers = Here()
    made = [workers.add(str(number), 2) for number in range(6)]
    *_, last = ask(workers)
    assert str(last.refusal) == WORKERS_LOST
    assert sum(worker.given for worker in made) == MOST_LOST


@pytest.mark.parametrize("enough", [1, 9])
def test_where_memory_runs_out_another_worker_tries(enough: int) -> None:
    undisturbed, workers = alone(), Here()
    made = [workers.add(name) for name in "ab"]

    def full(*_: Any) -> None:
        if sum(worker.given for worker in made) <= enough:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")

    hook = BACKBONE.tower.register_forward_pre_hook(full)
    try:
        looks = list(ask(workers))
    finally:
        hook.remove()
    assert [worker.given for worker in made] == [1, 1]
    assert isinstance(looks[-1].refusal, DoesNotFit) if enough > 1 else same(last_of(iter(looks)), undisturbed)


def test_weights_are_asked_of_a_worker_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "load_backbone", lambda name, **_: BACKBONE)
    kept, _ = press(batches=1)
    workers = Here()
    lost, other = workers.add("a", 0), workers.add("b", jobs=1)
    host = replace(HOST, remote=runs_on(workers))
    asked = handlers.weights_download(host, kept)
    assert len(asked) == len(handlers.weights_download(HOST, kept)) > 1000  # the archive tells the time, too
    assert (lost.given, other.given) == (1, 1)
    other.left = 0
    with pytest.raises(UserError, match="None of the machines"):
        handlers.weights_download(host, kept)


def test_what_a_visitor_has_to_read_is_read() -> None:
    workers = Here()
    workers.add("a")
    *_, last = ask(workers, class_names="cat, unicorn")
    assert "no class 'unicorn'" in str(last.refusal)


def test_a_server_that_stops_waits_for_no_worker() -> None:
    def check() -> None:
        raise UserError("stopping")

    with pytest.raises(UserError, match="stopping"):
        list(runs_on(Here(), check).run(Asked(recipe_of())))


def test_ray_is_imported_by_one_file_that_only_a_cluster_loads() -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "cliptta_demo").rglob("*.py")}
    assert [name for name, text in texts.items() if re.search(r"^(import|from) ray\b", text, re.M)] == ["ray_workers"]
    assert not [name for name, text in texts.items() if re.search(r"^from \S*ray_workers import", text, re.M)]
