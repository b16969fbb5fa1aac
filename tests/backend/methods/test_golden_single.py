"""TPT, R-TPT and RLCF, image by image, against numbers computed with their authors' released implementations."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from golden_methods import LOGIT_SCALE, NEAR, Case, follow, golden, made
from torch import Tensor

from cliptta_demo.backend.methods.per_image import PerImage
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


def watched(
    method: str,
    alone: list[Any],
    weights: list[Tensor],
    excluded: Iterator[np.ndarray],
    told: list[tuple[Tensor, Tensor]],
) -> type[PerImage]:
    """The method with the file's views, that tells what became of each image."""
    kind = METHODS[method]

    class Watched(kind):
        def boxes(self, count: int, side: int, seed: int) -> Tensor:
            return torch.from_numpy(golden()[f"views/{STREAM}/boxes"][seed]).long()

        def one_image(self, *given: Any) -> Any:
            alone.append(super().one_image(*given))
            return alone[-1]

        def passes(self, values: Tensor) -> Passes:
            made = super().passes(values)
            gradient = made.gradient

            def tell(loss: Tensor) -> Tensor:
                told.append((gradient(loss), loss.detach()))
                return told[-1][0]

            made.gradient = tell
            return made

        def weights(self, seen: Tensor) -> Tensor:
            weights.append(super().weights(seen))
            return weights[-1]

        def left_out(self, similar: Tensor) -> Tensor:
            return torch.from_numpy(next(excluded))  # by the release's rounding

    return Watched


def expectation(name: str, key: str) -> np.ndarray:
    return golden()[f"{name}/{STREAM}/{key}"]


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_trajectory(name: str) -> None:
    method, end = TRAJECTORIES[name]
    expected = partial(expectation, name)
    alone: list[Any] = []
    weights: list[Tensor] = []
    told: list[tuple[Tensor, Tensor]] = []  # gradient and loss of each step
    excluded = iter(expected("excluded").reshape(-1, 32, 32)) if name == "rtpt" else iter(())
    kind = watched(method, alone, weights, excluded, told)
    engine = made(
        Case(kind, {"views": 32}, prototypes="rlcf_tune/class_features" if name == "rlcf_tune" else None), STREAM
    )
    if name == "tpt":
        np.testing.assert_allclose(engine.start().values.view(4, 32), golden()["tpt/initial_context"], atol=1e-6)
    for batch, (moments, _) in enumerate(follow(engine, STREAM)):
        stable = expected("stable")[batch]
        images = alone[24 * batch :]
        turned = rounding_may_turn(*map(torch.stack, zip(*told, strict=True))).view(24, -1).any(dim=1)
        assert (stable | turned.numpy()).all()  # nothing else is left out
        told.clear()
        found = {
            "logits": moments[-1].cosines,
            end: torch.stack([state.values.view(expected(end).shape[2:]) for _, state, _ in images]),
            "losses": torch.tensor([[float(sum(terms.values())) for terms in losses] for _, _, losses in images]),
        }
        if name == "rtpt":
            found["weights"] = torch.stack(weights[24 * batch :])
        for key, values in found.items():
            np.testing.assert_allclose(
                values[stable], expected(key)[batch][stable], atol=NEAR, rtol=0, err_msg=f"{key} of batch {batch}"
            )
