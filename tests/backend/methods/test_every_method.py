"""What the engine promises of a method, tried with every one of them on small towers."""

import pickle
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import pytest
import torch
from golden_methods import LOGIT_SCALE, golden, golden_backbone
from helpers import last, method_of, random_images
from torch import Tensor, nn

from cliptta_demo.backend.methods.adaptation import Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.per_image import PerImage
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Rest
from cliptta_demo.backend.run.arithmetic import nbytes
from cliptta_demo.backend.run.snapshot import read
from cliptta_demo.backend.settings import AdaptationSettings

NAMES = tuple(golden()["text/class_names"])
TEMPLATES = ("a photo of a {}.",)
BY_BATCH = ("batch-statistics", "tent-batch")  # on the golden tower, which has no batch normalisation, they are others
ADAPTING = [name for name, kind in METHODS.items() if kind.adapts and not issubclass(kind, PerImage)]
FORGETTING = ("clipartt", "watt-p", "watt-s", "mint")  # each batch anew
FIRST, SECOND = random_images(6, seed=1), random_images(6, seed=2)


@pytest.fixture(params=METHODS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@cache
def tower(normed: bool, precision: str = "float32") -> Backbone:
    """The golden tower with its text side, or one of batch normalisation that keeps its source's statistics."""
    backbone = golden_backbone(precision)
    if normed:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = nn.Sequential(nn.Conv2d(3, 32, 5, 4), nn.BatchNorm2d(32), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        backbone = Backbone(
            backbone.info, net, backbone.encode_text, logit_scale=LOGIT_SCALE, autocast=backbone.autocast
        )
        backbone.batch_statistics = False
    return backbone


def made(name: str, names: Sequence[str] = NAMES, precision: str = "float32", **changes: Any) -> Method:
    backbone = tower(name in BY_BATCH, precision)
    limits = {key: changes.pop(key) for key in ("images_at_once", "prompts_at_once") if key in changes}
    few = {"learning_rate": 1e-3, "steps": 2, "memory_shots": 2, "memory_sample": 6, **changes}
    about = {"class_names": tuple(names), "templates": TEMPLATES, **limits}
    return method_of(name, backbone, backbone.prototypes(names, TEMPLATES), AdaptationSettings(**few), about=about)


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
    last(method, SECOND, last(method, FIRST).state)
    method.cost(outline, 6)
    method.keeps(outline, method.backbone)
    method.clean_batches(outline)
    assert {setting for setting in Noted.READ if not setting.startswith("__")} == set(method.uses)


def last_of(moments: Iterator[Progress | None]) -> Progress:
    *_, progress = moments
    return progress


def numbers(method: Method, progress: Progress, unread: int = 0) -> Tensor:
    """Probabilities, of all images that could be read."""
    reading = read(progress, method.backbone)
    assert reading.unread == unread
    assert progress.cosines.dtype == torch.float32
    assert int(torch.isfinite(reading.probabilities).all(dim=1).sum()) >= len(progress.cosines) - unread
    return reading.probabilities


def test_a_state_goes_on_in_another_process_and_beside_other_visitors(name: str) -> None:
    method = made(name)
    before = {key: value.clone() for key, value in method.backbone.tower.state_dict().items()}
    begun = last(method, FIRST)
    alone = numbers(method, last(method, SECOND, begun.state, seed=1))
    kept = pickle.loads(pickle.dumps(begun.state if begun.state is None else begun.state.to("cpu")))
    moments: list[Progress | None] = []
    turns = [made(name).adapt(SECOND, kept, 1), method.adapt(FIRST, method.start(), 5)]
    mine = turns[0]
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
    assert all(torch.equal(value, before[key]) for key, value in method.backbone.tower.state_dict().items())
    if name in ADAPTING:
        assert not torch.equal(begun.cosines, last(made("zero-shot"), FIRST).cosines)
        assert not any(tensor.requires_grad for tensor in (begun.state.values, begun.state.first_moment))


def test_threads_do_not_disturb_each_other() -> None:
    for names in ([name for name in METHODS if name not in BY_BATCH], BY_BATCH * 3):
        methods = [made(name) for name in names]
        alone = [last(method, FIRST).cosines for method in methods]
        together: dict[int, Tensor] = {}

        def work(number: int, methods: Sequence[Method], together: dict[int, Tensor]) -> None:
            together[number] = last(methods[number], FIRST).cosines

        threads = [threading.Thread(target=work, args=(number, methods, together)) for number in range(len(names))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number, mine in enumerate(alone):  # another's weights would be a thousandth away
            torch.testing.assert_close(together[number], mine, atol=1e-5, rtol=0)


def test_whoever_stops_in_the_middle_has_changed_nothing(name: str) -> None:
    method = made(name)
    state = last(method, FIRST).state
    before = pickle.dumps(state)
    work = method.adapt(SECOND, state, 1)
    next(work)
    work.close()
    assert pickle.dumps(state) == before


def test_between_batches_no_more_is_kept_than_is_said(name: str) -> None:
    method, state = made(name), None
    for seed in range(3):
        state = last(method, random_images(12, seed), state, seed).state
    images, others = method.keeps(method.task.outline, method.backbone)
    if state is not None:
        assert nbytes(state) <= images * FIRST[0].nbytes + others + 4_000  # and the heads of a few dictionaries


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_odd_batches_give_finite_numbers(name: str, precision: str) -> None:
    """All black, all alike, and one image alone; where no image is left to learn from, all of it still ends well."""
    for images in (torch.zeros(3, *FIRST.shape[1:], dtype=torch.uint8), FIRST[:1].expand(5, -1, -1, -1), FIRST[:1]):
        method = made(name, precision=precision)
        state = method.start()
        for seed in range(2):
            progress = last(method, images, state, seed)
            numbers(method, progress)
            state = progress.state
        assert method.skipped(state) == 0


def test_an_image_that_can_not_be_read_spoils_no_other_and_no_state(name: str) -> None:
    method, kind = made(name, steps=1), METHODS[name]
    spoilt, healthy = FIRST.float() / 255, SECOND.float() / 255
    spoilt[2] = float("nan")
    as_floats, as_bytes = (numbers(method, last(method, images)) for images in (healthy, SECOND))
    torch.testing.assert_close(as_floats, as_bytes, atol=1e-2, rtol=0)
    start = method.start()
    after = last(method, spoilt, start)
    numbers(method, after, len(FIRST) if name in BY_BATCH else 1)
    again = numbers(method, last(method, healthy, after.state))
    if issubclass(kind, PerImage):
        clean, others = last(method, FIRST.float() / 255), [0, 1, 3, 4, 5]
        torch.testing.assert_close(after.cosines[others], clean.cosines[others], atol=1e-5, rtol=0)
        assert torch.equal(again, as_floats)  # nothing is carried on
        assert method.skipped(after.state) == method.task.own.steps
    elif kind.adapts and kind.family != "memory":  # a memory does not take it in
        steps = method.steps(method.task.outline)
        assert int(after.state.skipped) == method.skipped(after.state) == steps
        assert torch.equal(after.state.values, start.values)
        assert int(after.state.updates) == 0
    else:
        assert method.skipped(after.state) == 0


def test_one_class_two_one_named_twice_and_two_hundred(name: str) -> None:
    for names in (NAMES[:1], NAMES[:2], (NAMES[0], *NAMES[:2]), (NAMES * 34)[:200]):
        method = made(name, names)
        progress = last(method, FIRST[:3])
        assert numbers(method, progress).shape == (3, len(names))
        assert method.skipped(progress.state) == 0


def test_a_full_window_is_a_batch_and_before_it_nothing_moves(name: str) -> None:
    method = made(name)
    begun = last(method, FIRST).state
    waits = last_of(method.follow(SECOND[:4], 4, False, begun, 1))
    fills = last_of(method.follow(SECOND, 2, True, waits.state, 1))
    if not method.by_window:
        assert torch.equal(numbers(method, fills), numbers(method, last(method, SECOND[4:], waits.state, 1)))
        return
    assert waits.state is begun
    alike = last_of(method.follow(SECOND[:4], 4, False, begun, 2))
    assert torch.equal(numbers(method, waits), numbers(method, alike))
    assert torch.equal(numbers(method, fills), numbers(method, last(method, SECOND, begun, 1))[4:])


def test_a_missed_batch_is_answered_and_teaches_nothing(name: str) -> None:
    method = made(name)
    begun = last(method, FIRST).state
    missed, later = (last_of(method.miss(SECOND[:end], 4, begun)) for end in (4, 6))
    assert missed.state is begun
    assert numbers(method, missed).shape == numbers(method, later).shape == (4, len(NAMES))
    assert numbers(method, missed).isfinite().all()
    assert (missed.scores is not None) == method.own_scores


def test_smaller_pieces_give_the_same_numbers_and_none_is_larger_than_a_turn(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two rests at most one piece goes through the tower, there or back; what can't be cut goes whole."""
    whole, pieces, passed = made(name), made(name, images_at_once=4, prompts_at_once=3), [0]
    forward, state, other = pieces.backbone.tower.forward, pieces.start(), whole.start()

    def counted(pixels: Tensor) -> Tensor:
        passed[-1] += len(pixels)
        return forward(pixels)

    for seed, images in enumerate((FIRST, SECOND)):  # the second with what the first has left in memory
        expected = last(whole, images, other, seed)
        with monkeypatch.context() as patch:
            patch.setattr(pieces.backbone.tower, "forward", counted)
            pieces.rest = Rest(lambda: passed.append(0))
            *_, end = (pieces.rest() or moment for moment in pieces.adapt(images, state, seed))
        assert numbers(pieces, end) == pytest.approx(numbers(whole, expected), abs=2e-3)
        state, other = end.state, expected.state
    assert 0 < max(passed) <= (len(FIRST) if name in BY_BATCH else 4)


@pytest.mark.parametrize("name", sorted({*ADAPTING} - {*FORGETTING, "rotta"}))  # RoTTA's rate falls within a batch too
def test_a_method_that_goes_on_takes_the_fallen_rate_and_starts_anew_with_all_of_it(name: str) -> None:
    constant, falling, half = ({"steps": 1, **more} for more in ({}, {"rate_halves": 2}, {"learning_rate": 5e-4}))
    start = made(name, **constant).start()
    later = replace(last(made(name, **constant), FIRST).state, updates=torch.tensor(2))
    for state, equal in ((start, constant), (later, half)):
        found, wanted = (last(made(name, **each), SECOND, state).state for each in (falling, equal))
        assert torch.equal(found.values, wanted.values)
        assert torch.equal(found.second_moment, wanted.second_moment)
