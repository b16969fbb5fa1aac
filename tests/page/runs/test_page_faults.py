"""Faults of a run, as the page and a program see them: memory, NaN, and what ``/run`` makes of each wrong setting."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from unittest.mock import Mock

import gradio as gr
import numpy as np
import pytest
import torch
from hostile_values import ORDINARY, arguments, refusal_is_a_sentence, refusal_names, settings_cases
from pressing import BACKBONE, HOST, message, press, same, small_model  # noqa: F401  (a fixture)

from cliptta_demo.page.runs import api, gpu
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.texts import NO_MEMORY

NO_GPU_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
NO_CPU_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: 2 bytes")
BATCHES = 3  # of a stream, as in ``values``
MINE = {"batch_size": 13}  # tells the run that the fault is meant for from another's; more than the memory ever holds
OTHER = {"batch_size": 16, "seed": 5, "memory_shots": 0}  # all of its passes are larger


@contextmanager
def tower_that(does: Callable[[torch.Tensor, torch.Tensor], torch.Tensor | None]) -> Iterator[None]:
    """``does(input, output)`` after each forward pass; what it returns takes the output's place."""

    def hook(_: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor | None:
        return does(inputs[0], output)

    handle = BACKBONE.tower.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def beside(other: dict[str, Any], run: Callable[[], Any]) -> tuple[Any, Session]:
    """What ``run`` returns, and the session of another visitor who is at work meanwhile, both from the same moment."""
    begin, seen = threading.Barrier(2), []

    def visitor() -> None:
        begin.wait()
        seen.append(press(batches=None, **other)[0])

    thread = threading.Thread(target=visitor)
    thread.start()
    begin.wait()
    result = run()
    thread.join(60)
    return result, seen[0]


@pytest.mark.parametrize("times", [1, 99])
def test_memory_that_runs_out_costs_smaller_pieces_or_is_a_sentence_and_nobody_else_notices(times: int) -> None:
    """Once, or whenever it is asked for."""
    alone, _ = press(batches=None, **OTHER)
    whole, _ = press(batches=None, **MINE)
    first, _ = press(batches=1, **MINE)
    sizes: list[int] = []

    def fail(pixels: torch.Tensor, output: torch.Tensor) -> None:
        if len(pixels) < OTHER["batch_size"] and len(sizes) < times:
            sizes.append(len(pixels))
            raise (NO_GPU_MEMORY, NO_CPU_MEMORY)[len(sizes) % 2]

    with tower_that(fail):
        (kept, updates), other = beside(OTHER, lambda: press(first, batches=None, **MINE))
    assert same(other, alone)
    if times == 1:
        assert (sizes, kept.state.next_batch) == ([13], BATCHES)
        assert "alert" not in message(updates)
        return
    assert (sizes[0], sizes[-1]) == (13, 1)
    assert kept.state.next_batch == first.state.next_batch
    assert "do not fit into the memory" in message(updates)
    assert 'role="alert"' in message(updates)
    assert updates[-1]["run"].interactive is not False
    assert same(press(kept, batches=None, **MINE)[0], whole)  # from where it stood, to the very same numbers


def test_memory_that_runs_out_where_nothing_can_be_smaller_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = press()
    for place, error in (("open_experiment", NO_GPU_MEMORY), ("load_backbone", MemoryError())):
        with monkeypatch.context() as patch:
            patch.setattr(gpu, place, Mock(side_effect=error))
            kept, updates = press(first)
            assert kept is first
            assert NO_MEMORY in message(updates)
            with pytest.raises(gr.Error, match="memory of this machine ran out"):
                list(api.endpoint(HOST)(batch_size=8, batches=1, adaptation={"steps": 1}))
    assert press(kept)[0].state.next_batch == 2


METHODS = ("zero-shot", "tent", "cliptta", "cliptta-oce")


def test_a_nan_in_one_step_is_skipped_counted_and_shown() -> None:
    """The first pass of the second batch of every method gives NaN, and nothing else does."""
    own = {**MINE, "methods": METHODS}
    other_alone, _ = press(batches=None, **OTHER)
    first, _ = press(batches=1, **own)
    poisoned = 0

    def poison(pixels: torch.Tensor, output: torch.Tensor) -> torch.Tensor | None:
        nonlocal poisoned
        if len(pixels) == MINE["batch_size"] and torch.is_grad_enabled() and poisoned < 3:
            poisoned += 1
            return output * float("nan")
        return None

    with tower_that(poison):
        (second, updates), other = beside(OTHER, lambda: press(first, batches=1, **own))
    counts = {name: method.skipped_steps for name, method in second.snapshot.methods.items()}
    assert counts == {"zero-shot": 0, "tent": 1, "cliptta": 1, "cliptta-oce": 1}
    assert "tent: 1 step was skipped so far, the loss was no finite number." in message(updates)
    assert same(other, other_alone)
    last, updates = press(second, batches=None, **own)
    assert last.state.next_batch == BATCHES
    assert "skipped" in message(updates)
    assert_finite(last)
    for name, state in last.state.adaptations.items():
        if state is not None:
            taken = BATCHES * 2 - counts[name]
            assert (int(state.updates), int(state.skipped)) == (taken, counts[name])


def test_a_batch_that_the_model_answers_with_nan_alone_leaves_no_trace_in_what_adapts() -> None:
    own = {**MINE, "methods": METHODS}
    first, _ = press(batches=1, **own)
    with tower_that(lambda pixels, output: output * float("nan")):
        second, updates = press(first, batches=1, **own)
    for name, state in first.state.adaptations.items():
        if state is not None:
            after = second.state.adaptations[name]
            assert torch.equal(after.values, state.values)
            assert int(after.skipped) == 2
            if "memory" in state.kept:
                assert torch.equal(after.kept["memory"].images, state.kept["memory"].images)
    assert "the model gave no finite numbers for 13 images of this batch" in message(updates)
    assert_finite(second)
    last, updates = press(second, batches=None, **own)
    assert last.state.next_batch == BATCHES
    assert "no finite numbers" not in message(updates)  # of this batch
    assert_finite(last)


def assert_finite(session: Session) -> None:
    """No number of a snapshot or of a state is NaN."""
    for method in session.snapshot.methods.values():
        batch, plain = method.batch, [method.threshold, *method.losses.values(), *method.drift]
        entropy = method.series.collapse_entropy
        for array in (batch.confidence, batch.scores, batch.cosines, method.id_scores, entropy, plain):
            assert np.isfinite(array).all()
    for state in session.state.adaptations.values():
        assert state is None or all(torch.isfinite(part).all() for part in (state.values, state.second_moment))


def test_tidying_up_that_fails_is_logged_and_ends_neither_the_server_nor_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs, rounds = Runs(), []

    def fail() -> None:
        raise OSError("no")

    def go_on() -> None:
        rounds.append(1)
        if len(rounds) == 2:
            runs.stop()

    runs.freed = True
    runs.wait_for_stop((fail, go_on), fail)
    assert len(rounds) == 2
    assert [record.getMessage() for record in caplog.records] == ["tidying-failed"] * 3  # each second, and once idle


def refusal(given: dict[str, Any]) -> str:
    """What the visitor reads instead of the first batch; "" where that comes."""
    try:
        with closing(api.endpoint(HOST)(**given)) as answers:
            assert next(answers)["batch"] >= 1
    except gr.Error as error:
        return error.message
    return ""


def test_each_setting_is_taken_or_refused_by_name() -> None:
    cases, refused = settings_cases(), 0
    for field, value in cases:
        if error := refusal(dict(zip(ORDINARY, arguments(field, value), strict=True))):
            refusal_is_a_sentence(error)
            assert refusal_names(field, error), f"{field} {value!r:.150}: {error[:300]}"
            refused += 1
    assert len(cases) >= 400
    assert 20 <= len(cases) - refused <= 150
    assert len({repr(case) for case in cases}) > 0.95 * len(cases)
