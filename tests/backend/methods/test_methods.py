"""Methods and state: the corner cases of the adaptation loop, and that sessions share a model without touching it."""

from __future__ import annotations

import pickle
import threading
from dataclasses import replace

import pytest
import torch
from helpers import CLASSES, method_of, random_images, small_backbone
from torch import Tensor, nn

from cliptta_demo.backend.methods import adaptation
from cliptta_demo.backend.methods.adaptation import AdaptationState, Prepared, Progress, adam_step, falling_rate
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.memory import ConfidentMemory
from cliptta_demo.backend.methods.per_image import PerImage
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.normalisation import find_normalisation
from cliptta_demo.backend.settings import AdaptationSettings

ADAPTING = [name for name, kind in METHODS.items() if kind.adapts and not issubclass(kind, PerImage)]
FORGETTING = ("clipartt", "watt-p", "watt-s")  # each batch anew
SETTINGS = AdaptationSettings(learning_rate=1e-2, steps=3, memory_shots=2, memory_sample=6)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


def make(name: str, backbone: Backbone, settings: AdaptationSettings = SETTINGS) -> Method:
    return method_of(name, backbone, backbone.prototypes(CLASSES), settings)


def last(method: Method, images: Tensor, state: AdaptationState | None = None, seed: int = 0) -> Progress:
    *_, progress = method.adapt(images, state if state is not None else method.start(), seed)
    return progress


def same(first: AdaptationState, second: AdaptationState) -> bool:
    names = ("values", "first_moment", "second_moment", "updates", "skipped")
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("case", ["one image", "identical images"])
def test_odd_batches_stay_finite(name: str, case: str, backbone: Backbone) -> None:
    images = random_images(1) if case == "one image" else random_images(1).expand(8, -1, -1, -1)
    progress = last(make(name, backbone), images)
    assert torch.isfinite(progress.cosines).all()
    if progress.state is not None:
        assert torch.isfinite(progress.state.values).all()
        assert progress.state.skipped.item() == 0


@pytest.mark.parametrize("name", ADAPTING)
def test_a_state_keeps_no_graph(name: str, backbone: Backbone) -> None:
    state = last(make(name, backbone), random_images(4)).state
    assert not any(tensor.requires_grad for tensor in (state.values, state.first_moment, state.second_moment))


@pytest.mark.parametrize("name", ADAPTING)
def test_one_class_stays_finite(name: str, backbone: Backbone) -> None:
    method = method_of(name, backbone, backbone.prototypes(["cat"]), SETTINGS)
    progress = last(method, random_images(4))
    assert torch.isfinite(progress.cosines).all()


def test_everything_filtered_out_still_lets_the_other_terms_act(backbone: Backbone) -> None:
    """Equal images have equal scores; α is their score, and a strict filter keeps none of them."""
    method = make("cliptta-oce", backbone)
    steps = list(method.adapt(random_images(1).expand(6, -1, -1, -1), method.start(), 0))
    assert steps[0].losses["contrastive"].item() == 0
    assert steps[0].losses["regulariser"].item() < 0
    assert len(steps[-1].state.kept["memory"]) == 0
    assert not torch.equal(method.parameters(steps[-1].state), backbone.source_parameters)


@pytest.mark.parametrize("name", [name for name in ADAPTING if METHODS[name].family != "memory"])
@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_step_that_is_not_finite_is_skipped_and_counted(name: str, poison: float, backbone: Backbone) -> None:
    images = random_images(6).float() / 255
    images[2, 0, 0, 0] = poison
    method = make(name, backbone)
    state = last(method, random_images(6, seed=1).float() / 255).state
    began = method.begin(Prepared(backbone, images), state, 0)  # some start anew with each batch
    after = last(method, images, state).state
    assert after.skipped.item() == method.steps(method.task.outline)
    assert torch.equal(after.values, began.values)
    assert after.updates.item() == began.updates.item()
    healthy = last(method, random_images(6, seed=2).float() / 255, after).state
    assert healthy.skipped.item() == after.skipped.item()
    assert not torch.equal(healthy.values, after.values)


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


def test_the_rate_halves_after_so_many_batches_and_stays_where_none_is_named() -> None:
    def rate(batches: float, halves: int) -> float:
        return float(falling_rate(0.6, halves, torch.tensor(round(batches * 4)), 4))

    assert rate(0, 8) == rate(100, 0) == 0.6
    assert [rate(batches, 8) for batches in (8, 16, 4.5)] == pytest.approx([0.3, 0.2, 0.6 / 1.5625])


@pytest.mark.parametrize("name", sorted({*ADAPTING} - {*FORGETTING, "rotta"}))  # RoTTA's rate falls within a batch too
def test_a_method_that_goes_on_takes_the_fallen_rate_and_starts_anew_with_all_of_it(
    name: str, backbone: Backbone
) -> None:
    constant, falling = replace(SETTINGS, steps=1), replace(SETTINGS, steps=1, rate_halves=2)
    half = replace(constant, learning_rate=SETTINGS.learning_rate / 2)
    start = make(name, backbone, constant).start()
    later = replace(last(make(name, backbone, constant), random_images(8)).state, updates=torch.tensor(2))
    for state, equal in ((start, constant), (later, half)):
        found, wanted = (last(make(name, backbone, each), random_images(8, 1), state) for each in (falling, equal))
        assert same(found.state, wanted.state)


