"""Our losses and trajectories against numbers computed with the authors' released implementation."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from golden_methods import LOGIT_SCALE, golden, golden_backbone, official
from helpers import method_of

from cliptta_demo.backend.methods.losses import (
    marginal_entropy,
    mean_entropy,
    outlier_contrastive_exposure,
    pseudo_captions,
    soft_contrastive,
)
from cliptta_demo.backend.methods.scores import max_log_probability, otsu_threshold
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import PRECISIONS
from cliptta_demo.backend.models.pieces import NO_REST
from cliptta_demo.backend.settings import AdaptationSettings

# bfloat16 keeps eight binary places: a number is rounded by 2^-8 of itself at most, by 0.42 · 2^-8 in the mean. A dozen
# roundings on an image's way turn its embedding by √12 of that, of which a cosine sees 1/√32: a quarter of 2^-8, its
# standard deviation. So hardly any cosine is 2^-8 off, and none twice that.
ROUNDED = 2**-8

# name in the golden file → (method, settings that differ from: no memory, regulariser 1)
TRAJECTORIES = {
    "source": ("zero-shot", {}),
    "tent": ("tent", {}),
    "tent_reg": ("tent", {"tent_regulariser_weight": 1.0}),
    "cliptta": ("cliptta", {}),
    "cliptta_noreg": ("cliptta", {"regulariser_weight": 0.0}),
    "cliptta_memory": ("cliptta", {"memory_shots": 4}),
    "cliptta_open": ("cliptta-oce", {"memory_shots": 4}),
    "cliptta_open_nomem": ("cliptta-oce", {}),
}


@pytest.fixture(scope="module", name="golden")
def golden_fixture() -> dict[str, np.ndarray]:
    return official()


def _cases() -> list[tuple[str, str]]:
    return sorted({tuple(name.split("/")[:2]) for name in official() if name.endswith("/logits")})


def test_every_trajectory_of_the_golden_file_is_covered() -> None:
    assert {name for name, _ in _cases()} == set(TRAJECTORIES)


@pytest.fixture(scope="module", params=PRECISIONS)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return golden_backbone(request.param)


@pytest.mark.parametrize(("name", "stream"), _cases())
def test_trajectory(name: str, stream: str, golden: dict[str, np.ndarray], backbone: Backbone) -> None:
    method_name, changes = TRAJECTORIES[name]
    settings = AdaptationSettings(learning_rate=1e-3, steps=5, memory_sample=1024, **{"memory_shots": 0, **changes})
    method = method_of(method_name, backbone, torch.from_numpy(golden["class_prototypes"]), settings)
    state, found, turned = method.start(), dict[str, list[Any]](logits=[], scores=[], alpha=[]), 0.0
    expected = {key: golden[f"{name}/{stream}/{key}"] for key in found if f"{name}/{stream}/{key}" in golden}
    for index, images in enumerate(golden[f"{stream}/images"]):
        *_, last = method.adapt(torch.from_numpy(images).float(), state, seed=index)
        state = last.state
        found["logits"].append(last.cosines.numpy())
        found["scores"].append(max_log_probability(last.cosines).numpy())
        found["alpha"].append(float(method.threshold(state)) if "alpha" in expected else 0.0)
    if state is not None:
        assert int(state.skipped) == 0
        ours, theirs = method.parameters(state), torch.from_numpy(golden[f"{name}/{stream}/norm_params"])
        if backbone.autocast is None:
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
        else:
            # A loss sees a cosine times the logit scale, OCE a score times 1/γ: such a share of its slope, and so of
            # the parameters' way and of what that does to a cosine, may point elsewhere.
            slope = ROUNDED * (1 / settings.oce_gamma if "alpha" in expected else LOGIT_SCALE)
            source = backbone.source_parameters
            turned = math.acos(min(1.0, torch.cosine_similarity(ours - source, theirs - source, dim=0)))
            assert turned < math.atan(slope)
    moved = np.abs(expected["logits"] - golden[f"source/{stream}/logits"]).max(axis=(1, 2))
    near = 1e-4 if backbone.autocast is None else 2 * ROUNDED + math.sin(turned) * moved
    for key, theirs in expected.items():
        off = np.abs(np.array(found[key]) - theirs)
        np.testing.assert_array_less(off.reshape(len(off), -1).max(axis=1), near, err_msg=key)


@pytest.mark.parametrize("name", ["soft_contrastive", "tent", "marginal_entropy", "oce"])
def test_loss_value_and_gradient(name: str, golden: dict[str, np.ndarray]) -> None:
    features = torch.from_numpy(golden["loss/features"]).requires_grad_(True)
    prototypes = torch.from_numpy(golden["class_prototypes"])
    cosines = features @ prototypes.T
    loss = {
        "soft_contrastive": lambda: soft_contrastive(features, pseudo_captions(cosines, prototypes), LOGIT_SCALE),
        "tent": lambda: mean_entropy(LOGIT_SCALE * cosines),
        "marginal_entropy": lambda: marginal_entropy(LOGIT_SCALE * cosines),
        "oce": lambda: outlier_contrastive_exposure(
            max_log_probability(cosines), torch.tensor(golden["loss/oce/alpha"]), gamma=0.005
        ),
    }[name]()
    loss.backward()
    assert loss.item() == pytest.approx(float(golden[f"loss/{name}/value"]), abs=1e-5)
    # Processors sum in other orders: at logit scale 100 gradients differ in the fifth digit.
    np.testing.assert_allclose(features.grad, golden[f"loss/{name}/grad"], atol=1e-5, rtol=1e-4)


def test_otsu_equals_scikit_image(golden: dict[str, np.ndarray]) -> None:
    threshold = otsu_threshold(torch.from_numpy(golden["otsu/scores"]))
    assert float(threshold) == pytest.approx(float(golden["otsu/threshold"]), abs=1e-5)


def test_text_side_gives_the_prototypes_of_the_file() -> None:
    templates, names = (tuple(golden()[f"text/{key}"]) for key in ("templates", "class_names"))
    text = golden_backbone().template_prototypes(names, templates, 256, NO_REST).transpose(0, 1)
    np.testing.assert_allclose(text, golden()["text/template_prototypes"], atol=1e-5)
