"""RoTTA, SoTTA and STAMP: what they hold, when they learn, and what that takes. The golden file has their rules."""

from itertools import product
from typing import Any

import pytest
import torch
from helpers import method_of, random_images, small_backbone
from torch.nn import functional as F

from cliptta_demo.backend.methods.adaptation import AdaptationState
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.settings import AdaptationSettings

FAMILY = [name for name, kind in METHODS.items() if kind.family == "memory"]
CAPACITY = 4


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


def make(name: str, backbone: Backbone, steps: int = 2, classes: int = 2, **own: Any) -> Method:
    settings = AdaptationSettings(learning_rate=1e-2, steps=steps)
    features = backbone.embed(random_images(classes, seed=100))
    prototypes = F.normalize(features - features.mean(dim=0), dim=1)  # predictions spread over the classes
    return method_of(name, backbone, prototypes, settings, **own)


def after(method: Method, *batches: torch.Tensor, seed: int = 0) -> AdaptationState:
    state = method.start()
    for number, images in enumerate(batches):
        *_, end = method.adapt(images, state, seed + number)
        state = end.state
    return state


def test_an_image_without_a_finite_prediction_is_not_remembered(backbone: Backbone) -> None:
    for name, poison in product(FAMILY, (float("nan"), float("inf"))):
        images = random_images(6).float() / 255
        images[2, 0, 0, 0] = poison
        state = after(make(name, backbone), images)
        assert state.kept["memory"].numbers
        assert 2 not in state.kept["memory"].numbers
        assert (int(state.skipped), int(state.updates) > 0) == (0, True)


@pytest.mark.parametrize("name", FAMILY)
def test_a_memory_holds_images_as_they_came_and_no_more_than_said(name: str, backbone: Backbone) -> None:
    batches = [random_images(8, seed) for seed in range(3)]
    method = make(name, backbone, capacity=CAPACITY)
    state = after(method, *batches)
    memory = state.kept["memory"]
    assert len(memory.items) == CAPACITY
    assert memory.numbers == tuple(sorted({item.number for item in memory.items}))  # held twice, kept once
    assert torch.equal(memory.images, torch.cat(batches)[list(memory.numbers)])
    assert memory.images.dtype == torch.uint8
    assert len(memory.images) <= method.keeps(method.task.outline, backbone)[0] == CAPACITY
    moved = state.to("meta").kept["memory"]
    assert (moved.images.device.type, moved.items) == ("meta", memory.items)


@pytest.mark.parametrize("name", ["sotta", "stamp"])
def test_who_has_to_go_is_drawn_from_the_seed(name: str, backbone: Backbone) -> None:
    method = make(name, backbone, classes=5, capacity=CAPACITY)
    batches = [random_images(8, seed) for seed in range(3)]
    one, same, other = (after(method, *batches, seed=seed) for seed in (0, 0, 50))
    assert one.kept["memory"].items == same.kept["memory"].items
    assert torch.equal(one.values, same.values)
    assert one.kept["memory"].items != other.kept["memory"].items


def test_rottas_teacher_can_predict(backbone: Backbone) -> None:
    batches = [random_images(8)]
    (student, teacher), state = (make("rotta", backbone, predicts=who) for who in ("student", "teacher")), None
    one, other = (list(method.adapt(batches[0], state, 0))[-1] for method in (student, teacher))
    assert torch.equal(one.state.values, other.state.values)
    expected = backbone.embed(batches[0], other.state.kept["teacher"]) @ teacher.prototypes.T
    torch.testing.assert_close(other.cosines, expected)
    assert not torch.allclose(one.cosines, other.cosines, atol=1e-4)


def test_stamps_learning_rate_falls_to_nothing(backbone: Backbone) -> None:
    two, three = (after(make("stamp", backbone, steps=steps, schedule=2), random_images(8)) for steps in (2, 3))
    assert (int(two.updates), int(three.updates)) == (2, 3)
    torch.testing.assert_close(two.values, three.values, atol=1e-9, rtol=0)
