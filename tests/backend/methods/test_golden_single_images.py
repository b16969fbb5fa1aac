"""Methods that take one image at a time, beside numbers computed with their authors' released implementations."""

from typing import Any

import numpy as np
import pytest
import torch
from golden_methods import LOGIT_SCALE, NEAR, SINGLE, Case, follow, golden, made
from torch import Tensor

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.pieces import Passes


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


@pytest.mark.parametrize("name", SINGLE)
def test_trajectory_of_single_images(name: str) -> None:
    """With the file's views."""
    method, end, prototypes = SINGLE[name]
    expected = {key: golden().get(f"{name}/closed/{key}") for key in ("stable", "logits", "losses", end, "weights")}
    excluded = iter(golden().get(f"{name}/closed/excluded", np.empty(0)).reshape(-1, 32, 32))
    alone: list[Any] = []
    weights: list[Tensor] = []
    told: list[tuple[Tensor, Tensor]] = []  # gradient and loss of each step

    class Watched(METHODS[method]):
        def boxes(self, count: int, side: int, seed: int) -> Tensor:
            return torch.from_numpy(golden()["views/closed/boxes"][seed]).long()

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

    own = {"views": 32} | ({"shared": True} if name == "tps_shared" else {})
    engine = made(Case(Watched, own, prototypes=prototypes), "closed")
    if name == "tpt":
        np.testing.assert_allclose(engine.start().values.view(4, 32), golden()["tpt/initial_context"], atol=1e-6)
    for batch, (moments, _) in enumerate(follow(engine, "closed")):
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
