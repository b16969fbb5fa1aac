"""Losses and ID scores that several methods share, as small pure functions on one batch.

Symbols as in the paper (arXiv 2507.14312): N images, C classes, d dimensions, τ the logit scale. All functions take
and return float32 tensors, are differentiable, and never return NaN for finite input.

ID scores tell how much an image looks in-distribution; a threshold splits ID from OOD. They work on the *unscaled*
cosines ``(N, C)`` (or what a method has in their place, see :class:`.run.snapshot.Reading`).
"""

from collections.abc import Callable

import torch
from torch import Tensor

# Added inside the logarithm of the marginal entropy, as the authors' release does.
MARGINAL_EPSILON = 1e-6
# A masked logit: exp(-1e4) is exactly 0 in float32, and unlike -inf it keeps gradients finite.
MASKED_LOGIT = -1e4
# Below this sum of weights one side of the outlier contrast is empty, and the contrast means nothing.
EMPTY_SIDE = 1e-6
SOFTNESS = 0.01  # of :func:`likeness`, in all releases


def pseudo_captions(cosines: Tensor, prototypes: Tensor) -> Tensor:
    """For each image with these cosines ``(N, C)`` the prototype, of ``(C, d)``, of its predicted class: ``(N, d)``."""
    return prototypes[cosines.argmax(dim=1)]


def soft_contrastive(
    features: Tensor,
    captions: Tensor,
    logit_scale: float,
    *,
    keep: Tensor | None = None,
    symmetric: bool = False,
) -> Tensor:
    """Soft contrastive loss: the entropy of "which pseudo-caption of this batch fits my image?" (paper section 3).

    With the batch logits ``A_ij = τ z_i·t̂_j`` it is the mean over rows i of the entropy of ``softmax_j(A_ij)``.
    At full collapse all columns are equal and the row form has zero gradient: it stops by itself.

    Args:
        features: ``(N, d)`` normalised image embeddings z.
        captions: ``(N, d)`` pseudo-captions t̂, see :func:`pseudo_captions`.
        logit_scale: τ.
        keep: ``(N,)`` bool; images outside take no part, neither as rows nor as columns. None keeps all.
        symmetric: average with the column (text-to-image) entropies, as the paper writes; the authors' release,
            with the text tower frozen, uses the rows only.

    Returns:
        Scalar ≥ 0. Zero, with zero gradient, for one image or when ``keep`` is all false.
    """
    logits = logit_scale * features @ captions.T  # (N, N)
    if keep is not None:
        logits = logits.masked_fill(~(keep[:, None] & keep[None, :]), MASKED_LOGIT)
    loss = _mean_row_entropy(logits, keep)
    if symmetric:
        loss = (loss + _mean_row_entropy(logits.T, keep)) / 2
    return loss


def likeness(features: Tensor, captions: Tensor) -> Tensor:
    """Which pairs of image and caption are alike: ``(N, N)``, each row sums to 1. The target of CLIPArTT and WATT.

    ``softmax_j((z_i·z_j + t̂_i·t̂_j) / 2 / 0.01)``: image beside image, and caption beside caption.

    Args:
        features, captions: ``(N, d)`` unit embeddings of the images and of their captions.
    """
    return ((features @ features.T + captions @ captions.T) / 2 / SOFTNESS).softmax(dim=1)


def soft_targets_loss(logits: Tensor, targets: Tensor, dim: int = 1) -> Tensor:
    """Cross-entropy of ``(N, N)`` logits, with the softmax over ``dim``, and soft targets: ``−Σ target·ln p / N``."""
    return -(targets * logits.log_softmax(dim)).sum() / len(logits)


def _mean_row_entropy(logits: Tensor, keep: Tensor | None) -> Tensor:
    """Mean over the kept rows of the entropy of each row's softmax; 0 when no row is kept."""
    entropy = entropy_of_logits(logits)  # (N,)
    return entropy.sum() / max(1, len(entropy)) if keep is None else mean_of(entropy, keep)


def mean_of(values: Tensor, keep: Tensor) -> Tensor:
    """Mean of those of ``(N,)`` values that are kept, ``(N,)`` bool; 0 without a gradient when none is."""
    return torch.where(keep, values, 0.0).sum() / keep.sum().clamp(min=1)


def entropy_of_logits(logits: Tensor) -> Tensor:
    """Entropy in nats of ``softmax(logits)`` over the last dimension: ``(…, C)`` → ``(…)``."""
    log_probabilities = logits.log_softmax(dim=-1)
    return -(log_probabilities.exp() * log_probabilities).sum(dim=-1)


def entropy_of_probabilities(probabilities: Tensor, epsilon: float) -> Tensor:
    """Entropy in nats over the last dimension, ``(…, C)`` → ``(…)``, with ``epsilon`` inside the logarithm."""
    return -(probabilities * (probabilities + epsilon).log()).sum(dim=-1)


