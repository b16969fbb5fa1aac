"""Streams: the same settings and seed give the same batches; mixing, order and corruption do what they say."""

import threading

import numpy as np
import pytest
import torch
from helpers import CLASSES, labelled_source

from cliptta_demo.backend.data.catalog import open_source, open_strangers, picture_class_names
from cliptta_demo.backend.data.sources import OOD_LABEL, GivenImages
from cliptta_demo.backend.data.stream import THREADS, AheadOfTime, Batch, Stream
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.settings import StreamSettings

SMALL = StreamSettings(batch_size=6, batches=4)


def pictures(**changes: object) -> Stream:
    settings = StreamSettings(**{"batch_size": 12, "batches": 4, **changes})
    strangers = open_strangers("flags") if settings.ood_share else None
    return Stream(open_source("pictures", ["cat", "car", "tree"]), settings, 64, strangers)


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))],
)
def test_batches_made_ahead_of_time_are_the_same(device: str) -> None:
    settings = StreamSettings(batch_size=12, batches=4, corruption="gaussian_noise")
    plain, ahead = (Stream(open_source("pictures", ["cat", "car"]), settings, 64, None, device) for _ in range(2))
    made = AheadOfTime(ahead)
    for index in (0, 1, 2, 0, 3, 1):  # jumps too
        assert torch.equal(made.batch(index).images.pixels, plain.batch(index).images.pixels)
    assert not made._next or list(made._next) == [2]


def test_the_next_batch_is_begun_before_it_is_asked_for_and_its_error_waits() -> None:
    made = [threading.Event() for _ in range(4)]

    class Watched(Stream):
        def batch(self, index: int) -> Batch:
            made[index].set()
            if index == 1:
                raise UserError("The folder has gone.")
            return super().batch(index)

    ahead = AheadOfTime(Watched(labelled_source(), SMALL, 32))
    ahead.batch(0)
    assert made[1].wait(timeout=60)
    assert not made[2].is_set()
    with pytest.raises(UserError, match="The folder has gone"):
        ahead.batch(1)
    assert len(ahead.batch(2).images) == 6


def test_nobody_waits_for_the_slow_disk_of_somebody_else() -> None:
    """As many streams as there are threads for the next batch are stuck reading; another gets all of its own."""
    stuck, go_on = threading.Semaphore(0), threading.Event()

    class Stuck(Stream):
        def batch(self, index: int) -> Batch:
            if index == 1:
                stuck.release()
                assert go_on.wait(60)
            return super().batch(index)

    slow = [AheadOfTime(Stuck(labelled_source(), SMALL, 32)) for _ in range(THREADS)]
    try:
        for ahead in slow:
            ahead.batch(0)
            assert stuck.acquire(timeout=60)
        quick = AheadOfTime(Stream(labelled_source(), SMALL, 32))
        assert [len(quick.batch(index).images) for index in range(4)] == [6] * 4
    finally:
        go_on.set()
    assert all(len(ahead.batch(1).images) == 6 for ahead in slow)


def test_corruption_and_seed_change_the_pixels_and_nothing_else_does() -> None:
    clean, foggy, other = pictures().batch(1), pictures(corruption="fog").batch(1), pictures(seed=1).batch(1)
    assert torch.equal(clean.images.labels, foggy.images.labels)
    assert torch.equal(clean.images.pixels, foggy.clean.pixels)
    for different in (foggy, other, pictures().batch(2)):
        assert not torch.equal(different.images.pixels, clean.images.pixels)
    assert (foggy.corruption, foggy.severity, clean.corruption, clean.severity) == ("fog", 5, "none", 0)


def test_strangers_take_their_share_and_are_spread_over_the_batch() -> None:
    labels = [pictures(ood_share=0.25).batch(index).images.labels for index in range(4)]
    assert [int((each == OOD_LABEL).sum()) for each in labels] == [3] * 4
    assert len({tuple((each == OOD_LABEL).tolist()) for each in labels}) > 1
    for batch_size in (1, 2, 3, 4):  # a small batch keeps an image that is no stranger
        few = pictures(batch_size=batch_size, ood_share=0.9).batch(0).images.labels
        assert (len(few), bool((few != OOD_LABEL).any())) == (batch_size, True)


def test_sorted_order_delivers_class_after_class() -> None:
    finite = Stream(labelled_source(40), StreamSettings(order="sorted", batch_size=10, batches=4), 32)
    for stream in (pictures(order="sorted"), finite):
        labels = torch.cat([stream.batch(i).images.labels for i in range(4)])
        assert labels.tolist() == sorted(labels.tolist())
        assert labels.unique().tolist() == list(range(len(stream.source.class_names)))


def test_a_finite_source_shows_each_image_once_shuffled_as_ever_and_ends() -> None:
    source = labelled_source(25)
    stream = Stream(source, StreamSettings(batch_size=10, batches=9, seed=5), 32)
    assert len(stream) == 3
    shown = torch.cat([stream.batch(i).images.pixels for i in range(3)])
    assert torch.equal(shown, source.pixels[torch.from_numpy(np.random.default_rng(5).permutation(25))])


def test_clean_images_come_beside_the_stream_until_there_are_no_more() -> None:
    settings = StreamSettings(batch_size=64, batches=2, corruption="contrast", seed=3)
    stream, again = (Stream(open_source("pictures", ["cat", "car"]), settings, 32) for _ in range(2))
    first, second = stream.clean(0), stream.clean(1)
    assert first.shape == second.shape == (64, 3, 32, 32)
    assert torch.equal(first, again.clean(0))
    assert not torch.equal(first, second)
    assert not torch.equal(first, stream.batch(0).clean.pixels)
    source = labelled_source(70)
    few = [Stream(source, settings, 32).clean(index) for index in range(3)]
    assert [len(images) for images in few] == [64, 6, 0]
    assert {image.numpy().tobytes() for image in torch.cat(few)} == {i.numpy().tobytes() for i in source.pixels}


def test_what_there_is_not_is_said_in_a_sentence() -> None:
    nothing = torch.zeros(0, 3, 8, 8, dtype=torch.uint8)
    for asked, given, says in (
        (GivenImages, (nothing, CLASSES), "no image"),
        (Stream, (labelled_source(), StreamSettings(ood_share=0.5), 32), "no OOD source"),
        (open_source, ("unicorns",), r"'unicorns'.*pictures"),
        (open_source, ("pictures", ["cat", "spaceship"]), r"'spaceship'.*cat"),
        (open_strangers, ("martians",), r"'martians'.*flags"),
        (open_strangers, ("others", "unseen-style", picture_class_names()), "All classes of the data set are in"),
        (open_strangers, ("others", "upload", ("cat",)), "know their other classes"),
    ):
        with pytest.raises(UserError, match=says):
            asked(*given)
    others = open_strangers("others", "pictures", ("cat", "Dog"))
    assert len(others.class_names) == len(picture_class_names()) - 2
    assert not {"cat", "dog"} & set(others.class_names)
