"""A look inside the loss: the batch matrix that CLIPTTA sees."""

import numpy as np
from numpy.typing import NDArray


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
