"""What methods share: Adam, memories, prototypes, views of an image, the rate and steps that are their own."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from helpers import CLASSES, labelled_source, last, method_of, random_images, settings_for
from torch import nn
from torch.nn import functional as F

from cliptta_demo.backend.methods import recorded as chosen_module
from cliptta_demo.backend.methods.adaptation import AdaptationState, adam_step
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.memory import ConfidentMemory
from cliptta_demo.backend.methods.per_image import draw_boxes
from cliptta_demo.backend.methods.recorded import Chosen, with_chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.towers import find_normalisation
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings

SETTINGS = AdaptationSettings(learning_rate=1e-2, steps=3, memory_shots=2, memory_sample=6)


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


# ---------------------------------------------------------------- RoTTA, SoTTA and STAMP

FAMILY = [name for name, kind in METHODS.items() if kind.family == "memory"]
CAPACITY = 4


def remembering(name: str, backbone: Backbone, classes: int = 2, **own: Any) -> Method:
    settings = AdaptationSettings(learning_rate=1e-2, steps=2)
    features = backbone.embed(random_images(classes, seed=100))
    prototypes = F.normalize(features - features.mean(dim=0), dim=1)  # predictions spread over the classes
    return method_of(name, backbone, prototypes, settings, **own)


def after(method: Method, *batches: torch.Tensor, seed: int = 0) -> AdaptationState:
    state = method.start()
    for number, images in enumerate(batches):
        state = last(method, images, state, seed + number).state
    return state


def test_an_image_without_a_finite_prediction_is_not_remembered(backbone: Backbone) -> None:
    for name, poison in product(FAMILY, (float("nan"), float("inf"))):
        images = random_images(6).float() / 255
        images[2, 0, 0, 0] = poison
        state = after(remembering(name, backbone), images)
        assert state.kept["memory"].numbers
        assert 2 not in state.kept["memory"].numbers
        assert (int(state.skipped), int(state.updates) > 0) == (0, True)


@pytest.mark.parametrize("name", FAMILY)
def test_a_memory_holds_images_as_they_came_and_no_more_than_said(name: str, backbone: Backbone) -> None:
    batches = [random_images(8, seed) for seed in range(3)]
    method = remembering(name, backbone, capacity=CAPACITY)
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
    method = remembering(name, backbone, classes=5, capacity=CAPACITY)
    batches = [random_images(8, seed) for seed in range(3)]
    one, same, other = (after(method, *batches, seed=seed) for seed in (0, 0, 50))
    assert one.kept["memory"].items == same.kept["memory"].items
    assert torch.equal(one.values, same.values)
    assert one.kept["memory"].items != other.kept["memory"].items


def test_rottas_teacher_can_predict(backbone: Backbone) -> None:
    methods, images = [remembering("rotta", backbone, predicts=who) for who in ("student", "teacher")], random_images(8)
    one, other = (last(method, images) for method in methods)
    assert torch.equal(one.state.values, other.state.values)
    expected = backbone.embed(images, other.state.kept["teacher"]) @ methods[1].prototypes.T
    torch.testing.assert_close(other.cosines, expected)
    assert not torch.allclose(one.cosines, other.cosines, atol=1e-4)


# ---------------------------------------------------------------- each method's own rate and steps

OWN_RATES = settings_for("tent", "cliptta", batch_size=4, batches=5, steps=2, memory_shots=0)


def test_own_rate_and_steps_are_used_where_they_are_asked_for(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(OWN_RATES, adaptation=replace(OWN_RATES.adaptation, rates="own"))
    monkeypatch.setattr(chosen_module, "chosen", lambda: {"tent": Chosen(rate=0.5, steps=3, gain=1.0, error=0.1)})
    assert with_chosen(OWN_RATES, "tent") is OWN_RATES
    assert with_chosen(own, "cliptta") is own
    assert with_chosen(own, "tent").adaptation.learning_rate == 0.5 * own.adaptation.learning_rate
    state, _ = next(Experiment(own, backbone, labelled_source()).run())
    assert [int(state.adaptations[name].updates) for name in OWN_RATES.methods] == [3, 2]


@pytest.mark.parametrize(
    ("method", "rate", "steps"),
    [
        ("tpt", "tpt.learning_rate", "tpt.steps"),
        ("rlcf", "learning_rate", "rlcf.steps"),
        ("watt-s", "learning_rate", None),
        ("zero", None, None),
    ],
)
def test_rate_and_steps_are_the_methods_own_where_it_has_some(
    method: str, rate: str | None, steps: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (name_for(method, "learning_rate"), name_for(method, "steps")) == (rate, steps)
    monkeypatch.setattr(chosen_module, "chosen", lambda: {method: Chosen(rate=2, steps=7, gain=1.0, error=0.1)})
    before = RunSettings(methods=(method,), adaptation=AdaptationSettings(rates="own"))
    after = with_chosen(before, method)
    told = METHODS[method].outline(before, 5)
    assert (told.settings, told.own) == (after.adaptation, after.own.get(method))
    if rate:
        assert after.flat()[rate] == 2 * before.flat()[rate]
    if steps:
        assert after.flat()[steps] == 7 != before.flat()[steps]
