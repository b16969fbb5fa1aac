"""What methods share: Adam, the memory of the surest, prototypes, views of an image."""

from dataclasses import replace

import pytest
import torch
from helpers import CLASSES, method_of, random_images, small_backbone
from torch import nn

from cliptta_demo.backend.methods.adaptation import AdaptationState, adam_step
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.memory import ConfidentMemory
from cliptta_demo.backend.methods.per_image import draw_boxes
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.normalisation import find_normalisation
from cliptta_demo.backend.settings import AdaptationSettings

SETTINGS = AdaptationSettings(learning_rate=1e-2, steps=3, memory_shots=2, memory_sample=6)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


def make(name: str, backbone: Backbone, settings: AdaptationSettings = SETTINGS) -> Method:
    return method_of(name, backbone, backbone.prototypes(CLASSES), settings)


def same(first: AdaptationState, second: AdaptationState) -> bool:
    names = ("values", "first_moment", "second_moment", "updates", "skipped")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


def test_everything_filtered_out_still_lets_the_other_terms_act(backbone: Backbone) -> None:
    """Equal images have equal scores; α is their score, and a strict filter keeps none of them."""
    method = make("cliptta-oce", backbone)
    steps = list(method.adapt(random_images(1).expand(6, -1, -1, -1), method.start(), 0))
    assert steps[0].losses["contrastive"].item() == 0
    assert steps[0].losses["regulariser"].item() < 0
    assert len(steps[-1].state.kept["memory"]) == 0
    assert not torch.equal(method.parameters(steps[-1].state), backbone.source_parameters)


@pytest.mark.parametrize(("loss", "gradient"), [(float("nan"), 1.0), (1.0, float("nan")), (1.0, float("inf"))])
def test_adam_skips_what_is_not_finite(loss: float, gradient: float) -> None:
    state = adam_step(AdaptationState.start(torch.ones(4)), torch.tensor(1.0), torch.ones(4), 1e-3)
    bad = torch.tensor([1.0, gradient, 1.0, 1.0])
    after = adam_step(state, torch.tensor(loss), bad, 1e-3)
    assert after.skipped.item() == 1
    assert same(replace(after, skipped=state.skipped), state)


def test_adam_equals_torch() -> None:
    start = torch.randn(50, generator=torch.Generator().manual_seed(0))
    state = AdaptationState.start(start)
    reference = nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([reference], lr=1e-3, betas=(0.9, 0.999), eps=1e-6)
    for step in range(20):
        gradient = torch.randn(50, generator=torch.Generator().manual_seed(step + 1))
        state = adam_step(state, torch.zeros(()), gradient, 1e-3)
        reference.grad = gradient
        optimizer.step()
    torch.testing.assert_close(state.values, reference.detach(), atol=1e-7, rtol=1e-6)


def test_a_tower_without_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="no normalisation layer"):
        find_normalisation(nn.Linear(3, 3))


def test_memory_keeps_the_most_confident_of_each_class() -> None:
    images = random_images(6)
    memory = ConfidentMemory.empty_like(images)
    assert len(memory) == 0
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    confidence = torch.tensor([0.3, 0.9, 0.5, 0.4, 0.4, 0.1])
    memory = memory.insert(images, labels, confidence, shots=2)
    assert memory.labels.tolist() == [0, 0, 1, 1, 2]
    assert memory.confidence.tolist() == pytest.approx([0.9, 0.5, 0.4, 0.4, 0.1])
    assert torch.equal(memory.images, images[[1, 2, 3, 4, 5]])
    assert memory.images.dtype == torch.uint8
    later = memory.insert(images[:1], torch.tensor([1]), torch.tensor([0.4]), shots=2)
    assert torch.equal(later.images, memory.images)  # on equal confidence the older ones stay
    assert len(memory.insert(images, labels, confidence, shots=0)) == 0


def test_a_memory_sample_is_seeded_distinct_and_balanced_over_the_classes() -> None:
    images = random_images(23)
    labels = torch.tensor([0] * 12 + [1] * 8 + [2] * 3)
    memory = ConfidentMemory.empty_like(images).insert(images, labels, torch.ones(23), shots=12)

    def drawn(size: int, classes: int, seed: int) -> tuple[list[int], list[int]]:
        rows = memory.sample(size, classes, torch.Generator().manual_seed(seed)).tolist()
        assert rows == sorted(set(rows))
        return memory.labels[rows].tolist(), rows

    # max(1, size // classes) of a class that holds more, all of one that holds fewer, as in the authors' release
    for size, classes, counts in ((20, 4, [5, 5, 3]), (8, 4, [2, 2, 2]), (2, 4, [1, 1, 1]), (48, 4, [12, 8, 3])):
        found, rows = drawn(size, classes, 1)
        assert [found.count(number) for number in range(3)] == counts
        assert rows == drawn(size, classes, 1)[1]
    assert len({tuple(drawn(8, 4, seed)[1]) for seed in range(5)}) > 1
    assert torch.equal(memory.sample(48, 4, torch.Generator()), torch.arange(23))
    empty = ConfidentMemory.empty_like(images)
    assert len(empty.sample(4, 4, torch.Generator())) == 0


def test_prototypes_are_unit_length_cached_and_read_underscores_as_spaces(backbone: Backbone) -> None:
    prototypes = backbone.prototypes(["fire_truck", "cat"], ["{}", "a {}"])
    torch.testing.assert_close(prototypes.norm(dim=1), torch.ones(2))
    assert torch.equal(prototypes, backbone.prototypes(["fire truck", "cat"], ["{}", "a {}"]))
    assert backbone.prototypes(CLASSES) is backbone.prototypes(CLASSES)


def test_boxes_lie_in_the_image_and_the_first_is_the_image() -> None:
    boxes = draw_boxes(20, 64, 32, seed=3)
    top, left, height, width, mirrored = boxes.unbind(-1)
    assert boxes.dtype == torch.int64
    assert (boxes >= 0).all()
    assert ((top + height <= 32) & (left + width <= 32) & (height > 0) & (width > 0)).all()
    assert torch.equal(boxes[:, 0], torch.tensor([0, 0, 32, 32, 0]).expand(20, 5))
    assert set(mirrored.unique().tolist()) == {0, 1}
    assert torch.equal(boxes, draw_boxes(20, 64, 32, seed=3))
    assert not torch.equal(boxes, draw_boxes(20, 64, 32, seed=4))
