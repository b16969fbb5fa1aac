"""Narrowing keeps the channels that matter, and nothing changes where the others gave nothing."""

import pytest
import torch

from cliptta_demo.backend.models.tiny_tower import NARROW, WIDE, TinyTower
from training.narrowing import blocks_of, importance, narrowed


@pytest.fixture
def tower() -> TinyTower:
    """A wide tower with random weights and statistics."""
    torch.manual_seed(0)
    tower = TinyTower(inner=WIDE).eval()
    with torch.no_grad():
        for module in tower.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.running_var.uniform_(0.5, 1.5)
                module.running_mean.normal_(std=0.1)
    return tower


@torch.no_grad()
def test_channels_that_carry_nothing_are_dropped_without_a_trace(tower: TinyTower) -> None:
    images = torch.randn(4, 3, 64, 64)
    silent = []
    for block, keep in zip(blocks_of(tower), NARROW, strict=True):
        chosen = torch.randperm(block.first[0].out_channels)[keep:]
        block.second[0].weight[:, chosen] = 0
        silent.append(chosen)
    scores = importance(tower, images)
    for score, chosen in zip(scores, silent, strict=True):
        assert score[chosen].eq(0).all()
    smaller = narrowed(tower, scores, NARROW).eval()
    assert [block.first[0].out_channels for block in blocks_of(smaller)] == list(NARROW)
    assert torch.allclose(smaller(images), tower(images), atol=1e-4)
    fewer = narrowed(tower, scores, (16, 48, 64)).eval()  # these gave something
    difference = (fewer(images) - tower(images)).abs().max()
    assert difference > 10 * (smaller(images) - tower(images)).abs().max(), difference


@torch.no_grad()
def test_importance_is_what_a_channel_adds_to_the_output(tower: TinyTower) -> None:
    images = torch.randn(4, 3, 64, 64)
    block = blocks_of(tower)[0]
    convolution, norm = block.second[0], block.second[1]
    middle = convolution.weight[..., 1:2, 1:2].clone()
    convolution.weight.zero_()[..., 1:2, 1:2] = middle  # each pixel alone: what is added can be told exactly
    inner: list[torch.Tensor] = []
    hook = block.first.register_forward_hook(lambda _module, _inputs, output: inner.append(output.clone()))
    scores = importance(tower, images)[0]
    hook.remove()
    alone = torch.zeros_like(inner[0])
    alone[:, 5] = inner[0][:, 5]
    added = convolution(alone) * (norm.weight / (norm.running_var + norm.eps).sqrt())[:, None, None]
    torch.testing.assert_close(scores[5], added.square().sum(1).mean())
    assert not tower.training


def test_more_channels_than_there_are_can_not_be_kept(tower: TinyTower) -> None:
    scores = importance(tower, torch.randn(2, 3, 64, 64))
    with pytest.raises(ValueError, match=r"inner is \(65, 128, 256\); each must be 1 to .*64"):
        narrowed(tower, scores, (65, 128, 256))