@pytest.mark.parametrize("name", ADAPTING)
def test_only_normalisation_moves_and_the_shared_model_stays(name: str, backbone: Backbone) -> None:
    before = {key: value.clone() for key, value in backbone.tower.state_dict().items()}
    method = make(name, backbone)
    clean = last(make("zero-shot", backbone), random_images(8)).cosines
    progress = last(method, random_images(8))
    assert not torch.equal(progress.cosines, clean)
    assert all(torch.equal(value, before[key]) for key, value in backbone.tower.state_dict().items())
    assert torch.equal(last(make("zero-shot", backbone), random_images(8)).cosines, clean)  # bit for bit
    assert all("ln" in parameter for parameter in backbone.layout.names)


@pytest.mark.parametrize("name", ADAPTING)
def test_stopping_inside_a_batch_changes_nothing(name: str, backbone: Backbone) -> None:
    method = make(name, backbone)
    state = last(method, random_images(8)).state
    kept = pickle.loads(pickle.dumps(state))
    work = method.adapt(random_images(8, seed=1), state, 1)
    next(work)
    next(work)
    work.close()
    assert same(state, kept)
    assert torch.equal(
        last(method, random_images(8, seed=1), state, 1).cosines,
        last(method, random_images(8, seed=1), kept, 1).cosines,
    )


@pytest.mark.parametrize("name", ADAPTING)
def test_a_pickled_state_continues_the_same_run(name: str, backbone: Backbone) -> None:
    method = make(name, backbone)
    first = last(method, random_images(8)).state
    second = last(method, random_images(8, seed=1), first, 1)
    resumed = last(
        make(name, small_backbone()), random_images(8, seed=1), pickle.loads(pickle.dumps(first.to("cpu"))), 1
    )
    assert same(second.state, resumed.state)
    assert torch.equal(second.cosines, resumed.cosines)


def test_sessions_in_threads_do_not_disturb_each_other(backbone: Backbone) -> None:
    names = ADAPTING * 2
    alone = [last(make(name, backbone), random_images(8, seed=i), seed=i).cosines for i, name in enumerate(names)]
    together: list[Tensor | None] = [None] * len(names)

    def work(index: int) -> None:
        together[index] = last(make(names[index], backbone), random_images(8, seed=index), seed=index).cosines

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, beside in zip(alone, together, strict=True):
        torch.testing.assert_close(beside, mine, atol=1e-5, rtol=0)  # another's weights would be a thousandth away


def test_batch_normalisation_uses_the_batch_and_leaves_the_running_statistics() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tower = nn.Sequential(
            nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 32)
        )
    backbone = small_backbone(tower)
    before = {key: value.clone() for key, value in tower.state_dict().items()}
    images = random_images(8)
    source = backbone.embed(images)
    adapted = backbone.embed(images, backbone.source_parameters)
    assert not torch.allclose(source, adapted)  # statistics of the batch, not the running ones
    last(make("tent", backbone), images)
    assert all(torch.equal(value, before[key]) for key, value in tower.state_dict().items())
    assert not tower[1].training


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


def test_a_memory_is_normalised_once_where_it_is_small(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    method, images = make("cliptta", backbone), random_images(10)
    *_, first = method.adapt(images, method.start(), 0)
    counts: list[int] = []
    normalise = backbone.normalise

    def counting(given: Tensor) -> Tensor:
        counts.extend([len(given)] * (given.dtype == torch.uint8))  # others are normalised already
        return normalise(given)

    monkeypatch.setattr(backbone, "normalise", counting)
    ends = []
    for most in (adaptation.MOST_PREPARED, 0):
        monkeypatch.setattr(adaptation, "MOST_PREPARED", most)
        *_, end = method.adapt(images, first.state, 1)
        ends.append((end.state.values, list(counts)))
        counts.clear()
    (values, once), (same, each) = ends
    assert torch.equal(values, same)
    assert len(once) == 2
    assert len(each) == 1 + SETTINGS.steps


def test_an_empty_memory_adds_no_term(backbone: Backbone) -> None:
    method = make("cliptta", backbone, replace(SETTINGS, memory_shots=0))
    steps = list(method.adapt(random_images(6), method.start(), 0))
    assert set(steps[0].losses) == {"contrastive", "regulariser"}
    assert "memory" not in steps[-1].state.kept


def test_prototypes_are_unit_length_cached_and_read_underscores_as_spaces(backbone: Backbone) -> None:
    prototypes = backbone.prototypes(["fire_truck", "cat"], ["{}", "a {}"])
    torch.testing.assert_close(prototypes.norm(dim=1), torch.ones(2))
    assert torch.equal(prototypes, backbone.prototypes(["fire truck", "cat"], ["{}", "a {}"]))
    assert backbone.prototypes(CLASSES) is backbone.prototypes(CLASSES)
