"""RoTTA, SoTTA and STAMP against numbers computed with released implementations.

The releases choose at random with Python's generator, seeded with 0 before each stream; with that in the place of ours
our memories hold the very images that theirs did, at every reading.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from golden_methods import NEAR, STREAMS, Trajectory, golden
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState
from cliptta_demo.backend.methods.base import Method

# name in the golden file → (method, its own settings that differ, other settings)
TRAJECTORIES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "rotta": ("rotta", {"release": "cliptta", "update_every": 12}, {}),
    "rotta_orig": ("rotta", {"capacity": 12, "update_every": 12}, {"steps": 1}),
    "sotta": ("sotta", {"release": "cliptta", "threshold": 0.5}, {}),
    "sotta_asis": ("sotta", {"release": "as-is", "threshold": 0.5}, {}),
    "sotta_orig": ("sotta", {}, {}),
    "stamp": ("stamp", {"release": "cliptta", "alpha": 0.45}, {}),
    "stamp_sam": ("stamp", {"release": "cliptta-sharp", "alpha": 0.45}, {}),
    "stamp_orig": ("stamp", {}, {}),
}


class Tying(random.Random):
    """Python's generator; counts the choices, and those that had more than one option."""

    choices = ties = 0

    def choice(self, options: list[int]) -> int:
        self.choices += 1
        self.ties += len(options) > 1
        return super().choice(options)


def trajectory(name: str, stream: str) -> Trajectory:
    """One of the golden file's."""
    kind, own, settings = TRAJECTORIES[name]
    return Trajectory(name, stream, kind, own=own, settings=settings)


@cache
def checked(name: str, stream: str) -> tuple[list[list[int]], Tying]:
    """Compares a trajectory; the images that were remembered whenever the method learnt from them, and the choices."""
    followed, chance, reads = trajectory(name, stream), Tying(0), []

    def arrange(method: Method) -> None:
        learn = method.learn

        def reading(state: AdaptationState, *about: Any, **more: Any) -> tuple[AdaptationState, Tensor]:
            reads.append([item.number for item in state.kept["memory"].items])
            return learn(state, *about, **more)

        method.chance, method.learn = lambda *place: chance, reading

    followed.arrange = arrange
    followed.check()
    return reads, chance


def test_every_trajectory_of_the_family_is_covered() -> None:
    names = {key.split("/")[0] for key in golden() if key.endswith("/logits")}
    assert {name for name in names if name.split("_")[0] in ("rotta", "sotta", "stamp")} == set(TRAJECTORIES)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", TRAJECTORIES)
def test_trajectory(name: str, stream: str) -> None:
    reads, _ = checked(name, stream)
    expected = golden()[f"{name}/{stream}/memory"]
    if expected.ndim == 2:  # SoTTA's own: once a batch, the same at all five steps
        expected = expected.repeat(5, axis=0)
    expected = [[int(number) for number in row if number >= 0] for row in expected.reshape(-1, expected.shape[-1])]
    assert reads == [row for row in expected if row]  # nothing is learnt from an empty memory


@pytest.mark.parametrize("stream", STREAMS)
def test_rottas_teacher(stream: str) -> None:
    followed = trajectory("rotta_orig", stream)
    for batch in followed.follow(followed.method()):
        teacher, returned = (followed.expected(key)[batch.batch] for key in ("teacher", "returned"))
        np.testing.assert_allclose(batch.state.kept["teacher"], teacher, atol=1e-6, rtol=0)
        np.testing.assert_allclose(batch.moments[0].cosines, returned, atol=NEAR, rtol=0)


def test_stamp_ties_are_as_rare_as_in_the_release() -> None:
    chances = [checked(name, stream)[1] for name in ("stamp", "stamp_sam") for stream in STREAMS]
    counts = [sum(chance.choices for chance in chances), sum(chance.ties for chance in chances)]
    assert counts == golden()["stamp/ties"].tolist()
