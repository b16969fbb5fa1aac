"""Backbones load through open_clip's real code and adapt in both precisions; attention is torch's bit for bit."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from checkpoints import ARCHITECTURES
from helpers import SHAPES, random_images, settings_for, small_backbone
from torch import nn

from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models import loading as backbones
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, best_precision, load_backbone
from cliptta_demo.backend.models.towers import PlainAttention, keep_weights_in, replace_attention
from cliptta_demo.backend.run.experiment import Experiment


def run_all(backbone: Backbone) -> np.ndarray:
    """One method of each shape runs, stays finite and leaves the model as it was; CLIPTTA's cosines in the end."""
    before = {key: value.clone() for key, value in backbone.tower.state_dict().items()}
    size = backbone.info.image_size
    pixels = torch.randint(0, 256, (8, 3, size, size), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    source = GivenImages(pixels, ("cat", "dog", "ship"), torch.zeros(8, dtype=torch.int64))
    settings = settings_for(*SHAPES, batch_size=4, batches=2, steps=2, learning_rate=1e-3)
    *_, (state, snapshot) = Experiment(settings, backbone, source).run()
    for name, method in snapshot.methods.items():
        assert torch.isfinite(torch.from_numpy(method.id_scores)).all(), name
        assert method.skipped_steps == 0
    assert not torch.equal(state.adaptations["cliptta"].values, backbone.source_parameters)
    assert all(torch.equal(value, before[key]) for key, value in backbone.tower.state_dict().items())
    return snapshot.methods["cliptta"].batch.cosines


@pytest.mark.parametrize("name", [TINY, *ARCHITECTURES])
def test_a_model_of_any_architecture_adapts_in_both_precisions(name: str, checkpoints: dict[str, Path]) -> None:
    ends = []
    for precision in ("float32", "bfloat16"):
        backbone = load_backbone(name if name == TINY else f"{name}/{checkpoints[name]}", "cpu", precision=precision)
        assert name == TINY or backbone.info.image_size == ARCHITECTURES[name]["vision_cfg"]["image_size"]
        assert backbone.autocast is (torch.bfloat16 if precision == "bfloat16" else None)
        ends.append(run_all(backbone))
    assert ends[0] == pytest.approx(ends[1], abs=0.05)


def test_the_checkpoints_own_numbers_are_used(checkpoints: dict[str, Path]) -> None:
    sigmoid = load_backbone(f"test-sigmoid/{checkpoints['test-sigmoid']}", "cpu")
    assert sigmoid.logit_bias == -10
    assert sigmoid.logits(torch.tensor(0.5)).item() == pytest.approx(0.5 * sigmoid.logit_scale - 10)
    vit = load_backbone(f"test-vit/{checkpoints['test-vit']}", "cpu")
    assert vit.logit_bias == 0
    assert vit.logit_scale == pytest.approx(1 / 0.07, rel=1e-4)
    assert load_backbone(f"test-resnet/{checkpoints['test-resnet']}", "cpu").layout.batch_norms


def test_prototypes_equal_open_clips_own(checkpoints: dict[str, Path]) -> None:
    path = str(checkpoints["test-vit"])
    model = open_clip.create_model("test-vit", pretrained=path).eval()
    templates = ["a photo of a {}.", "{}"]
    expected = open_clip.build_zero_shot_classifier(
        model, open_clip.get_tokenizer("test-vit"), ["cat", "fire truck"], [t.format for t in templates]
    )  # (d, C)
    ours = load_backbone(f"test-vit/{path}", "cpu").prototypes(["cat", "fire_truck"], templates)
    torch.testing.assert_close(ours, expected.T, atol=1e-5, rtol=0)


def test_a_backbone_is_loaded_once_and_few_are_kept(checkpoints: dict[str, Path]) -> None:
    names = [f"{name}/{path}" for name, path in checkpoints.items()]
    first = load_backbone(names[0], "cpu")
    assert load_backbone(names[0], "cpu") is first
    load_backbone(names[1], "cpu")
    load_backbone(names[2], "cpu")
    assert len(backbones._cache) == backbones.CACHE_SIZE
    assert load_backbone(names[0], "cpu") is not first


def features_and_gradient(backbone: Backbone, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    parameters = backbone.source_parameters.clone().requires_grad_(True)
    features = backbone.embed(images, parameters)
    weights = torch.linspace(-1, 1, features.numel()).view_as(features)
    return features.detach(), torch.autograd.grad((features * weights).sum(), parameters)[0]


def test_it_is_torchs_own_bit_for_bit() -> None:
    own = small_backbone()
    plain = small_backbone()
    replace_attention(plain.tower)
    assert sum(isinstance(module, PlainAttention) for module in plain.tower.modules()) == 2
    images = random_images(12)
    for ours, theirs in zip(features_and_gradient(plain, images), features_and_gradient(own, images), strict=True):
        assert torch.equal(ours, theirs)
    assert [*plain.tower.state_dict()] == [*own.tower.state_dict()]


def test_bfloat16_weights_stay_near_float32_and_normalisation_keeps_its_own() -> None:
    exact, half = small_backbone(), small_backbone()
    replace_attention(half.tower)
    keep_weights_in(torch.bfloat16, half.tower)
    half.autocast = torch.bfloat16
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


def test_bfloat16_is_for_processors_that_are_faster_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for matrix_units, instructions, maker, precision in (
        (True, True, "GenuineIntel", "bfloat16"),
        (False, True, "GenuineIntel", "float32"),
        (False, True, "AuthenticAMD", "bfloat16"),
        (False, False, "AuthenticAMD", "float32"),
    ):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has=matrix_units: has)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=instructions: has)
        monkeypatch.setattr(backbones, "_processor_maker", lambda maker=maker: f"vendor_id : {maker}")
        assert best_precision("cpu") == precision
    with pytest.raises(UserError, match="precision is 'int8'; it must be one of: float32, bfloat16"):
        load_backbone("tiny", "cpu", precision="int8")
