"""TPT, R-TPT and RLCF, image by image, against numbers computed with their authors' released implementations."""

from typing import Any

import numpy as np
import pytest
import torch
from golden_methods import LOGIT_SCALE, NEAR, Case, follow, golden, made
from torch import Tensor

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.pieces import Passes

# name in the golden file → the method, where the file has the values it ends with
TRAJECTORIES = {
    "tpt": ("tpt", "context"),
    "rtpt": ("r-tpt", "context"),
    "rlcf_prompt": ("rlcf-prompt", "context"),
    "rlcf_tune": ("rlcf", "norm_params"),
}
STREAM = "closed"


def rounding_may_turn(slopes: Tensor, losses: Tensor) -> Tensor:
    """Which gradients ``(N, P)`` have a number as small as its rounding, so that AdamW's step may go either way.

    A logit is rounded by the logit scale times ε, which moves probabilities by that share. A probability near 1 is
    rounded by ε, however little is left beside it: by ε times the gradient that comes with a loss of 1. Beside float64
    gradients were off by at most 1.4 times the larger of both; 8 is on the safe side.
    """
    size = slopes.abs().amax(dim=1)
    of_one = (size / losses.abs().clamp(min=torch.finfo().tiny)).max()
    rounding = torch.finfo().eps * torch.maximum(LOGIT_SCALE * size, of_one)
    return slopes.abs().amin(dim=1) < 8 * rounding


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_trajectory(name: str) -> None:
    """With the file's views."""
    method, end = TRAJECTORIES[name]
    expected = {key: golden().get(f"{name}/{STREAM}/{key}") for key in ("stable", "logits", "losses", end, "weights")}
    excluded = iter(golden().get(f"{name}/{STREAM}/excluded", np.empty(0)).reshape(-1, 32, 32))
    alone: list[Any] = []
    weights: list[Tensor] = []
    told: list[tuple[Tensor, Tensor]] = []  # gradient and loss of each step

    class Watched(METHODS[method]):
        def boxes(self, count: int, side: int, seed: int) -> Tensor:
            return torch.from_numpy(golden()[f"views/{STREAM}/boxes"][seed]).long()

        def one_image(self, *given: Any) -> Any:
            alone.append(super().one_image(*given))
            return alone[-1]

        def passes(self, values: Tensor) -> Passes:
            made = super().passes(values)
            gradient = made.gradient
            made.gradient = lambda loss: told.append((gradient(loss), loss.detach())) or told[-1][0]
            return made

        def weights(self, seen: Tensor) -> Tensor:
            weights.append(super().weights(seen))
            return weights[-1]

        def left_out(self, similar: Tensor) -> Tensor:
            return torch.from_numpy(next(excluded))  # by the release's rounding

    given = {"prototypes": "rlcf_tune/class_features"} if name == "rlcf_tune" else {}
    engine = made(Case(Watched, {"views": 32}, **given), STREAM)
    if name == "tpt":
        np.testing.assert_allclose(engine.start().values.view(4, 32), golden()["tpt/initial_context"], atol=1e-6)
    for batch, (moments, _) in enumerate(follow(engine, STREAM)):
        stable, images = expected["stable"][batch], alone[24 * batch :]
        turned = rounding_may_turn(*map(torch.stack, zip(*told, strict=True))).view(24, -1).any(dim=1)
        assert (stable | turned.numpy()).all()  # nothing else is left out
        told.clear()
        found = {
            "logits": moments[-1].cosines,
            end: torch.stack([state.values.view(expected[end].shape[2:]) for _, state, _ in images]),
            "losses": torch.tensor([[float(sum(terms.values())) for terms in losses] for _, _, losses in images]),
        }
        if name == "rtpt":
            found["weights"] = torch.stack(weights[24 * batch :])
        for key, values in found.items():
            ours, theirs = values[stable], expected[key][batch][stable]
            np.testing.assert_allclose(ours, theirs, atol=NEAR, rtol=0, err_msg=f"{key} of batch {batch}")
