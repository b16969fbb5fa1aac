"""Methods that take one image at a time: each image stands alone, the batch is seen to grow, nothing is kept."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch
from golden_methods import golden_backbone
from helpers import CLASSES, EMBEDDING, method_of, random_images, small_backbone
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.methods.per_image import REPORTS, PerImage
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.rlcf import reward_loss
from cliptta_demo.backend.methods.task import Task
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK, Towers
from cliptta_demo.backend.settings import AdaptationSettings

NAMES = [name for name, kind in METHODS.items() if issubclass(kind, PerImage)]
WORDS = ("ant", "bee", "cat")  # of the golden vocabulary
SETTINGS = AdaptationSettings(learning_rate=1e-3)
FEW = {"views": 6, "share": 0.5}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


def with_text(name: str, backbone: Backbone, prompts_at_once: int | None = None) -> PerImage:
    """The method on the golden tower, which has a real text side."""
    prototypes = backbone.prototypes(WORDS, ["a photo of a {}."])
    kind = METHODS[name]
    return kind(
        Task(
            backbone=backbone,
            prototypes=prototypes,
            settings=SETTINGS,
            own=kind.own(**FEW),
            class_names=WORDS,
            prompts_at_once=prompts_at_once,
        )
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_image_that_can_not_be_read_spoils_no_other_and_nothing_is_carried_on(name: str, backbone: Backbone) -> None:
    method = method_of(name, backbone, backbone.prototypes(CLASSES), SETTINGS)
    images = random_images(4).float() / 255
    *_, clean = method.adapt(images, None, 0)
    poisoned = images.clone()
    poisoned[1] = torch.nan
    *_, spoilt = method.adapt(poisoned, method.start(), 0)
    others = [0, 2, 3]
    torch.testing.assert_close(spoilt.cosines[others], clean.cosines[others], atol=1e-5, rtol=0)
    assert spoilt.cosines[1].isnan().all()
    assert method.skipped(spoilt.state) == method.task.own.steps
    assert (clean.state.skipped, clean.state.updates) == (0, method.task.own.steps)
    *_, again = method.adapt(images, spoilt.state, 0)
    assert torch.equal(again.cosines, clean.cosines)
    assert method.skipped(again.state) == method.task.own.steps


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_seen_to_grow_image_by_image(name: str, backbone: Backbone) -> None:
    method = method_of(name, backbone, backbone.prototypes(CLASSES), SETTINGS)
    method.rest = Mock()
    first, *middle, end = method.adapt(random_images(2 * REPORTS), None, 0)
    assert [moment.step for moment in (first, *middle, end)] == list(range(REPORTS + 1))
    for moment in middle:
        done = 2 * moment.step
        assert torch.equal(moment.cosines[:done], end.cosines[:done])
        assert torch.equal(moment.cosines[done:], first.cosines[done:])
        assert moment.state is None
    assert (end.cosines != first.cosines).any(dim=1).all()
    assert method.rest.call_count >= 2 * REPORTS * (1 + method.task.own.steps)  # before each step, and before the end


@pytest.mark.parametrize("name", ["tpt", "r-tpt", "rlcf-prompt"])
def test_prompts_in_pieces_give_the_same(name: str) -> None:
    backbone = golden_backbone()
    images = random_images(2).float() / 255
    *_, whole = with_text(name, backbone).adapt(images, None, 0)
    method = with_text(name, backbone, prompts_at_once=3)
    method.rest = Mock()
    *_, cut = method.adapt(images, None, 0)
    torch.testing.assert_close(cut.cosines, whole.cosines, atol=1e-4, rtol=0)
    assert method.rest.call_count > 2 * 2 * len(WORDS)  # one prompt there, and back


@pytest.mark.parametrize("name", ["tpt", "rlcf-prompt"])
def test_the_text_tower_does_no_more_than_is_said(name: str) -> None:
    backbone = golden_backbone()
    method = with_text(name, backbone)
    towers, cost = Towers.of(backbone), method.cost(method.task.outline, 2)
    backbone.images_that_fit()
    with FlopCounterMode(display=False) as counter:
        list(method.adapt(random_images(2), None, 0))
    said = towers.image * cost.forward + towers.prompt * (cost.prompts + THERE_AND_BACK * cost.trained_prompts)
    assert cost.trained == 0
    assert 0.6 * said < counter.get_total_flops() / 1e9 <= 1.05 * said


@pytest.mark.parametrize("name", NAMES)
def test_in_bfloat16_and_with_integers_all_is_finite(name: str) -> None:
    method = with_text(name, golden_backbone("bfloat16"))
    *_, end = method.adapt(random_images(2), None, 0)
    assert end.cosines.isfinite().all()
    assert end.cosines.dtype == torch.float32
    assert method.skipped(end.state) == 0


def test_alone_an_image_keeps_the_sources_statistics() -> None:
    tower = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(7200, EMBEDDING))
    backbone = small_backbone(tower)
    images = random_images(3)
    source = backbone.embed(images)
    torch.testing.assert_close(backbone.embed(images, backbone.source_parameters, alone=True), source)
    assert not torch.allclose(backbone.embed(images, backbone.source_parameters), source)
    whole, parts = (
        method_of("rlcf", backbone, backbone.prototypes(CLASSES), SETTINGS, at_once=at_once) for at_once in (None, 1)
    )
    *_, expected = whole.adapt(images, None, 0)
    *_, cut = parts.adapt(images, None, 0)
    torch.testing.assert_close(cut.cosines, expected.cosines, atol=1e-4, rtol=0)
    assert max(whole.drift(expected.state)) > 0


def test_equal_views_count_alike_and_likeness_counts_more(backbone: Backbone) -> None:
    method = method_of("r-tpt", backbone, backbone.prototypes(CLASSES), SETTINGS)
    one, other = torch.eye(EMBEDDING)[:2]
    assert method.weights(one.expand(5, -1)).tolist() == pytest.approx([0.2] * 5)
    alike = method.weights(torch.stack([one, one, one, other]))
    assert alike[:3].tolist() == pytest.approx([1 / 3] * 3)
    assert alike[3] < 1e-6


def test_a_reward_makes_the_better_guess_likelier() -> None:
    logits = torch.tensor([[2.0, 1.0, -5.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(reward_loss(logits, torch.tensor([[0.1, 0.3, 0.9]]), 2), logits)
    assert slope[0, 1] < 0 < slope[0, 0]  # downhill is up for the class that the reward model prefers of the two
    for nothing in (torch.tensor([[-0.1, -0.3, 0.9]]), torch.tensor([[0.2, 0.2, 0.9]])):  # cut at 0; all alike
        assert reward_loss(logits, nothing, 2).item() == 0
    assert reward_loss(logits[:, :1], torch.tensor([[0.5]]), 3).item() == 0  # one class


def test_what_the_steps_learn_from_is_rounded_down_to_one_view_at_least() -> None:
    own = METHODS["tpt"].own()
    assert [replace(own, views=views).chosen for views in (2, 9, 32, 64)] == [1, 1, 3, 6]
