"""Runs on real workers of Ray: killed, hung, joined in the middle, and the numbers of a run that nobody disturbed."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

from processes import until
from ray.cluster_utils import Cluster
from zero_gpu_visits import numbers

from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs import gpu
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.remote_runs import RemoteRuns
from cliptta_demo.page.runs.runner import RunUpdate
from cliptta_demo.page.session.state import Asked, Recipe, Session

RUNS, KINDS, KILLS = 40, 4, 8


def recipe_of(seed: int = 0, **changes: Any) -> Recipe:
    return read_form({"batch_size": 8, "batches": 4, "steps": 2, "seed": seed, **changes})


def end_of(looks: Iterator[RunUpdate]) -> Session:
    """What is refused fails the test."""
    last = None
    for look in looks:
        assert not look.refusal
        last = look.session or last
    return last


def run(runs: RemoteRuns, recipe: Recipe, session: Session | None = None, batches: int | None = None) -> Session:
    return end_of(runs.run(Asked(recipe, session, None, batches)))


def alone(recipe: Recipe) -> dict[str, Any]:
    return numbers(end_of(gpu.perform(Asked(recipe), Machine())))


def begin(runs: RemoteRuns, recipe: Recipe, batches: int) -> tuple[Iterator[RunUpdate], int]:
    """A run that has done so many batches, and the process that it is at, alone."""
    until(lambda: [report.jobs for report in runs.reports.values()] == [0, 0])
    looks = runs.run(Asked(recipe))
    for look in looks:
        if look.session is not None and look.session.state.next_batch == batches:
            break
    until(lambda: sum(report.jobs for report in runs.reports.values()) == 1)
    (busy,) = [report.process for report in runs.reports.values() if report.jobs]
    return looks, busy


def test_a_node_that_joins_takes_runs_over(cluster: Cluster, runs: RemoteRuns) -> None:
    assert len(runs.reports) == 1
    left = threading.Event()

    def go_on(recipe: Recipe) -> None:
        with closing(runs.run(Asked(recipe))) as looks:
            for look in looks:
                assert not look.refusal
                if left.is_set():
                    return

    with ThreadPoolExecutor(4) as pool:
        begun = [pool.submit(go_on, recipe_of(seed, batches=200, batch_size=16)) for seed in range(4)]
        cluster.add_node(num_cpus=1)
        until(lambda: [report.jobs for report in runs.reports.values()] == [2, 2])
        left.set()
        for one in begun:
            one.result()
    until(lambda: not any(report.jobs for report in runs.reports.values()))  # all were told to end


def test_forty_runs_end_with_their_own_numbers_though_workers_are_killed(runs: RemoteRuns) -> None:
    expected = [alone(recipe_of(seed)) for seed in range(KINDS)]
    chance, over, killed = random.Random(0), threading.Event(), []

    def kill() -> None:
        while len(killed) < KILLS and not over.wait(chance.uniform(1.0, 6.0)):
            if reports := list(runs.reports.values()):
                victim = chance.choice(reports).process
                if victim not in killed:
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)

    killer = threading.Thread(target=kill)
    with ThreadPoolExecutor(RUNS) as pool:
        begun = [pool.submit(run, runs, recipe_of(number % KINDS)) for number in range(RUNS)]
        killer.start()
        sessions = [one.result() for one in begun]
    over.set()
    killer.join()
    assert [numbers(session) == expected[number % KINDS] for number, session in enumerate(sessions)] == [True] * RUNS
    assert len(killed) >= 2


def test_a_worker_that_hangs_is_replaced_and_its_run_goes_on(runs: RemoteRuns) -> None:
    recipe = recipe_of(batches=30)
    looks, stopped = begin(runs, recipe, 2)
    os.kill(stopped, signal.SIGSTOP)
    assert numbers(end_of(looks)) == alone(recipe)
    until(lambda: len(runs.reports) == 2)
    assert stopped not in [report.process for report in runs.reports.values()]


def test_pause_step_continue_and_a_change_in_the_middle(runs: RemoteRuns) -> None:
    first = run(runs, recipe_of(), batches=1)
    assert first.state.next_batch == 1
    assert numbers(run(runs, recipe_of(), first)) == alone(recipe_of())
    recipe = recipe_of()
    adaptation = replace(recipe.settings.adaptation, learning_rate=0.01)
    changed = replace(recipe, settings=replace(recipe.settings, adaptation=adaptation))
    marked = run(runs, changed, first)
    assert [mark.batch for mark in marked.marks] == [1]


def test_a_refusal_is_read_and_costs_no_worker(runs: RemoteRuns) -> None:
    processes = {report.process for report in runs.reports.values()}
    recipe = read_form({"class_names": "cat, unicorn"})
    *_, last = runs.run(Asked(recipe))
    assert "no class 'unicorn'" in str(last.refusal)
    assert {report.process for report in runs.reports.values()} == processes
