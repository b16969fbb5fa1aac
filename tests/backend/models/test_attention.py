"""Attention as plain products gives torch's numbers bit for bit; bfloat16 stays near float32."""

import pytest
import torch
from helpers import random_images, small_backbone
from torch import nn

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models import loading
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import best_precision, load_backbone
from cliptta_demo.backend.models.towers import PlainAttention, is_transformer, keep_weights_in, replace_attention


def features_and_gradient(backbone: Backbone, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    parameters = backbone.source_parameters.clone().requires_grad_(True)
    features = backbone.embed(images, parameters)
    weights = torch.linspace(-1, 1, features.numel()).view_as(features)
    return features.detach(), torch.autograd.grad((features * weights).sum(), parameters)[0]


def test_it_is_torchs_own_bit_for_bit() -> None:
    own = small_backbone()
    plain = small_backbone()
    assert replace_attention(plain.tower) == 2
    assert replace_attention(plain.tower) == 0
    images = random_images(12)
    for ours, theirs in zip(features_and_gradient(plain, images), features_and_gradient(own, images), strict=True):
        assert torch.equal(ours, theirs)
    assert [*plain.tower.state_dict()] == [*own.tower.state_dict()]


def test_bfloat16_weights_stay_near_float32_and_normalisation_keeps_its_own() -> None:
    exact, half = small_backbone(), small_backbone()
    replace_attention(half.tower)
    keep_weights_in(torch.bfloat16, half.tower)
    half.autocast = torch.bfloat16
    assert is_transformer(half.tower)
    kinds = {module: {p.dtype for p in module.parameters(recurse=False)} for module in half.tower.modules()}
    for module, dtypes in kinds.items():
        if isinstance(module, nn.Linear | PlainAttention):
            assert dtypes == {torch.bfloat16}
        elif isinstance(module, nn.LayerNorm | nn.Conv2d):
            assert dtypes == {torch.float32}
    images = random_images(12)
    (z, gradient), (half_z, half_gradient) = features_and_gradient(exact, images), features_and_gradient(half, images)
    assert half_z.dtype == half_gradient.dtype == torch.float32
    assert torch.cosine_similarity(z, half_z).min() > 0.9999
    assert torch.cosine_similarity(gradient, half_gradient, dim=0) > 0.999


@pytest.mark.parametrize(
    ("matrix_units", "instructions", "maker", "precision"),
    [
        (True, True, "GenuineIntel", "bfloat16"),
        (False, True, "GenuineIntel", "float32"),
        (False, True, "AuthenticAMD", "bfloat16"),
        (False, False, "AuthenticAMD", "float32"),
    ],
)
def test_bfloat16_is_for_processors_that_are_faster_in_it(
    matrix_units: bool, instructions: bool, maker: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_units)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(loading, "_processor_maker", lambda: f"vendor_id : {maker}")
    assert best_precision("cpu") == precision


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(UserError, match="precision is 'int8'; it must be one of: float32, bfloat16"):
        load_backbone("tiny", "cpu", precision="int8")
