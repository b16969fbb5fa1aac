"""On ZeroGPU: a run's loop is one GPU call, and no visitor ever gets another's weights, on cold and warm workers."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from paths import TESTS
from zero_gpu_visits import JOBS, numbers, recipe_of

from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.runs import gpu
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.session.state import Asked
from cliptta_demo.page.words.texts import FAILED

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What the visitors of tests/zero_gpu.py saw."""
    pytest.importorskip("spaces")
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), "GRADIO_ANALYTICS_ENABLED": "False"}
    command = [sys.executable, str(TESTS / "zero_gpu.py")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=TESTS.parent, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


def alone(job: str) -> dict[str, Any]:
    """The same run without ZeroGPU, nobody else around."""
    *_, last = gpu.perform(Asked(recipe_of(job)), Machine())
    return numbers(last.session)


def test_nobody_gets_anothers_weights(seen: dict[str, Any]) -> None:
    one, other = alone("one"), alone("other")
    assert seen["other"] == other  # on a warm worker that somebody adapted in before
    assert seen["one, warm"] == one  # goes on where others were in between
    assert seen["one, cold"] == one  # goes on in a process that knows nothing
    assert seen["after a cancel"] == other
    assert one != other
    assert len(seen["workers"]) == len(set(seen["workers"])) == 3  # warm and cold ones, and one more after the kill
    assert len(seen["durations"]) == 11


def test_what_comes_out_of_a_worker_is_on_the_cpu_and_a_refusal_is_a_sentence(seen: dict[str, Any]) -> None:
    assert seen["devices"] == ["cpu"]
    assert "no class &#x27;unicorn&#x27;" in seen["refused"]


def test_a_worker_that_dies_is_a_sentence_and_the_run_goes_on_in_another(seen: dict[str, Any]) -> None:
    assert FAILED in seen["killed"]
    assert seen["killed under a program"] == repr(FAILED)
    assert 1 <= seen["killed after"] < 4
    assert seen["gone on after the kill"] == alone("one")
    assert seen["started after the kill"] == alone("other")


def test_the_time_asked_for_follows_the_steps(seen: dict[str, Any]) -> None:
    assert seen["durations"][0] == seen["needed"]

    def needed(most: int | None, **changes: Any) -> int:
        return gpu.seconds_needed(Asked(read_form(JOBS["one"] | changes), batches=most), Machine())

    one, five, twenty, whole = (needed(most, batches=20, steps=5) for most in (1, 5, 20, None))
    assert one < five < twenty == whole
    assert needed(5, batches=20, steps=5, backbone="ViT-B-16/openai") > five
    assert needed(None, batches=200) == LIMITS.gpu_seconds


def test_a_call_whose_time_is_over_pauses_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "ON_ZERO_GPU", True)
    monkeypatch.setattr(gpu, "seconds_needed", lambda *_: 0)
    *_, last = gpu.perform(Asked(recipe_of("one")), Machine())
    assert last.session.state.next_batch == 1
    monkeypatch.undo()
    *_, end = gpu.perform(Asked(recipe_of("one"), last.session), Machine())
    assert numbers(end.session) == alone("one")
