"""Schedules and orders are what the benchmarks define; plans and batches are pure."""

from itertools import groupby

import numpy as np
import pytest
import torch
from helpers import CLASSES, labelled_source, random_images

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, corrupt
from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.schedule import Order, plan_of
from cliptta_demo.backend.data.sources import UNLABELLED, GivenImages
from cliptta_demo.backend.data.stream import Stream
from cliptta_demo.backend.settings import ORDERS, SCHEDULES, StreamSettings

DIGITS = tuple("0123456789")


def shifts(**changes: object) -> list[str]:
    return [f"{batch.shift} {batch.severity}" for batch in plan_of(StreamSettings(**changes))]


def stream(labels: torch.Tensor | None, **changes: object) -> Stream:
    """Of images that each hold a number of their own."""
    count = len(labels) if labels is not None else 40
    pixels = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 8, 8)
    return Stream(GivenImages(pixels, DIGITS, labels), StreamSettings(batch_size=10, **changes), 8)


def labels_of(stream: Stream) -> list[list[int]]:
    return [stream.batch(index).images.labels.tolist() for index in range(len(stream))]


def test_a_schedule_is_as_its_benchmark_defines_it() -> None:
    walk = [1, 2, 3, 4, 5, 4, 3, 2, 1]
    gradual = [f"{name} {level}" for name in ("gaussian_noise", "shot_noise") for level in walk]
    again = [f"{name} 5" for name in ("gaussian_noise", "motion_blur", "brightness")]
    continual = [f"{name} 3" for name in (*COMMON_CORRUPTIONS, "gaussian_noise") for _ in range(2)]
    for expected, changes in (
        (continual, {"schedule": "continual", "shift_batches": 2, "batches": 32, "severity": 3, "corruption": "fog"}),
        ([f"{name} 5" for name in (*COMMON_CORRUPTIONS, "gaussian_noise")], {"corruption": "cycle", "batches": 16}),
        (gradual, {"schedule": "gradual", "shift_batches": 1, "batches": 18}),
        (gradual[4:], {"schedule": "gradual-cotta", "shift_batches": 1, "batches": 14}),
        (
            [f"gaussian_noise {level}" for level in (1, 1, 2, 2, 1, 1)],
            {"schedule": "gradual", "shift_batches": 2, "batches": 6, "severity": 2},
        ),
        ((again * 3)[:7], {"schedule": "recurring", "recurring_shifts": 3, "shift_batches": 1, "batches": 7}),
    ):
        assert shifts(**changes) == expected
    rising = shifts(corruption="fog", batches=10, ramp=True)
    assert rising == [f"fog {level}" for level in (1, 1, 2, 2, 3, 3, 4, 4, 5, 5)]
    rising = shifts(schedule="continual", shift_batches=5, batches=10, ramp=True)
    assert [text[-1] for text in rising] == list("1122334455")
    domains = [batch.domain for batch in plan_of(StreamSettings(schedule="recurring", shift_batches=3, batches=7))]
    assert domains == [0, 0, 0, 1, 1, 1, 2]


def test_mixed_gives_each_image_a_corruption_of_its_own() -> None:
    mixed = Stream(open_source("pictures", ["cat", "car"]), StreamSettings(schedule="mixed", batch_size=40), 32)
    batch = mixed.batch(1)
    assert (batch.corruption, batch.severity, len(batch.mixed)) == ("mixed", 5, 40)
    assert set(batch.mixed) <= set(COMMON_CORRUPTIONS)
    assert len(set(batch.mixed)) > 8
    contrast = torch.tensor([name == "contrast" for name in batch.mixed])  # draws nothing at random
    assert contrast.any()
    expected = corrupt(batch.clean.pixels[contrast], "contrast", 5, 0)
    assert torch.equal(batch.images.pixels[contrast], expected)


@pytest.mark.parametrize(("schedule", "order"), list(zip([*SCHEDULES, "continual"], ORDERS, strict=True)))
def test_any_combination_is_the_same_stream_again_whatever_was_asked_before(schedule: str, order: str) -> None:
    settings = StreamSettings(
        schedule=schedule, order=order, shift_batches=2, batches=5, batch_size=6, ood_share=0.4, ood_bursts=True, seed=3
    )
    for source in (open_source("pictures", ["cat", "car", "tree"]), labelled_source(30)):
        first, again = (Stream(source, settings, 32, open_strangers("flags")) for _ in range(2))
        wanted = len(first) - 1
        one, other = first.batch(wanted), [again.batch(index) for index in range(len(again))][wanted]
        assert torch.equal(one.images.pixels, other.images.pixels)
        assert torch.equal(one.images.labels, other.images.labels)
        assert one.mixed == other.mixed


def runs(labels: np.ndarray) -> list[int]:
    return [len(list(group)) for _, group in groupby(labels.tolist())]


@pytest.mark.parametrize("kind", ["rotta", "note"])
def test_runs_hold_every_image_once_in_blocks_of_classes(kind: str) -> None:
    labels = np.random.default_rng(0).permutation(np.arange(1000) % 10)
    places = Order(kind, 0.1, (1000,)).arrange(labels, 7)
    assert sorted(places.tolist()) == list(range(1000))
    arranged = labels[places]
    assert len(runs(arranged)) <= 10 * 10  # slots × classes, each of them one block at most
    in_a_batch = [len(set(arranged[start : start + 50])) for start in range(0, 1000, 50)]
    assert np.mean(in_a_batch) < 3.5  # of ten; shuffled it is all of them
    if kind == "note":  # a class's block at the end of a slot and its next one's at the beginning
        assert max(runs(arranged)) <= 2 * 100
    large = labels[Order(kind, 1e3, (1000,)).arrange(labels, 7)]
    assert np.mean([len(set(large[start : start + 50])) for start in range(0, 1000, 50)]) < 7  # no shuffle


