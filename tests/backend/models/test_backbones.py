"""Backbones load through open_clip's real code: the built-in one, and checkpoints written to disk here."""

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from checkpoints import ARCHITECTURES
from helpers import OWN_SETTINGS, SHAPES

from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.models import loading as backbones
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings


def run_all(backbone: Backbone) -> np.ndarray:
    """One method of each shape runs, stays finite and leaves the model as it was; CLIPTTA's cosines in the end."""
    before = {key: value.clone() for key, value in backbone.tower.state_dict().items()}
    size = backbone.info.image_size
    pixels = torch.randint(0, 256, (8, 3, size, size), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    source = GivenImages(pixels, ("cat", "dog", "ship"), torch.zeros(8, dtype=torch.int64))
    settings = RunSettings(
        methods=SHAPES,
        stream=StreamSettings(batch_size=4, batches=2),
        adaptation=AdaptationSettings(steps=2, learning_rate=1e-3),
        own=OWN_SETTINGS,
    )
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
