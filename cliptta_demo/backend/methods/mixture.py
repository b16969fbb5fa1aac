"""Two groups of numbers told apart: a mixture of two Gaussians, as scikit-learn's ``GaussianMixture`` fits it.

Few numbers and many small steps: on the processor, in float64.
"""

import numpy as np

LEAST_VARIANCE = 1e-6  # added to each; scikit-learn's, as all below
TOLERANCE = 1e-3  # of the mean log-likelihood, between two rounds
ROUNDS = 100


def best_cut(values: np.ndarray) -> np.ndarray:
    """The group of each of ``(N,)`` values when two means stand for them as well as any two can; bool, the upper one.

    scikit-learn's k-means starts at random and may end in a cut that is not the best.
    """
    ordered = np.sort(values)
    count = np.arange(1, len(values))
    below = ordered.cumsum()[:-1]
    between = below**2 / count + (ordered.sum() - below) ** 2 / (len(values) - count)
    return values >= ordered[1:][between.argmax()]


def upper_share(values: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The probability ``(N,)`` that each of ``(N,)`` values comes from the Gaussian with the higher mean.

    Args:
        upper: the groups that expectation and maximisation begin with, bool.
    """
    shares, before = np.stack([~upper, upper]).astype(float), -np.inf
    for _ in range(ROUNDS):
        shares, likelihood, means = _round(values, shares)
        if abs(likelihood - before) < TOLERANCE:
            break
        before = likelihood
    shares, _, means = _round(values, shares)
    return shares[means.argmax()]


def _round(values: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Gaussians by their ``(2, N)`` shares in the values, new shares by these; mean log-likelihood; means ``(2,)``."""
    sizes = shares.sum(axis=1, keepdims=True) + 10 * np.finfo(float).eps
    means = (shares * values).sum(axis=1, keepdims=True) / sizes
    variances = (shares * (values - means) ** 2).sum(axis=1, keepdims=True) / sizes + LEAST_VARIANCE
    densities = np.log(sizes / sizes.sum()) - ((values - means) ** 2 / variances + np.log(2 * np.pi * variances)) / 2
    together = np.logaddexp(*densities)
    return np.exp(densities - together), float(together.mean()), means[:, 0]
