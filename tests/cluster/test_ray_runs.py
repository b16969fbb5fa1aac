"""Runs on real workers of Ray: killed, hung, joined in the middle, and the numbers of a run that nobody disturbed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from cluster_waiting import PATIENCE, until
from processes import has_memory_groups, little_memory
from ray.cluster_utils import Cluster
from zero_gpu_visits import numbers

from cliptta_demo.cluster.workers import Workers
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs import gpu
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.remote_runs import RemoteRuns
from cliptta_demo.page.runs.runner import RunUpdate
from cliptta_demo.page.session.state import Recipe, Session

RUNS, KINDS, KILLS = 40, 4, 8
LITTLE = 16 * 2**20  # bytes more than it has: its next batch of 256 images asks the system for ten times as much


def recipe_of(seed: int = 0, **changes: Any) -> Recipe:
    return read_form({"batch_size": 8, "batches": 4, "steps": 2, "seed": seed, **changes})


def remote(workers: Workers) -> RemoteRuns:
    """Those of a server with these workers."""
    return RemoteRuns(lambda: None, Limits(worker_wait_seconds=PATIENCE), workers)


def run(workers: Workers, recipe: Recipe, session: Session | None = None, batches: int | None = None) -> Session:
    """To its end; what is refused fails the test."""
    last: RunUpdate | None = None
    for look in remote(workers).run(recipe, session, None, batches):
        assert not look.refusal
        last = look if look.session is not None else last
    return last.session


def alone(recipe: Recipe) -> dict[str, Any]:
    *_, last = gpu.perform(recipe, None, None, None, Machine())
    return numbers(last.session)


def test_a_node_that_joins_takes_runs_over(cluster: Cluster, workers: Workers) -> None:
    assert len(workers.present) == 1
    recipes = [recipe_of(seed, batches=200, batch_size=16) for seed in range(4)]
    with ThreadPoolExecutor(len(recipes)) as pool:
        left = threading.Event()

        def go_on(recipe: Recipe) -> set[str]:
            seen: set[str] = set()
            looks = remote(workers).run(recipe, None, None, None)
            for look in looks:
                if left.is_set():
                    looks.close()
                    break
                assert not look.refusal
            return seen

        runs = [pool.submit(go_on, recipe) for recipe in recipes]
        cluster.add_node(num_cpus=1)
        until(lambda: len(workers.present) == 2)
        until(lambda: [worker.report.jobs for worker in workers.present] == [2, 2])
        left.set()
        for one in runs:
            one.result()
    until(lambda: not any(worker.report.jobs for worker in workers.present))  # all were told to end


def test_forty_runs_end_with_their_own_numbers_though_workers_are_killed(workers: Workers) -> None:
    expected = [alone(recipe_of(seed)) for seed in range(KINDS)]
    chance, over, killed = random.Random(0), threading.Event(), []

    def kill() -> None:
        while len(killed) < KILLS and not over.wait(chance.uniform(1.0, 6.0)):
            if workers.present:
                victim = chance.choice(workers.present).report.process
                if victim not in killed:
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)

    killer = threading.Thread(target=kill)
    with ThreadPoolExecutor(RUNS) as pool:
        runs = [pool.submit(run, workers, recipe_of(number % KINDS)) for number in range(RUNS)]
        killer.start()
        sessions = [one.result() for one in runs]
    over.set()
    killer.join()
    assert [numbers(session) == expected[number % KINDS] for number, session in enumerate(sessions)] == [True] * RUNS
    assert len(killed) >= 2
    print(f"{len(killed)} kills")


def test_a_worker_that_hangs_is_replaced_and_its_run_goes_on(workers: Workers) -> None:
    until(lambda: len(workers.present) == 2)
    recipe = recipe_of(batches=30)
    looks = remote(workers).run(recipe, None, None, None)
    for look in looks:
        if look.session is not None and look.session.state.next_batch == 2:
            break
    until(lambda: sum(worker.report.jobs for worker in workers.present) == 1)
    (busy,) = [worker for worker in workers.present if worker.report.jobs]
    stopped = busy.report.process
    os.kill(stopped, signal.SIGSTOP)
    began = time.monotonic()
    *_, last = looks
    assert last.session.state.next_batch == 30
    assert numbers(last.session) == alone(recipe)
    print(f"ended {time.monotonic() - began:.0f} s after the worker was stopped")
    until(lambda: len(workers.present) == 2)
    assert stopped not in [worker.report.process for worker in workers.present]


@pytest.mark.skipif(not has_memory_groups(), reason="only root, on Linux with control groups, can bound a process")
def test_a_worker_whose_memory_runs_out_in_a_batch_is_killed_and_its_run_goes_on(workers: Workers) -> None:
    """For real: the kernel kills it, as it does in a container that is full."""
    until(lambda: len(workers.present) == 2)
    recipe = recipe_of(seed=3, batches=3, batch_size=256)
    looks = remote(workers).run(recipe, None, None, None)
    for look in looks:
        if look.session is not None and look.session.state.next_batch == 1:
            break
    until(lambda: sum(worker.report.jobs for worker in workers.present) == 1)
    (busy,) = [worker for worker in workers.present if worker.report.jobs]
    full = busy.report.process
    with little_memory(full, LITTLE):
        *_, last = looks
        until(lambda: full not in [worker.report.process for worker in workers.present])
    assert last.session.state.next_batch == 3
    assert numbers(last.session) == alone(recipe)
    until(lambda: len(workers.present) == 2)


def test_pause_step_continue_and_a_change_in_the_middle(workers: Workers) -> None:
    first = run(workers, recipe_of(), batches=1)
    assert first.state.next_batch == 1
    assert numbers(run(workers, recipe_of(), first)) == alone(recipe_of())
    recipe = recipe_of()
    adaptation = replace(recipe.settings.adaptation, learning_rate=0.01)
    changed = replace(recipe, settings=replace(recipe.settings, adaptation=adaptation))
    marked = run(workers, changed, first)
    assert [mark.batch for mark in marked.marks] == [1]


def test_a_refusal_is_read_and_costs_no_worker(workers: Workers) -> None:
    processes = {worker.report.process for worker in workers.present}
    recipe = read_form({"class_names": "cat, unicorn"})
    *_, last = remote(workers).run(recipe, None, None, None)
    assert "no class 'unicorn'" in str(last.refusal)
    assert {worker.report.process for worker in workers.present} == processes
