"""Images of this machine, in folders and in CIFAR-10-C's numpy files: the same listing everywhere, and clear words."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.data.decode import ImageLimits, decode_files, sort_out
from cliptta_demo.backend.data.folder import UNLABELLED, scan_folder
from cliptta_demo.backend.errors import UserError

COUNT = 20  # images per severity of CIFAR-10-C; 10,000 in the real files


def picture(path: Path, colour: tuple[int, int, int] = (9, 9, 9)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 12), colour).save(path)
    return path


ACCENT = "cafe\u0301/3.png"  # e and a separate accent, as some systems store é
LISTINGS = {  # files, class names → what is listed
    "nested, and nothing hidden": (
        "snow_owl/b.png snow_owl/a.JPG cat/deep/er/z.webp cat/c.tif cat/.hidden.png .git/x.png beside.png",
        None,
        [("cat/c.tif", 0), ("cat/deep/er/z.webp", 0), ("snow_owl/a.JPG", 1), ("snow_owl/b.png", 1)],
    ),
    "names set the order": (
        f"cat/1.png Snow_Owl/2.png {ACCENT}",
        ["snow owl", "dog", "café", "cat"],
        [("Snow_Owl/2.png", 0), (ACCENT, 2), ("cat/1.png", 3)],
    ),
    "some of the classes": (
        "cat/1.png Snow_Owl/2.png dog/3.png",
        ["snow owl", "cat"],
        [("Snow_Owl/2.png", 0), ("cat/1.png", 1)],
    ),
    "no classes": ("b.png a.png", ["x", "y"], [("a.png", UNLABELLED), ("b.png", UNLABELLED)]),
}


@pytest.mark.parametrize("case", LISTINGS)
def test_classes_are_sub_folders(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, names, expected = LISTINGS[case]
    for name in files.split():
        picture(tmp_path / "real" / name)
    (tmp_path / "real" / "notes.txt").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("HOME", str(tmp_path))
    for root in (tmp_path / "real", tmp_path / "link", "~/real"):
        found = scan_folder(root, names)
        base = Path(os.path.expanduser(root))
        assert [file.relative_to(base).as_posix() for file in found.files] == [name for name, _ in expected]
        assert found.labels.tolist() == [label for _, label in expected]
        assert found.class_names == tuple(names or ("cat", "snow_owl"))


def test_linked_folders_and_what_is_no_file_are_skipped(tmp_path: Path) -> None:
    root = tmp_path / "data"
    outside, inside = picture(tmp_path / "outside" / "x.png"), picture(root / "cat" / "a.png")
    for name, to in {"cat/out": outside.parent, "class_out": outside.parent, "cat/circle": root / "cat"}.items():
        (root / name).symlink_to(to)
    for name, to in {"cat/b.png": inside, "cat/gone.png": root / "nowhere.png", "loop.png": root / "loop.png"}.items():
        (root / name).symlink_to(to)
    os.mkfifo(root / "cat" / "pipe.png")
    assert [file.name for file in scan_folder(root).files] == ["a.png", "b.png"]


def test_each_failure_has_its_sentence(tmp_path: Path) -> None:
    loose, bare, known = (tmp_path / name for name in ("loose", "bare", "known"))
    (bare / "cat").mkdir(parents=True)
    picture(loose / "a.png")
    for name in ("cat", "Snow_Owl", "dog"):
        picture(known / name / "1.png")
    for root, names, says in (
        (tmp_path / "gone", None, r"'gone' is no folder: check the path\.$"),
        ("", None, "is no folder"),
        ("nul\0byte", None, "is no folder"),
        (loose / "a.png", None, r"'a\.png' is no folder"),
        (loose, None, "or give the class names of loose images"),
        (bare, None, "'bare' has no class sub-folders with images"),
        (known, ["cat", "dgo"], r"'known' has no class 'dgo'\. It has: Snow_Owl, cat, dog\."),
    ):
        with pytest.raises(UserError, match=says):
            scan_folder(root, names)


def test_what_is_taken_keeps_its_order_without_what_can_not_be_read(tmp_path: Path) -> None:
    picture(tmp_path / "blue" / "b.png", (0, 0, 255))
    (tmp_path / "blue" / "broken.png").write_bytes(b"nothing")
    red = picture(tmp_path / "red" / "r.png", (255, 0, 0))
    source = scan_folder(tmp_path)
    taken = source.take(0, 3, 8, "sorted", 0, 3)
    assert taken.pixels[:, :, 4, 4].tolist() == [[0, 0, 255], [255, 0, 0]]
    assert (taken.labels.tolist(), taken.names) == ([0, 1], ("b.png", "r.png"))
    assert [sentence.split(" is ")[0] for sentence in taken.refused] == ["broken.png"]
    red.unlink()
    nothing = source.take(1, 2, 8, "sorted", 0, 3)
    assert (nothing.pixels.shape, nothing.labels.dtype, nothing.names) == ((0, 3, 8, 8), torch.int64, ())
    assert "r.png could not be opened" in nothing.refused[1]
    assert not len(source.take(3, 2, 8, "shuffled", 0, 2))


def test_decode_files_goes_on_past_bad_files(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (255, 0, 0))
    (tmp_path / "b.txt").write_text("no picture")
    picture(tmp_path / "c.gif", (0, 0, 255))
    (tmp_path / "d.bmp").write_bytes(bytes(2000))
    os.mkfifo(tmp_path / "pipe.png")
    names = ["a.png", "b.txt", "missing.png", "c.gif", "d.bmp", "pipe.png"]
    paths = [tmp_path / name for name in names] + ["https://example.org/cat.png", str(tmp_path), "nul\0.png"]
    decoded = decode_files(paths, list(map(str, paths)), 8, ImageLimits(max_bytes=1999))
    images, kept, refused = sort_out(decoded, 8)
    assert kept == [0, 3]
    assert images[:, :, 4, 4].tolist() == [[255, 0, 0], [0, 0, 255]]
    reasons = ["not an image", "not be opened", "over 0.00191 MB"] + ["not be opened"] * 4
    for sentence, reason in zip(refused, reasons, strict=True):
        assert reason in sentence
        assert str(tmp_path.parent) not in sentence


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    labels = np.tile(np.arange(COUNT) % 10, 5)
    np.save(tmp_path / "labels.npy", labels.astype(np.uint8))
    for tone, name in enumerate(("fog", "snow")):
        images = np.zeros((5 * COUNT, 32, 32, 3), np.uint8)
        images[..., 0] = np.arange(5 * COUNT)[:, None, None]
        images[..., 1] = tone
        np.save(tmp_path / f"{name}.npy", images)
    return tmp_path


def test_a_severity_of_cifar_c_is_its_own_fifth(directory: Path) -> None:
    for severity in range(1, 6):
        source = open_source(f"cifar10c:{directory}/fog:{severity}")
        assert source.length() == COUNT
        images = source.take(0, COUNT, 32, "shuffled", 0, COUNT)
        numbers = images.pixels[:, 0, 0, 0].tolist()
        assert sorted(numbers) == list(range((severity - 1) * COUNT, severity * COUNT))
        assert images.labels.tolist() == [number % COUNT % 10 for number in numbers]
    assert source.class_names[:2] == ("airplane", "automobile")
    assert isinstance(source.images["fog"], np.memmap)
    last = open_source(f"cifar10c:{directory}/fog.npy")  # severity 5 unless said
    assert last.take(0, 1, 32, "sorted", 0, 1).pixels[0, 0, 0, 0] >= 4 * COUNT


def test_a_directory_of_cifar_c_is_a_mix_and_sizes_and_classes_are_free(directory: Path) -> None:
    source = open_source(f"cifar10c:{directory}:1")
    assert source.length() == 2 * COUNT
    images = source.take(0, 2 * COUNT, 64, "shuffled", 3, 2 * COUNT)
    assert images.pixels.shape == (2 * COUNT, 3, 64, 64)
    assert set(images.pixels[:, 1, 0, 0].tolist()) == {0, 1}
    assert {name.split()[0] for name in images.names} == {"fog", "snow"}
    assert len(source.take(2 * COUNT, 5, 32, "shuffled", 3, 1)) == 0
    some = open_source(f"cifar10c:{directory}/snow", ["truck", "cat"])
    images = some.take(0, 99, 32, "sorted", 0, 99)
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert [value % COUNT % 10 for value in images.pixels[:, 0, 0, 0].tolist()] == [9, 9, 3, 3]


def test_odd_files_of_cifar_c_are_sentences(directory: Path, tmp_path: Path) -> None:
    assert len(set(open_source(f"cifar100c:{directory}/fog").class_names)) == 100  # its own names
    (tmp_path / "empty").mkdir()
    small, wrong = np.zeros((3, 32, 32, 3), np.uint8), np.full(5 * COUNT, 12)
    for name, content, asked, says in (
        ("", None, f"{directory}/frost", r"no file frost\.npy"),
        ("", None, f"{directory}/fog:6", "severity is 6; it must be from 1 to 5"),
        ("", None, f"{tmp_path}/empty", r"holds no file like fog\.npy"),
        (
            "frost",
            small,
            f"{directory}/frost",
            r"frost\.npy is not .* uint8 \(100, 32, 32, 3\)",
        ),
        ("labels", wrong, f"{directory}/fog", r"labels\.npy is not .* labels from 0 to 9"),
    ):
        if name:
            np.save(directory / f"{name}.npy", content)
        with pytest.raises(UserError, match=says):
            open_source(f"cifar10c:{asked}")
    (directory / "labels.npy").write_bytes(b"no numpy")
    with pytest.raises(UserError, match=r"no file labels\.npy .* or a damaged one"):
        open_source(f"cifar10c:{directory}/fog")
