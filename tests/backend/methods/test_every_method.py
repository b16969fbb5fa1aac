"""What the engine promises of a method, tried with every one of them on a small tower with a text side."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from golden_methods import LOGIT_SCALE, golden, golden_backbone
from helpers import random_images
from torch import Tensor, nn

from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.task import Task
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.gathering import Gathering
from cliptta_demo.backend.run.reading import read
from cliptta_demo.backend.settings import AdaptationSettings

NAMES = tuple(golden()["text/class_names"])
# WATT's own 80 steps a batch are followed in test_golden_methods.py.
OWN = {name: {"rounds": 2, "repeats": 1} for name in ("watt-p", "watt-s")} | {"rotta": {"update_every": 4}}
BY_BATCH = ("batch-statistics", "tent-batch")  # on the golden tower, which has no batch normalisation, they are others
FIRST, SECOND = random_images(6, seed=1), random_images(6, seed=2)


@pytest.fixture(params=METHODS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def made(name: str, names: Sequence[str] = NAMES, at_once: int | None = None) -> Method:
    backbone, kind = golden_backbone(), METHODS[name]
    if name in BY_BATCH:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            tower = nn.Sequential(nn.Conv2d(3, 32, 5, 4), nn.BatchNorm2d(32), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        backbone = Backbone(backbone.info, tower, backbone.encode_text, logit_scale=LOGIT_SCALE)
        backbone.batch_statistics = False  # of the other methods
    templates = ("a photo of a {}.",)
    task = Task(
        backbone=backbone,
        prototypes=backbone.prototypes(names, templates),
        settings=AdaptationSettings(learning_rate=1e-3, steps=2, memory_shots=2, memory_sample=6),
        own=kind.own(**OWN.get(name, {})) if kind.own else None,
        class_names=tuple(names),
        templates=templates,
        images_at_once=at_once,
    )
    return kind(task)


class Noted(AdaptationSettings):
    """Settings that tell which of them were read."""

    READ: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        Noted.READ.add(name)
        return super().__getattribute__(name)


def test_a_method_reads_the_settings_that_it_names_and_no_others(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where memory runs out, nor where it says what it takes."""
    plain = made(name)
    method = type(plain)(replace(plain.task, settings=Noted(steps=2, memory_shots=2, memory_sample=6)))
    forward, outline = method.backbone.tower.forward, method.task.outline
    assert method.backbone.images_that_fit() > 6
    full = iter([torch.OutOfMemoryError("CUDA out of memory.")] * (name not in BY_BATCH))  # they can't be cut

    def first_refused(*given: Any) -> Any:
        for error in full:
            raise error
        return forward(*given)

    monkeypatch.setattr(method.backbone.tower, "forward", first_refused)
    Noted.READ.clear()
    last(method, SECOND, last(method, FIRST, method.start()).state)
    method.cost(outline, 6)
    method.keeps(outline, method.backbone)
    method.clean_batches(outline)
    assert {setting for setting in Noted.READ if not setting.startswith("__")} == set(method.uses)


def last(method: Method, images: Tensor, state: AdaptationState | None, seed: int = 0) -> Progress:
    return last_of(method.adapt(images, state, seed))


def last_of(moments: Iterator[Progress | None]) -> Progress:
    *_, progress = moments
    return progress


def numbers(method: Method, progress: Progress) -> Tensor:
    """Probabilities, all of which must be finite."""
    reading = read(progress, method.backbone)
    assert reading.unread == 0
    assert torch.isfinite(reading.probabilities).all()
    return reading.probabilities


def test_a_state_goes_on_in_another_process_and_beside_other_visitors(name: str) -> None:
    method = made(name)
    begun = last(method, FIRST, method.start())
    alone = numbers(method, last(method, SECOND, begun.state, seed=1))
    kept = pickle.loads(pickle.dumps(begun.state))
    mine, other = method.adapt(SECOND, kept, 1), method.adapt(FIRST, method.start(), 5)
    moments: list[Progress | None] = []
    turns: list[Iterator[Progress | None]] = [mine, other]
    while turns:
        for work in tuple(turns):
            try:
                moment = next(work)
            except StopIteration:
                turns.remove(work)
                continue
            if work is mine:
                moments.append(moment)
    assert torch.equal(numbers(method, [moment for moment in moments if moment][-1]), alone)


def test_whoever_stops_in_the_middle_has_changed_nothing(name: str) -> None:
    method = made(name)
    state = last(method, FIRST, method.start()).state
    before = pickle.dumps(state)
    work = method.adapt(SECOND, state, 1)
    next(work)
    work.close()
    assert pickle.dumps(state) == before


@pytest.mark.parametrize(
    "images",
    [torch.zeros(3, 3, 32, 32, dtype=torch.uint8), FIRST[:1].expand(5, -1, -1, -1), FIRST[:1]],
    ids=["black", "all alike", "one"],
)
def test_odd_batches_give_finite_numbers(name: str, images: Tensor) -> None:
    method = made(name)
    state = method.start()
    for seed in range(2):
        progress = last(method, images, state, seed)
        numbers(method, progress)
        state = progress.state
    assert method.skipped(state) == 0


@pytest.mark.parametrize("names", [NAMES[:2], (NAMES[0], *NAMES[:2]), (NAMES * 34)[:200]], ids=["2", "twice", "200"])
def test_two_classes_one_named_twice_and_two_hundred(name: str, names: Sequence[str]) -> None:
    method = made(name, names)
    progress = last(method, FIRST[:3], method.start())
    assert numbers(method, progress).shape == (3, len(names))
    assert method.skipped(progress.state) == 0


def test_a_full_window_is_a_batch_and_before_it_nothing_moves(name: str) -> None:
    method = made(name)
    begun = last(method, FIRST, method.start()).state
    waits = last_of(Gathering.of((), SECOND[:4], 0, 2).work(method, begun, 1))
    fills = last_of(Gathering.of((SECOND[:4],), SECOND[4:], 1, 2).work(method, waits.state, 1))
    if not method.by_window:
        assert torch.equal(numbers(method, fills), numbers(method, last(method, SECOND[4:], waits.state, 1)))
        return
    assert waits.state is begun
    alike = last_of(method.follow(SECOND[:4], 4, False, begun, 2))
    assert torch.equal(numbers(method, waits), numbers(method, alike))
    assert torch.equal(numbers(method, fills), numbers(method, last(method, SECOND, begun, 1))[4:])


def test_smaller_pieces_give_the_same_numbers(name: str) -> None:
    whole, pieces = made(name), made(name, at_once=4)
    expected = numbers(whole, last(whole, FIRST, whole.start()))
    assert numbers(pieces, last(pieces, FIRST, pieces.start())) == pytest.approx(expected, abs=2e-3)
