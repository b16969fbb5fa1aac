"""Image folders and lists of files: the same listing everywhere, and clear words when something fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

from cliptta_demo.backend.data.decode import ImageLimits, decode_files
from cliptta_demo.backend.data.folder import UNLABELLED, scan_folder
from cliptta_demo.backend.errors import UserError


def picture(path: Path, colour: tuple[int, int, int] = (9, 9, 9)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 12), colour).save(path)
    return path


def listing(root: Path, **options: object) -> list[tuple[str, int]]:
    dataset = scan_folder(root, **options)
    names = [file.relative_to(root).as_posix() for file in dataset.files]
    return list(zip(names, dataset.labels, strict=True))


def test_sorted_classes_with_nested_images_and_no_hidden_files(tmp_path: Path) -> None:
    for name in ["snow_owl/b.png", "snow_owl/a.JPG", "cat/deep/er/z.webp", "cat/c.tif", "cat/.hidden.png"]:
        picture(tmp_path / name)
    for name in [".git/x.png", "__MACOSX/._a.png", "beside.png"]:
        picture(tmp_path / name)
    (tmp_path / "cat" / "readme.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    dataset = scan_folder(tmp_path)
    assert dataset.class_names == ("cat", "snow_owl")
    expected = [("cat/c.tif", 0), ("cat/deep/er/z.webp", 0), ("snow_owl/a.JPG", 1), ("snow_owl/b.png", 1)]
    assert listing(tmp_path) == expected
    assert dataset.length() == 4
    assert scan_folder(str(tmp_path)) == dataset


def test_given_class_names_set_the_order(tmp_path: Path) -> None:
    picture(tmp_path / "cat" / "1.png")
    picture(tmp_path / "Snow_Owl" / "2.png")
    picture(tmp_path / "cafe\u0301" / "3.png")  # e and a separate accent, as some systems store é
    names = ["snow owl", "dog", "café", "cat"]
    assert listing(tmp_path, class_names=names) == [
        ("Snow_Owl/2.png", 0),
        ("cafe\u0301/3.png", 2),
        ("cat/1.png", 3),
    ]
    assert scan_folder(tmp_path, names).class_names == tuple(names)


def test_class_names_may_be_some_of_the_sub_folders(tmp_path: Path) -> None:
    for name in ("cat/1.png", "Snow_Owl/2.png", "dog/3.png"):
        picture(tmp_path / name)
    assert listing(tmp_path, class_names=["snow owl", "cat"]) == [("Snow_Owl/2.png", 0), ("cat/1.png", 1)]
    assert scan_folder(tmp_path, ["snow owl", "cat"]).class_names == ("snow owl", "cat")
    with pytest.raises(UserError, match=r"no sub-folders for 'dgo': name some .* \('Snow_Owl', 'cat', 'dog'\), or all"):
        scan_folder(tmp_path, ["cat", "dgo"])


def test_linked_folders_and_what_is_no_file_are_skipped(tmp_path: Path) -> None:
    root = tmp_path / "data"
    outside, inside = picture(tmp_path / "outside" / "x.png"), picture(root / "cat" / "a.png")
    for name, to in {"cat/out": outside.parent, "class_out": outside.parent, "cat/circle": root / "cat"}.items():
        (root / name).symlink_to(to)
    for name, to in {"cat/b.png": inside, "cat/gone.png": root / "nowhere.png", "loop.png": root / "loop.png"}.items():
        (root / name).symlink_to(to)
    os.mkfifo(root / "cat" / "pipe.png")
    assert listing(root) == [("cat/a.png", 0), ("cat/b.png", 0)]


def test_the_root_itself_may_be_a_link_or_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "real" / "cat" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert listing(tmp_path / "link") == [("cat/a.png", 0)]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert scan_folder("~/real").class_names == ("cat",)


def test_images_without_sub_folders_need_class_names(tmp_path: Path) -> None:
    picture(tmp_path / "b.png")
    picture(tmp_path / "a.png")
    (tmp_path / "notes").mkdir()
    with pytest.raises(UserError, match="has images but no class sub-folders: give the class names"):
        scan_folder(tmp_path)
    assert listing(tmp_path, class_names=["x", "y"]) == [("a.png", UNLABELLED), ("b.png", UNLABELLED)]
    assert UNLABELLED == -2
    assert scan_folder(tmp_path, ["x", "y"]).class_names == ("x", "y")


def test_each_failure_has_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"The folder 'gone' does not exist: check the path\.$"):
        scan_folder(tmp_path / "gone")
    with pytest.raises(UserError, match="does not exist"):
        scan_folder("")
    with pytest.raises(UserError, match="does not exist"):
        scan_folder("nul\0byte")
    with pytest.raises(UserError, match=r"'a\.png' is a file, not a folder"):
        scan_folder(picture(tmp_path / "a.png"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(UserError, match="'bare' has no class sub-folders"):
        scan_folder(tmp_path / "bare")
    (tmp_path / "bare" / "cat").mkdir()
    with pytest.raises(UserError, match="has no class sub-folders with images"):
        scan_folder(tmp_path / "bare")


def test_what_is_taken_keeps_its_order_without_corrupt_images(tmp_path: Path) -> None:
    picture(tmp_path / "blue" / "b.png", (0, 0, 255))
    (tmp_path / "blue" / "broken.png").write_bytes(b"nothing")
    picture(tmp_path / "red" / "r.png", (255, 0, 0))
    dataset = scan_folder(tmp_path)
    taken = dataset.take(0, 3, 8, "sorted", 0, 3)
    assert taken.pixels.shape == (3 - 1, 3, 8, 8)
    assert taken.pixels.dtype == torch.uint8
    assert taken.pixels[:, :, 4, 4].tolist() == [[0, 0, 255], [255, 0, 0]]
    assert taken.labels.tolist() == [0, 1]
    assert taken.labels.dtype == torch.int64
    assert taken.names == ("b.png", "r.png")
    assert len(taken.refused) == 1
    assert taken.refused[0].startswith("broken.png is not an image")


def test_what_is_taken_may_be_nothing(tmp_path: Path) -> None:
    (picture(tmp_path / "cat" / "a.png").parent / "b.png").write_bytes(b"nothing")
    dataset = scan_folder(tmp_path)
    (tmp_path / "cat" / "a.png").unlink()
    taken = dataset.take(0, 2, 8, "shuffled", 0, 2)
    assert taken.pixels.shape == (0, 3, 8, 8)
    assert taken.labels.shape == (0,)
    assert taken.labels.dtype == torch.int64
    assert taken.names == ()
    assert "a.png could not be opened" in " ".join(taken.refused)
    assert not len(dataset.take(2, 2, 8, "shuffled", 0, 2))


def test_decode_files_goes_on_past_bad_files(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (255, 0, 0))
    (tmp_path / "b.txt").write_text("no picture")
    picture(tmp_path / "c.gif", (0, 0, 255))
    (tmp_path / "d.bmp").write_bytes(bytes(2000))
    os.mkfifo(tmp_path / "pipe.png")
    names = ["a.png", "b.txt", "missing.png", "c.gif", "d.bmp", "pipe.png"]
    paths = [tmp_path / name for name in names] + ["https://example.org/cat.png", str(tmp_path), "nul\0.png"]
    decoded = decode_files(paths, list(map(str, paths)), 8, ImageLimits(max_bytes=1999))
    assert decoded.kept == [0, 3]
    assert decoded.images[:, :, 4, 4].tolist() == [[255, 0, 0], [0, 0, 255]]
    reasons = ["not an image", "not be opened", "over 0.00191 MB"] + ["not be opened"] * 4
    assert len(decoded.refused) == len(reasons)
    for sentence, reason in zip(decoded.refused, reasons, strict=True):
        assert reason in sentence
        assert str(tmp_path.parent) not in sentence


def test_decode_files_with_none(tmp_path: Path) -> None:
    empty = decode_files([tmp_path / "missing.png"], ["missing.png"], 8)
    assert empty.images.shape == (0, 3, 8, 8)
    assert empty.images.dtype == torch.uint8
    assert decode_files([], [], 8).refused == ()
    with pytest.raises(ValueError, match="size is 0; it must be a whole number from 1 to"):
        decode_files([], [], 0)


@pytest.mark.parametrize("field", ["max_files", "max_bytes", "max_pixels"])
@pytest.mark.parametrize("value", [0, -1, 2**40, 1.5, True, None])
def test_impossible_limits_are_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{field} is {value}; it must be a whole number from 1 to \d+"):
        ImageLimits(**{field: value})
