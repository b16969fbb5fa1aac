"""Looks inside the loss: the batch matrix that CLIPTTA sees, and the two losses on a toy that fits on paper."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cliptta_demo.backend.declare import check_number
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.losses import mean_entropy, pseudo_captions, soft_contrastive

TOY_CLASSES = 3
TOY_LOGIT_SCALE = 100.0  # CLIP's; the toy's logits are drawn as they are, so it cancels out
LARGEST_TOY = 60
SMALLEST_PROBABILITY = 1e-3


def caption_matrix(
    cosines: NDArray[np.float32], predicted: NDArray[np.int64], logit_scale: float
) -> NDArray[np.float32]:
    """How well each image fits each pseudo-caption of its batch: ``softmax_j(τ z_i·t̂_j)``.

    The soft contrastive loss is the mean entropy of these rows (paper, section 3). As the pseudo-caption of image j is
    the prototype of its predicted class, ``z_i·t̂_j`` is the cosine of image i with that class.

    Args:
        cosines: ``(N, C)``; predicted: ``(N,)`` classes; logit_scale: τ.

    Returns:
        ``(N, N)`` float32, each row sums to 1.
    """
    logits = logit_scale * cosines[:, predicted].astype(np.float64)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _cliptta(logits: Tensor) -> Tensor:
    features, prototypes = logits / TOY_LOGIT_SCALE, torch.eye(TOY_CLASSES)
    return soft_contrastive(features, pseudo_captions(features, prototypes), TOY_LOGIT_SCALE)


TOY_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {"tent": mean_entropy, "cliptta": _cliptta}


def toy_paths(points: Sequence[Sequence[float]], steps: int = 1, rate: float = 1.0) -> dict[str, list]:
    """Where gradient descent moves a batch of three-class predictions, under TENT's and under CLIPTTA's loss.

    Each image is free to move on its own (its logits are the parameters), so that the arrows are the losses' own pull
    and nothing else. Both losses are the engine's.

    Args:
        points: N predictions, each three probabilities (they are scaled to sum to 1), 1 ≤ N ≤ 60.
        steps: of gradient descent, 0 to 200; rate: its step size, times N since the losses are means.

    Returns:
        Method → ``steps + 1`` positions, each N rows of three probabilities.

    Raises:
        UserError: points that are no probabilities, or too many.
    """
    start = _check(points, steps, rate)
    paths = {}
    for name, loss in TOY_LOSSES.items():
        logits = start.log()
        path = [start]
        for _ in range(steps):
            logits = logits.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(loss(logits), logits)
            logits = (logits - rate * len(points) * gradient).detach()
            path.append(logits.softmax(dim=1).clamp_min(0))
        paths[name] = [position.tolist() for position in path]
    return paths


def _check(points: Sequence[Sequence[float]], steps: int, rate: float) -> Tensor:
    check_number("steps", steps, 0, 200, whole=True)
    check_number("rate", rate, 0, 100)
    try:
        few = points if len(points) <= LARGEST_TOY else ()  # millions of rows would take a while to count
        values = torch.tensor(few, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        values = torch.empty(0)
    shaped = values.ndim == 2 and values.shape[1] == TOY_CLASSES and len(values)
    if not shaped or not values.isfinite().all() or (values < 0).any() or (values.sum(1) <= 0).any():
        raise UserError(
            "points must be 1 to {most} rows of {classes} probabilities: numbers from 0 to 1, not all of them 0.",
            most=LARGEST_TOY,
            classes=TOY_CLASSES,
        )
    values = (values / values.sum(1, keepdim=True)).clamp_min(SMALLEST_PROBABILITY)
    return values / values.sum(1, keepdim=True)
