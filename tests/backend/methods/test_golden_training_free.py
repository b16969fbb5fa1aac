"""TDA, ZERO, LAME and CALIP beside the numbers of the released code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from golden_methods import STREAMS, Trajectory, golden

from cliptta_demo.backend.methods import zero

AFFINITIES = ("knn", "rbf", "linear")
NEAR_SETTLED = 4e-4  # LAME's rounds end where the energy's last digits stand still, which is a matter of rounding


@pytest.mark.parametrize("stream", STREAMS)
def test_tda(stream: str) -> None:
    trajectory = Trajectory("tda", stream, "tda")
    trajectory.check()
    sizes = [
        [cache[0].isfinite().sum(dim=1).tolist() for cache in followed.state.kept.values()]
        for followed in trajectory.follow(trajectory.method())
    ]
    assert sizes == trajectory.expected("cache_sizes").tolist()


def test_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = iter(golden()["views/closed/boxes"])
    monkeypatch.setattr(zero, "draw_boxes", lambda *_: torch.from_numpy(next(boxes)[:, :16]).long())
    trajectory = Trajectory("zero", "closed", "zero", own={"views": 16})
    trajectory.check()
    boxes = iter(golden()["views/closed/boxes"])
    votes = trajectory.expected("votes")
    for followed in trajectory.follow(trajectory.method()):
        expected = votes[followed.batch]
        shares = followed.moments[-1].probabilities
        np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("affinity", AFFINITIES)
def test_lame(affinity: str, stream: str) -> None:
    own = {"affinity": affinity, "release": "cliptta"}
    trajectory = Trajectory(f"lame_{affinity}", stream, "lame", own=own)
    for followed in trajectory.follow(trajectory.method()):
        expected = trajectory.expected("probabilities")[followed.batch]
        np.testing.assert_allclose(followed.moments[-1].probabilities, expected, atol=NEAR_SETTLED, rtol=0)


@pytest.mark.parametrize("stream", STREAMS)
def test_calip(stream: str) -> None:
    Trajectory("calip", stream, "calip").check()
