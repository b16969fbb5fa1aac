"""Videos, and files of all kinds as an attacker gives them: read or refused by name, nothing run, written or left."""

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from hostile_files import Case, cases, film, hostile_videos
from paths import ROOT

from cliptta_demo.backend.data.collection import MOST_NOTES, ArchiveLimits, Collection, GivenFile, collect
from cliptta_demo.backend.data.decode import ImageLimits
from cliptta_demo.backend.data.labels import distinct_labels
from cliptta_demo.backend.data.video import VideoLimits, is_video, read_video
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import visible

COUNT, SEED, SIZE = 100, 20_251_114, 16
LIMITS = ImageLimits(max_files=40, max_bytes=500_000, max_pixels=1_000_000)
ARCHIVES = ArchiveLimits(max_total_bytes=2_000_000, max_members=2_000, max_archive_bytes=5_000_000)
# Python tells an audit hook of these; reading files is no harm, but only the given ones are read.
HARM = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.getaddrinfo",
        "urllib.Request", "pickle.find_class", "ctypes.dlopen", "shutil.copyfile", "os.remove", "os.rename", "os.mkdir",
        "os.symlink", "os.link", "os.chmod", "os.truncate", "tempfile.mkstemp")  # fmt: skip
WATCHED: list[tuple[str, object]] = []
watching = False


def _hook(event: str, arguments: tuple) -> None:
    if watching and (event in HARM or event == "open"):
        WATCHED.append((event, arguments[0] if arguments else None))


sys.addaudithook(_hook)  # can't be taken away again, only told to look elsewhere


@contextmanager
def watched() -> Iterator[None]:
    global watching
    WATCHED.clear()
    watching = True
    try:
        yield
    finally:
        watching = False


def store(folder: Path, files: Sequence[tuple[str, bytes]]) -> list[GivenFile]:
    """As uploads leave them: under names of the server's own."""
    given = []
    for index, (name, data) in enumerate(files):
        path = folder / f"upload{index}"
        path.write_bytes(data)
        given.append(GivenFile(str(path), name))
    return given


def check(case: Case, given: list[GivenFile], found: Collection) -> None:
    count = len(found.names)
    assert (found.images.shape, found.images.dtype) == ((count, 3, SIZE, SIZE), torch.uint8)
    assert len(found.labels) == count <= LIMITS.max_files
    assert case.images in (None, count)
    assert len(found.notes) <= MOST_NOTES + 1
    labels = [label for label in found.labels if label]
    for text in (*found.names, *labels, *distinct_labels(found.labels), *found.notes):
        assert text == visible(text), "hides or turns something"
        assert "\n" not in text
        assert len(text) < 3_200
    for note in found.notes:
        assert note.endswith(".")
        assert len(note) < 700
        assert not any(file.path in note for file in given)
    hidden = [file for file in given if any(part.startswith(".") for part in re.split(r"[/\\]", visible(file.name)))]
    if not count and not hidden and len(given) == 1:
        assert found.notes, f"left out without a word: {[file.name for file in given]}"


def command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def test_a_hundred_sets_of_files_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    secret = "assets/run.gif"
    assert is_video(secret, "")
    folder = tmp_path / "a" / "b" / "c" / "d"  # names that climb would land above
    folder.mkdir(parents=True)
    top = folder.parents[3]
    warm = [(f"a.{kind}", b"") for kind in ("png", "zip", "csv")]
    collect(store(folder, warm), SIZE)
    wrong: list[str] = []
    seen: Counter[str] = Counter()
    for number, case in enumerate([*cases(COUNT, SEED), *hostile_videos(secret)]):
        for old in folder.iterdir():
            old.unlink()
        given = store(folder, case.files)
        before = sorted(top.rglob("*"))
        try:
            with watched():
                found = collect(given, SIZE, LIMITS, ARCHIVES)
            check(case, given, found)
            assert sorted(top.rglob("*")) == before, "wrote a file"
            decoder = ("subprocess.Popen", sys.executable)  # of moving GIFs, see backend/data/video.py
            harm = [event for event, what in WATCHED if event != "open" and (event, what) != decoder]
            assert not harm, harm
            own = {file.path for file in given}
            own |= {os.devnull} | {str(pipe) for pipe in range(100)}  # what the decoder writes to
            opened = [str(path) for event, path in WATCHED if event == "open" and str(path) not in own]
            strange = [path for path in opened if not path.startswith((sys.prefix, sys.base_prefix))]  # late imports
            assert not strange, strange
        except Exception as error:
            wrong.append(f"{number} {case.kind}: {type(error).__name__}: {str(error)[:300]}")
        seen[case.kind] += 1
    assert not wrong, "\n".join(wrong[:20])
    assert min(seen[case.kind] for case in cases(COUNT, SEED)) >= 2
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if children.exists():
        assert not [pid for pid in children.read_text().split() if b"video_child" in command(pid)]


@pytest.mark.parametrize("kind", ["mp4", "webm", "gif"])
def test_every_tenth_frame_comes_in_order_upright_and_in_colour(kind: str, tmp_path: Path) -> None:
    found = collect(store(tmp_path, [(f"clip.{kind}", film(kind))]), SIZE, LIMITS)
    assert found.images.shape == (3, 3, SIZE, SIZE)
    assert found.names == tuple(f"clip.{kind} 0:00.{place:02}" for place in (0, 33, 67))
    assert found.frames == 3
    assert not found.notes
    for expected, seen in zip((0, 85, 170), found.images[:, 0].float().mean(dim=(1, 2)).tolist(), strict=True):
        assert seen == pytest.approx(expected, abs=25)  # the codec's and, of a GIF, 8 shades of red
    green = found.images[:, 1].float().mean(dim=(0, 1))
    assert green[: SIZE // 2 - 1].min() > 150 > 60 > green[SIZE // 2 + 1 :].max()  # the left half


def test_videos_and_images_together_keep_their_places_labels_and_room(tmp_path: Path) -> None:
    gif = film("gif", 2)
    files = [("cat/clip.mp4", film()), ("dog/still.gif", gif), ("last.webm", film("webm", 60))]
    found = collect(store(tmp_path, files), SIZE, LIMITS, every=1)
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
