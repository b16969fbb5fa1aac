"""A look inside the loss: the batch matrix that CLIPTTA sees."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

# Three batches of eight images, shares of two of three classes: all lean one way, one against many, and mixed.
SMALL_BATCHES = (
    ((0.5, 0.3), (0.44, 0.36), (0.46, 0.2), (0.6, 0.22), (0.42, 0.3), (0.52, 0.14), (0.55, 0.33), (0.4, 0.37)),
    ((0.5, 0.3), (0.46, 0.34), (0.48, 0.22), (0.58, 0.24), (0.44, 0.32), (0.36, 0.42), (0.54, 0.2), (0.47, 0.27)),
    ((0.56, 0.3), (0.44, 0.38), (0.5, 0.16), (0.26, 0.5), (0.38, 0.46), (0.16, 0.52), (0.22, 0.26), (0.14, 0.34)),
)


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


class Captions(TypedDict):
    """A batch and its captions in numbers.

    Attributes:
        size: N images; classes: how many there are; used: among the predictions, so among the captions.
        own: what an image gives to its own caption, 0 to 1; entropy: of a row, in nats; both the means.
    """

    size: int
    classes: int
    used: int
    own: float
    entropy: float


def captions_of(
    cosines: NDArray[np.float32], predicted: NDArray[np.int64], logit_scale: float
) -> tuple[NDArray[np.float32], Captions]:
    """What images make of their batch's captions: :func:`caption_matrix`, and its numbers."""
    fit = caption_matrix(cosines, predicted, logit_scale)
    entropy = float(-(fit * np.log(np.maximum(fit, 1e-30))).sum(axis=1).mean())
    own, used = float(fit.diagonal().mean()), len(np.unique(predicted))
    return fit, Captions(size=len(fit), classes=cosines.shape[1], used=used, own=own, entropy=entropy)
