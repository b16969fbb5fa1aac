"""ETA, EATA, SAR, OSTTA, UniEnt and UniEnt+ beside the numbers of their authors' and of CLIPTTA's released code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from golden_methods import NEAR, STREAMS, Trajectory, golden, official

from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.unient import upper_share

CLIPTTA = {"release": "cliptta"}
# name in the golden file → (method, its own settings)
TRAJECTORIES: dict[str, tuple[str, dict[str, Any]]] = {
    "eta": ("eta", {**CLIPTTA, "similarity": 0.05, "regulariser": 0.1}),
    "eta_noreg": ("eta", {**CLIPTTA, "similarity": 0.05}),
    "eta_orig": ("eta", {}),
    "eata_orig": ("eata", {"fisher_batches": 2}),
    "sar": ("sar", {}),
    "sar_orig": ("sar", {}),
    "ostta": ("ostta", {**CLIPTTA, "margin": 0.4, "regulariser": 0.1}),
    "ostta_orig": ("ostta", {}),
    "unient": ("unient", {**CLIPTTA, "regulariser": 1.0, "stranger_weight": 0.0}),
    "unient_ood": ("unient", {**CLIPTTA, "regulariser": 1.0, "stranger_weight": 0.1}),
    "unient_orig": ("unient", {}),
    "unient_plus_orig": ("unient-plus", {}),
}


@dataclass
class LikeTheirs:
    """Starts each mixture with a cut at which k-means may end: the one from which the release's weights come."""

    weights: np.ndarray
    steps: int = 0

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        expected = self.weights.reshape(-1, len(scores))[self.steps]
        self.steps += 1
        cuts = [scores >= edge for edge in np.sort(scores)[1:]]
        ends = [cut for cut in cuts if not (cut ^ (scores > (scores[cut].mean() + scores[~cut].mean()) / 2)).any()]
        apart = []
        for cut in ends:
            share = upper_share(scores, cut)
            hard = set(np.unique(expected)) <= {0, 1}
            apart.append(np.abs((share > 0.5 if hard else share) - expected).max())
        assert min(apart) < NEAR
        return ends[int(np.argmin(apart))]


def trajectory(name: str, stream: str) -> Trajectory:
    kind, own = TRAJECTORIES[name]

    def arrange(method: Method) -> None:
        clean = official()["closed/images"]
        method.task = replace(method.task, clean_images=lambda index: torch.from_numpy(clean[index]).float())
        if (weights := golden().get(f"{name}/{stream}/id_weights")) is not None:
            method.groups = LikeTheirs(weights)

    return Trajectory(name, stream, kind, own, arrange=arrange)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", TRAJECTORIES)
def test_trajectory(name: str, stream: str) -> None:
    trajectory(name, stream).check()


@pytest.mark.parametrize("stream", STREAMS)
def test_the_average_loss_of_sar(stream: str) -> None:
    run = trajectory("sar", stream)
    averages = [float(followed.state.kept["average"]) for followed in run.follow(run.method())]
    for name in ("sar", "sar_orig"):
        np.testing.assert_allclose(averages, golden()[f"{name}/{stream}/ema"], atol=NEAR, rtol=0)


def test_the_fisher_information_of_eata() -> None:
    run = trajectory("eata_orig", "open")
    first = next(run.follow(run.method()))
    np.testing.assert_allclose(first.state.kept["fisher"], golden()["eata_orig/fisher"], atol=1e-6, rtol=1e-3)


def test_nothing_left_is_no_step_by_its_authors_and_a_step_in_the_comparison() -> None:
    """By CLIPTTA's release the regulariser goes on alone."""
    ends = {}
    for release in ("authors", "cliptta"):
        own = {"release": release, "entropy_share": 0.0, "regulariser": 0.1}
        run = Trajectory("eta", "closed", "eta", own)
        method = run.method()
        state = next(run.follow(method)).state
        ends[release] = int(state.updates), bool(torch.equal(state.values, method.backbone.source_parameters))
        assert int(state.skipped) == 0
        assert not state.kept["average"].any()
    assert ends == {"authors": (0, True), "cliptta": (5, False)}
