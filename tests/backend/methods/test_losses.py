"""The losses' defined behaviour in the corner cases: never NaN, and a gradient that means something."""

import itertools
import math

import numpy as np
import pytest
import torch
from golden_methods import LOGIT_SCALE, golden, golden_backbone
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.methods.losses import (
    ID_SCORES,
    marginal_entropy,
    max_log_probability,
    mean_entropy,
    otsu_threshold,
    outlier_contrastive_exposure,
    pseudo_captions,
    soft_contrastive,
)
from cliptta_demo.backend.methods.open_set import best_cut, upper_share
from cliptta_demo.backend.models.pieces import NO_REST


def unit(rows: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(rows, 16, generator=torch.Generator().manual_seed(seed)), dim=1)


def loss_and_gradient(
    features: Tensor, captions: Tensor, scale: float = 100.0, **options: object
) -> tuple[float, Tensor]:
    features = features.clone().requires_grad_(True)
    loss = soft_contrastive(features, captions, scale, **options)
    (gradient,) = torch.autograd.grad(loss, features)
    return loss.item(), gradient


def test_soft_contrastive_is_the_mean_entropy_of_the_rows() -> None:
    features, prototypes = unit(6), unit(4, seed=1)
    captions = pseudo_captions(features @ prototypes.T, prototypes)
    probabilities = torch.softmax(100 * features @ captions.T, dim=1)
    rows = torch.distributions.Categorical(probabilities).entropy().mean()
    columns = torch.distributions.Categorical(torch.softmax(100 * captions @ features.T, dim=1)).entropy().mean()
    assert soft_contrastive(features, captions, 100.0).item() == pytest.approx(rows.item(), abs=1e-5)
    both = soft_contrastive(features, captions, 100.0, symmetric=True).item()
    assert both == pytest.approx((rows + columns).item() / 2, abs=1e-5)


def test_full_collapse_stops_the_row_form_but_not_the_column_form() -> None:
    collapsed = unit(1, seed=1).expand(8, -1)  # every image has the same pseudo-caption
    loss, gradient = loss_and_gradient(unit(8), collapsed, scale=5.0)
    assert loss == pytest.approx(math.log(8), abs=1e-5)
    assert gradient.abs().max() < 1e-5
    _, symmetric_gradient = loss_and_gradient(unit(8), collapsed, scale=5.0, symmetric=True)
    assert symmetric_gradient.abs().max() > 1e-2


@pytest.mark.parametrize("symmetric", [False, True])
def test_filter_equals_dropping_the_images_and_nothing_left_gives_zero(symmetric: bool) -> None:
    for count, none in ((1, None), (6, torch.zeros(6, dtype=torch.bool))):
        loss, gradient = loss_and_gradient(unit(count), unit(count, seed=1), keep=none, symmetric=symmetric)
        assert loss == 0
        assert not gradient.any()
    keep = torch.tensor([True, False, True, True, False, True])
    features, captions = unit(6), unit(6, seed=1)
    loss, gradient = loss_and_gradient(features, captions, keep=keep, symmetric=symmetric)
    dropped, dropped_gradient = loss_and_gradient(features[keep], captions[keep], symmetric=symmetric)
    assert loss == pytest.approx(dropped, abs=1e-5)
    torch.testing.assert_close(gradient[keep], dropped_gradient, atol=1e-5, rtol=0)
    assert not gradient[~keep].any()


def test_oce_with_an_empty_side_is_zero_and_otsu_of_constant_scores_that_constant() -> None:
    for threshold in (-50.0, 50.0):
        scores = torch.tensor([-1.0, -1.1, -2.0], requires_grad=True)
        loss = outlier_contrastive_exposure(scores, torch.tensor(threshold), gamma=0.005)
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, scores)[0].any()
    assert otsu_threshold(torch.full((7,), -1.25)).item() == -1.25
    assert otsu_threshold(torch.tensor([0.5])).item() == 0.5


def test_scores_are_higher_for_a_clear_match() -> None:
    clear, vague = torch.tensor([[0.9, 0.1, 0.1]]), torch.tensor([[0.2, 0.2, 0.2]])
    for name, score in ID_SCORES.items():
        assert score(clear).item() > score(vague).item(), name


def test_no_other_cut_is_better() -> None:
    def apart(values: np.ndarray, upper: np.ndarray) -> float:
        """Summed squared distances from the own group's mean."""
        return sum(((part - part.mean()) ** 2).sum() for part in (values[upper], values[~upper]))

    for seed, count in itertools.product(range(20), (2, 3, 30)):
        values = np.random.default_rng(seed).random(count)
        cuts = [values >= edge for edge in np.sort(values)[1:]]
        assert apart(values, best_cut(values)) == pytest.approx(min(apart(values, cut) for cut in cuts))


def test_two_heaps_are_told_apart_and_what_lies_between_belongs_to_both() -> None:
    draw = np.random.default_rng(0)
    values = np.concatenate([draw.normal(0.2, 0.05, 40), draw.normal(0.8, 0.05, 20), [0.5]])
    shares = upper_share(values, best_cut(values))
    assert shares[:40].max() < 0.01
    assert shares[40:60].min() > 0.99
    assert 0 < shares[-1] < 1
    assert upper_share(values, ~best_cut(values)) == pytest.approx(shares)  # which one is the upper is found out
    points = np.array([0.0, 0.0, 1.0])  # these stay finite
    assert upper_share(points, best_cut(points)).tolist() == [0, 0, 1]


@pytest.mark.parametrize("name", ["soft_contrastive", "tent", "marginal_entropy", "oce"])
def test_loss_value_and_gradient(name: str) -> None:
    features = torch.from_numpy(golden()["loss/features"]).requires_grad_(True)
    prototypes = torch.from_numpy(golden()["class_prototypes"])
    cosines = features @ prototypes.T
    loss = {
        "soft_contrastive": lambda: soft_contrastive(features, pseudo_captions(cosines, prototypes), LOGIT_SCALE),
        "tent": lambda: mean_entropy(LOGIT_SCALE * cosines),
        "marginal_entropy": lambda: marginal_entropy(LOGIT_SCALE * cosines),
        "oce": lambda: outlier_contrastive_exposure(
            max_log_probability(cosines), torch.tensor(golden()["loss/oce/alpha"]), gamma=0.005
        ),
    }[name]()
    loss.backward()
    assert loss.item() == pytest.approx(float(golden()[f"loss/{name}/value"]), abs=1e-5)
    # Processors sum in other orders: at logit scale 100 gradients differ in the fifth digit.
    np.testing.assert_allclose(features.grad, golden()[f"loss/{name}/grad"], atol=1e-5, rtol=1e-4)


def test_otsu_equals_scikit_image_and_the_text_side_gives_the_prototypes_of_the_file() -> None:
    threshold = otsu_threshold(torch.from_numpy(golden()["otsu/scores"]))
    assert float(threshold) == pytest.approx(float(golden()["otsu/threshold"]), abs=1e-5)
    templates, names = (tuple(golden()[f"text/{key}"]) for key in ("templates", "class_names"))
    text = golden_backbone().template_prototypes(names, templates, 256, NO_REST).transpose(0, 1)
    np.testing.assert_allclose(text, golden()["text/template_prototypes"], atol=1e-5)