def test_rotta_s_slots_split_each_class_by_its_own_draw() -> None:
    """By hand: the draws of the sampler, for two classes and so two slots."""
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    rng = np.random.default_rng((3, 0, 13))
    shares = rng.dirichlet([0.5, 0.5], 2)
    cuts = [int(share[0] * 4) for share in shares]
    classes = [[0, 2, 4, 6], [1, 3, 5, 7]]
    expected = []
    for slot in range(2):
        blocks = [own[:cut] if slot == 0 else own[cut:] for own, cut in zip(classes, cuts, strict=True)]
        expected += [place for number in rng.permutation(2) for place in blocks[number]]
    assert Order("rotta", 0.5, (8,)).arrange(labels, 3).tolist() == expected


def test_classes_are_ordered_within_each_shift_and_sorted_where_the_concentration_is_zero() -> None:
    labels = torch.arange(40) % 4
    for order in ("sorted", "note"):
        made = stream(labels, order=order, schedule="continual", shift_batches=2, batches=4, concentration=0)
        first, second, third, last = labels_of(made)
        assert first + second == sorted(first + second)
        assert third + last == sorted(third + last)
        assert last[-1] > third[0]


def test_new_classes_come_late_and_an_endless_source_has_its_classes_in_runs_too() -> None:
    first, second, third, last = labels_of(stream(torch.arange(40) % 10, order="late", batches=4))
    assert max(first + second) == 4
    assert set(third + last) == {5, 6, 7, 8, 9}  # all images of the others are used up
    names = ["cat", "car", "tree", "dog"]
    endless = Stream(open_source("pictures", names), StreamSettings(order="late", batch_size=40, batches=2), 32)
    first, second = labels_of(endless)
    assert set(first) == {0, 1}
    assert set(second) == {0, 1, 2, 3}
    settings = StreamSettings(order="rotta", batch_size=20, batches=6)
    in_runs = labels_of(Stream(open_source("pictures", [*names, "bird", "fish"]), settings, 32))
    assert np.bincount(np.concatenate(in_runs)).tolist() == [20] * 6
    assert np.mean([len(set(batch)) for batch in in_runs]) < 4


def test_few_classes_come_in_each_batch_and_other_ones_in_the_next() -> None:
    """Every image once; where those left are of too few, further ones fill the batch."""
    made = stream(torch.arange(200) % 10, order="few", batch_classes=2, batches=20)
    batches = labels_of(made)
    assert np.bincount(np.concatenate(batches)).tolist() == [20] * 10
    counts = [len(set(batch)) for batch in batches]
    assert max(counts[:12]) <= 2
    assert np.mean(counts) < 2.5
    assert len({tuple(sorted(set(batch))) for batch in batches}) > 10
    names = ["cat", "car", "tree", "dog", "bird", "fish"]
    settings = StreamSettings(order="few", batch_classes=3, batch_size=12, batches=8, ood_share=0.25)
    endless = labels_of(Stream(open_source("pictures", names), settings, 32, open_strangers("flags")))
    known = [[label for label in batch if label >= 0] for batch in endless]
    assert {len(set(batch)) for batch in known} == {3}
    assert {batch.count(label) for batch in known for label in set(batch)} == {3}  # as many of each
    assert len({tuple(sorted(set(batch))) for batch in known}) > 4
    all_of_them = StreamSettings(order="few", batch_classes=25, batch_size=12, batches=1)
    (batch,) = labels_of(Stream(open_source("pictures", names), all_of_them, 32))
    assert sorted(batch) == sorted([*range(6)] * 2)


def test_strangers_come_in_bursts_and_as_many_as_without() -> None:
    settings = StreamSettings(ood_share=0.25, ood_bursts=True, batch_size=20, batches=20, seed=1)
    counts = [batch.strangers for batch in plan_of(settings)]
    assert sum(counts) == 20 * 5
    assert max(counts) == 20  # nothing else in the batch
    assert counts.count(0) >= 10
    made = Stream(open_source("pictures", ["cat", "car"]), settings, 32, open_strangers("flags"))
    found = [int((made.batch(index).images.labels == -1).sum()) for index in range(20)]
    assert found == counts


def test_a_source_that_ends_ends_the_stream_where_bursts_are() -> None:
    settings = StreamSettings(ood_share=0.5, ood_bursts=True, batch_size=10, batches=10, seed=1)
    source = labelled_source(23)
    made = Stream(source, settings, 32, open_strangers("flags"))
    known = [int((made.batch(index).images.labels >= 0).sum()) for index in range(len(made))]
    assert sum(known) == 23
    assert len(made) < 10


def test_images_without_labels_come_shuffled_and_are_resized() -> None:
    names = tuple(f"{number}" for number in range(20))
    source = GivenImages(random_images(20, size=48), CLASSES, names=names)
    made = Stream(source, StreamSettings(order="rotta", batch_size=10, batches=2), 32)
    first, second = (made.batch(index).images for index in (0, 1))
    assert sorted(first.names + second.names) == sorted(names)
    assert (first.pixels.shape, first.labels.tolist()) == ((10, 3, 32, 32), [UNLABELLED] * 10)