def mean_entropy(logits: Tensor) -> Tensor:
    """TENT's loss (Wang et al. 2021): the mean over images of each prediction's entropy; ``(N, C)`` → scalar."""
    return entropy_of_logits(logits).mean()


def marginal_entropy(logits: Tensor) -> Tensor:
    """The regulariser H(mean_i p_i) of scaled logits ``(N, C)``, to be *maximised*: high while many classes are used.

    Scalar in nats, between about 0 and ln C.
    """
    marginal = logits.softmax(dim=-1).mean(dim=0)
    return entropy_of_probabilities(marginal, MARGINAL_EPSILON)


def outlier_contrastive_exposure(scores: Tensor, threshold: Tensor, gamma: float) -> Tensor:
    """Outlier Contrastive Exposure (OCE): minus the squared gap between the mean ID and the mean OOD score.

    Each image belongs softly to the ID side, with weight ``w_i = σ((s_i − α)/γ)``; the paper's section on open-set
    adaptation.

    Args:
        scores: ``(N,)`` ID scores s, higher means more in-distribution.
        threshold: scalar α, learnable.
        gamma: softness γ > 0 of the split.

    Returns:
        Scalar ≤ 0; zero with zero gradient where one side is empty (no contrast to widen).
    """
    inside = torch.sigmoid((scores - threshold) / gamma)
    outside = 1 - inside
    inside_sum, outside_sum = inside.sum(), outside.sum()
    defined = (inside_sum > EMPTY_SIDE) & (outside_sum > EMPTY_SIDE)
    mean_inside = (inside * scores).sum() / inside_sum.clamp(min=EMPTY_SIDE)
    mean_outside = (outside * scores).sum() / outside_sum.clamp(min=EMPTY_SIDE)
    return torch.where(defined, -((mean_inside - mean_outside) ** 2), 0.0)


Score = Callable[[Tensor], Tensor]  # (N, C) → (N,)
ID_SCORES: dict[str, Score] = {}  # by the word that settings have for it
BINS = 256  # between the smallest and the largest score


def register_score(name: str) -> Callable[[Score], Score]:
    """Offers a function as an ID score everywhere; a decorator, usable from anywhere.

    Raises:
        ValueError: another score has the name.
    """
    if name in ID_SCORES:
        raise ValueError(f"name is {name!r}; another ID score is registered under it already.")

    return lambda function: ID_SCORES.setdefault(name, function)


@register_score("max-log-probability")
def max_log_probability(cosines: Tensor) -> Tensor:
    """``max_c log softmax_c(cos)``, the score of the paper; ``(N, C)`` → ``(N,)``."""
    return cosines.log_softmax(dim=1).amax(dim=1)


@register_score("max-probability")
def max_probability(cosines: Tensor) -> Tensor:
    """``max_c softmax_c(cos)``; ``(N, C)`` → ``(N,)``."""
    return cosines.softmax(dim=1).amax(dim=1)


@register_score("entropy")
def negative_entropy(cosines: Tensor) -> Tensor:
    """Minus the entropy of ``softmax(cos)``; ``(N, C)`` → ``(N,)``."""
    return -entropy_of_logits(cosines)


@register_score("energy")
def energy(cosines: Tensor) -> Tensor:
    """``logsumexp_c(cos)``, the negative free energy; ``(N, C)`` → ``(N,)``."""
    return cosines.logsumexp(dim=1)


@register_score("max-cosine")
def max_cosine(cosines: Tensor) -> Tensor:
    """``max_c cos``: how near the nearest prototype is; ``(N, C)`` → ``(N,)``."""
    return cosines.amax(dim=1)


def otsu_threshold(scores: Tensor) -> Tensor:
    """Otsu's threshold: the cut of a histogram that best separates two groups (Otsu 1979).

    Same bins and tie-breaking as scikit-image's ``threshold_otsu``, which the authors' release calls.

    Args:
        scores: ``(N,)`` finite scores, N ≥ 1.

    Returns:
        Scalar float64, the centre of the chosen bin. A constant vector returns that constant.
    """
    values = scores.detach().double()
    low, high = values.min(), values.max()
    width = (high - low) / BINS
    safe_width = torch.where(width > 0, width, 1.0)
    index = ((values - low) / safe_width).floor().long().clamp(0, BINS - 1)
    counts = torch.zeros(BINS, dtype=torch.float64, device=values.device)
    counts.scatter_add_(0, index, torch.ones_like(values))
    centres = low + (torch.arange(BINS, device=values.device, dtype=torch.float64) + 0.5) * width
    below = counts.cumsum(0)
    above = counts.flip(0).cumsum(0).flip(0)
    mean_below = (counts * centres).cumsum(0) / below.clamp(min=1)
    mean_above = (counts * centres).flip(0).cumsum(0).flip(0) / above.clamp(min=1)
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return torch.where(width > 0, centres.take(between.argmax()), low)
