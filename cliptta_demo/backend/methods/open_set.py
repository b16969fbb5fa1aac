"""Entropy where strangers come: learn from those images that are not likely to be some.

OSTTA (Lee et al., ICCV 2023): from images of which the model has become surer than it was at the source. UniEnt and
UniEnt+ (Gao et al., CVPR 2024): surer of known images, less sure of strangers.
"""

import numpy as np
import torch
from torch import Tensor

from cliptta_demo.backend.declare import number
from cliptta_demo.backend.methods.adaptation import AdaptationState, Cost, Outline, Prepared, Step
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import entropy_of_logits, mean_of
from cliptta_demo.backend.methods.registry import Released, definition, register
from cliptta_demo.languages import Text


class OsttaSettings(Released):
    """Which images are learnt from."""

    release: str = definition("OSTTA", Text("Where no image has become surer, CLIPTTA's learns from all of them."))
    margin: float = number(
        0.0, -1, 1, "its authors'; CLIPTTA's comparison takes 0.4",
        label=Text("Surer by"), help=Text("By how much the source's class must have become more probable."),
        step=0.05, mark=Text("surer by {:g}"),
    )  # fmt: skip
    regulariser: float = number(
        0.5, 0, 100, "of 1, 0.5, 0.2 and 0.1, which UniEnt's authors try; CLIPTTA's comparison takes 0.1",
        label="λ_reg", help=Text("Pull towards using all classes."), step=0.1, mark="λ_reg {:g}",
    )  # fmt: skip


@register
class Ostta(AdaptingMethod):
    """Entropy of the images whose source class has become more probable, and the regulariser.

    The source model is the teacher, as in the releases of UniEnt and CLIPTTA. Before a stream's first step both are
    the same model, and with a margin of 0 all images pass by equality.
    """

    name, label = "ostta", "OSTTA"
    sentence = Text("Learns from images that it has become surer of, since strangers rather make it less sure.")
    paper = "Lee et al., Towards Open-Set Test-Time Adaptation Utilizing the Wisdom of Crowds, ICCV 2023"
    family, predicts_before = "entropy", True
    colour, symbol = "brown", "hexagon"
    own = OsttaSettings

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(2 * batch_size, cls.steps(outline) * batch_size)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        own, logits = self.task.own, self.backbone.logits
        teacher = self.source_cosines(batch)
        passes = self.passes(self.parameters(state))
        cosines = passes.embed(batch.pixels) @ self.prototypes.T
        before, classes = logits(teacher).softmax(dim=1).max(dim=1, keepdim=True)
        present = logits(cosines).detach().softmax(dim=1).gather(1, classes)
        kept = (present - before)[:, 0] >= own.margin
        if own.release == "cliptta":
            kept = torch.where(kept.any(), kept, True)
        terms = {"entropy": mean_of(entropy_of_logits(logits(cosines)), kept)}
        terms |= self.regulariser(cosines, own.regulariser)
        return self.descend(state, passes, terms, step, cosines)


# Of the mixture of two Gaussians, which is scikit-learn's ``GaussianMixture``: few numbers and many small steps, on the
# processor in float64.
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


class UnientWeights(Released):
    """Weights of its terms."""

    regulariser: float = number(
        0.5, 0, 100, "λ₁, of 1, 0.5, 0.2 and 0.1, which its authors try; CLIPTTA's comparison takes 1",
        label="λ_reg", help=Text("Pull towards using all classes."), step=0.1, mark="λ_reg {:g}",
    )  # fmt: skip
    stranger_weight: float = number(
        0.5, 0, 100, "λ₂, of 1, 0.5, 0.2 and 0.1, which its authors try; CLIPTTA's comparison takes 0",
        label=Text("λ for strangers"), help=Text("How strongly it is made less sure of strangers."), step=0.1,
        mark=Text("strangers {:g}"),
    )  # fmt: skip


class UnientSettings(UnientWeights):
    """And whose definition it is."""

    release: str = definition(
        "UniEnt", Text("CLIPTTA's weighs images as UniEnt+ does, by what the adapted model says of them.")
    )


@register
class Unient(AdaptingMethod):
    """Entropy of known images down, that of strangers and of the mean prediction up; a mixture says which is which.

    Two Gaussians share the source model's largest cosines. Where all are equal, all images count as known; the releases
    divide by 0. Their mixture starts at random, this one where k-means ends at best. CLIPTTA's scripts leave the
    strangers' term out.
    """

    name, label = "unient", "UniEnt"
    sentence = Text("Guesses who is a stranger, gets surer of the others, and less sure of the strangers.")
    paper = "Gao et al., Unified Entropy Optimization for Open-Set Test-Time Adaptation, CVPR 2024"
    family, predicts_before = "entropy", True
    colour, symbol = "green", "triangle-down"
    own = UnientSettings
    weighs = False  # each image counts on either side in part, or wholly on one
    groups = staticmethod(best_cut)  # that the mixture begins with

    @classmethod
    def cost(cls, outline: Outline, batch_size: int) -> Cost:
        return Cost(batch_size * (1 + outline.own.by_authors), cls.steps(outline) * batch_size)

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        own = self.task.own
        spread = self.source_cosines(batch) if own.by_authors else None
        passes = self.passes(self.parameters(state))
        cosines = passes.embed(batch.pixels) @ self.prototypes.T
        logits = self.backbone.logits(cosines)
        known = self.known(logits.softmax(dim=1) if spread is None else spread)
        entropies = entropy_of_logits(logits)
        if self.weighs or not own.by_authors:
            inside, outside = (known * entropies).mean(), ((1 - known) * entropies).mean()
        else:
            inside, outside = mean_of(entropies, known > 0.5), mean_of(entropies, known <= 0.5)
        terms = {"entropy": inside} | self.regulariser(cosines, own.regulariser)
        if own.stranger_weight > 0:
            terms["strangers"] = -own.stranger_weight * outside
        return self.descend(state, passes, terms, step, cosines)

    def known(self, spread: Tensor) -> Tensor:
        """How probably each image is of a known class ``(N,)``, by the largest of its ``(N, C)`` numbers."""
        # The device is waited for: there, a hundred rounds of little kernels would take longer.
        largest = spread.detach().amax(dim=1).cpu().double().numpy()
        width = largest.max() - largest.min()
        if not 0 < width < np.inf:
            return torch.ones_like(spread[:, 0])
        scores = (largest - largest.min()) / width
        return torch.from_numpy(upper_share(scores, self.groups(scores))).float().to(spread)


@register
class UnientPlus(Unient):
    """UniEnt with each image on both sides, by the mixture's probabilities."""

    name, label = "unient-plus", "UniEnt+"
    sentence = Text("UniEnt that is in no hurry to decide: each image counts as known and as stranger, in part.")
    dash, symbol = "dash", "cross"
    own = UnientWeights
    weighs = True
