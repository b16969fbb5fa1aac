"""Videos: the right frames in their order, and what they may cost. Hostile ones: test_hostile_files."""

import time
from pathlib import Path

import pytest
import torch
from hostile_files import film

from cliptta_demo.backend.data.collection import Collection, GivenFile, collect
from cliptta_demo.backend.data.decode import ImageLimits
from cliptta_demo.backend.data.video import VideoLimits, read_video
from cliptta_demo.backend.errors import UserError

SIZE = 16


def give(folder: Path, *files: tuple[str, bytes], every: int = 10) -> Collection:
    given = []
    for index, (name, data) in enumerate(files):
        path = folder / f"upload{index}"
        path.write_bytes(data)
        given.append(GivenFile(str(path), name))
    return collect(given, SIZE, ImageLimits(max_files=40), every=every)


def redness(images: torch.Tensor) -> list[float]:
    return images[:, 0].float().mean(dim=(1, 2)).tolist()


@pytest.mark.parametrize("kind", ["mp4", "webm", "gif"])
def test_every_tenth_frame_comes_in_order_upright_and_in_colour(kind: str, tmp_path: Path) -> None:
    found = give(tmp_path, (f"clip.{kind}", film(kind)))
    assert found.images.shape == (3, 3, SIZE, SIZE)
    assert found.names == tuple(f"clip.{kind} 0:00.{place:02}" for place in (0, 33, 67))
    assert found.frames == 3
    assert not found.notes
    for expected, seen in zip((0, 85, 170), redness(found.images), strict=True):
        assert seen == pytest.approx(expected, abs=25)  # the codec's and, of a GIF, 8 shades of red
    green = found.images[:, 1].float().mean(dim=(0, 1))
    assert green[: SIZE // 2 - 1].min() > 150 > 60 > green[SIZE // 2 + 1 :].max()  # the left half


def test_videos_and_images_together_keep_their_places_labels_and_room(tmp_path: Path) -> None:
    gif = film("gif", 2)
    files = [("cat/clip.mp4", film()), ("dog/still.gif", gif), ("last.webm", film("webm", 60))]
    found = give(tmp_path, *files, every=1)
    assert found.names[:2] == ("clip.mp4 0:00.00", "clip.mp4 0:00.03")
    assert found.names[30:32] == ("still.gif", "last.webm 0:00.00")  # in a folder, a GIF is an image
    assert found.labels[29:32] == ("cat", "dog", None)
    assert (len(found.names), found.frames) == (40, 39)
    only = "Of last.webm only those up to 0:00.27 of its frames were taken: take fewer of them, or cut it."
    assert found.notes == (only,)


def test_what_a_video_may_cost_is_bounded(tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.write_bytes(film(frames=120))
    for limits, words in (
        (VideoLimits(max_bytes=1000), "a.mp4 is over 0.000954 MB; it was left out: cut it first."),
        (VideoLimits(max_pixels=1000), "a.mp4 has more than 0.001 million pixels a frame; it was left out: make it"),
    ):
        with pytest.raises(UserError, match="^" + words):
            read_video(clip, "a.mp4", SIZE, limits=limits)
    _, times, note = read_video(clip, "a.mp4", SIZE, limits=VideoLimits(max_seconds=2))
    assert note == "Of a.mp4 only those up to 0:02.00 of its frames were taken: it is longer than 2 seconds."
    assert len(times) == 7
    began = time.monotonic()
    with pytest.raises(UserError, match="takes too long to decode"):
        read_video(clip, "a.mp4", SIZE, seconds=0.01)
    assert time.monotonic() - began < 30  # a hang would be longer on any machine
