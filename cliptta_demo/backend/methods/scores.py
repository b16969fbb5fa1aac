"""ID scores: how much an image looks in-distribution, and the threshold that splits ID from OOD.

All scores work on the *unscaled* cosines ``(N, C)`` (or what a method has in their place, see
:class:`.run.snapshot.Reading`) and are higher for in-distribution (ID) images.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from cliptta_demo.backend.methods.losses import entropy_of_logits

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
