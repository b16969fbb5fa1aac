"""Loose files, folders, archives and tables together: which images, which labels, which sentences."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from cliptta_demo.backend.data.archive import ArchiveLimits
from cliptta_demo.backend.data.collection import MOST_NOTES, GivenFile, collect
from cliptta_demo.backend.data.decode import ImageLimits
from cliptta_demo.backend.data.folder import UNLABELLED
from cliptta_demo.backend.data.labels import (
    distinct_labels,
    labels_from_folders,
    labels_from_table,
    match_labels,
    read_table,
)
from cliptta_demo.backend.errors import UserError


def png(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 16), colour).save(file, "PNG")
    return file.getvalue()


def give(folder: Path, **files: bytes | dict[str, bytes]) -> list[GivenFile]:
    """Files as an upload leaves them: under names of the server's own."""
    given = []
    for index, (name, data) in enumerate(files.items()):
        path = folder / f"upload{index}"
        if isinstance(data, dict):
            with zipfile.ZipFile(path, "w") as archive:
                for inner, content in data.items():
                    archive.writestr(inner, content)
        else:
            path.write_bytes(data)
        given.append(GivenFile(str(path), name))
    return given


def test_loose_files_have_no_labels(tmp_path: Path) -> None:
    found = collect(give(tmp_path, **{"a.png": png(), "b.png": png("blue"), "notes.txt": b"hello"}), 16)
    assert found.names == ("a.png", "b.png")
    assert found.labels == (None, None)
    assert found.images.shape == (2, 3, 16, 16)
    assert "notes.txt is not an image" in found.notes[0]


def test_folders_become_labels_and_equal_names_stay_apart(tmp_path: Path) -> None:
    files = {"pets/cat/1.png": png(), "pets/dog/1.png": png(), "pets/readme.md": b"#", "pets/.DS_Store": b"x"}
    found = collect(give(tmp_path, **files), 8)
    assert found.names == ("cat/1.png", "dog/1.png")
    assert found.labels == ("cat", "dog")
    assert found.notes == ("1 file that is no image went unread.",)


def test_one_folder_is_no_label(tmp_path: Path) -> None:
    assert collect(give(tmp_path, **{"trip/1.png": png(), "trip/2.png": png()}), 8).labels == (None, None)


def test_a_zip_is_read_with_folders_as_labels(tmp_path: Path) -> None:
    inside = {"cat/1.png": png(), "dog/2.png": png(), "__MACOSX/cat/._1.png": b"x", "dog/bad.png": b"bad"}
    found = collect(give(tmp_path, **{"pets.zip": inside}), 8)
    assert found.names == ("1.png", "2.png")
    assert found.labels == ("cat", "dog")
    assert "bad.png is not an image" in found.notes[0]


def test_a_table_in_a_zip_wins_over_folders(tmp_path: Path) -> None:
    table = b"\xef\xbb\xbffile;label\r\ncat/1.png;tiger\r\n3.png;fox\r\n\r\nnowhere\r\n"
    found = collect(give(tmp_path, **{"pets.zip": {"labels.csv": table, "cat/1.png": png(), "dog/2.png": png()}}), 8)
    assert found.labels == ("tiger", "dog")
    assert found.notes == (
        "1 line of labels.csv names no image, or several, of those here: “3.png”.",
        "labels.csv: no file and label in line 5.",
    )


def test_a_table_beside_loose_images_and_one_that_is_none(tmp_path: Path) -> None:
    files = {"labels.csv": b"Filename,Class\na.png,cat\n", "other.csv": b"x,y\n1,2\n", "a.png": png(), "b.png": png()}
    found = collect(give(tmp_path, **files), 8)
    assert found.labels == ("cat", None)
    assert found.notes == ("other.csv needs a first line with the columns “file” and “label”.",)


def test_the_number_of_images_is_capped_over_everything_and_tables_still_count(tmp_path: Path) -> None:
    inside = {f"{i}.png": png() for i in range(4)} | {"labels.csv": b"file,label\n0.png,cat\n"}
    found = collect(give(tmp_path, **{"a.png": png(), "more.zip": inside}), 8, ImageLimits(max_files=3))
    assert found.names == ("a.png", "0.png", "1.png")
    assert found.labels == (None, "cat", None)
    assert found.notes == ("Only the first 3 images were taken; 2 more were left out.",)


def test_a_bad_zip_is_one_sentence_and_the_rest_goes_on(tmp_path: Path) -> None:
    found = collect(give(tmp_path, **{"bad.zip": b"no zip", "a.png": png()}), 8)
    assert found.names == ("a.png",)
    assert found.notes == ("bad.zip is no zip archive, or a damaged one: pack it again.",)


def test_nothing_at_all_is_no_image(tmp_path: Path) -> None:
    assert collect([], 8).images.shape == (0, 3, 8, 8)
    gone = collect([GivenFile(str(tmp_path / "gone"), "a.png")], 8)
    assert "could not be opened" in gone.notes[0]


def test_names_keep_no_control_characters(tmp_path: Path) -> None:
    (name,) = collect(give(tmp_path, **{"a\u202egnp.\n<b>.png": png()}), 8).names
    assert name == "agnp.<b>.png"


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"file,label\na.png,cat\n", (("a.png", "cat"),)),
        ("image\tclass\r\nä.png\tKatze\r\n".encode(), (("ä.png", "Katze"),)),
        (b'label;path\n"cat; big";x/a.png\n', (("x/a.png", "cat; big"),)),
        (b" File Name , Truth ,more\na.png, cat ,1\n", (("a.png", "cat"),)),
        (b"name,label\na.png,\n", (("a.png", ""),)),
    ],
)
def test_tables_of_many_kinds(data: bytes, rows: tuple) -> None:
    assert read_table(data).rows == rows


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "needs a first line"),
        (b"a.png,cat\n", "needs a first line"),
        ("file,label\nä.png,x\n".encode("latin-1"), "not UTF-8"),
        (b"file,label\n" + b"x" * 3_000_000, "over 2 MB"),
        (b'file,label\n"' + b"x" * 200_000, "can't be read as a table"),
    ],
)
def test_bad_tables_are_one_sentence(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_table(data)


def test_a_file_name_that_fits_two_images_fits_none() -> None:
    table = read_table(b"file,label\n1.png,cat\nb/1.png,dog\n./c/2.png,fox\n")
    assert labels_from_table(table, ["a/1.png", "b/1.png", "c/2.png"]) == ({1: "dog", 2: "fox"}, ["1.png"])


def test_labels_meet_class_names_across_spelling() -> None:
    labels = ["Cat", "polar_bear", "zebra", None, "CAT", "zebra", "fire, truck"]
    numbers, strange = match_labels(labels, ("cat", "Polar bear", "fire truck"))
    assert numbers.tolist() == [0, 1, UNLABELLED, UNLABELLED, 0, UNLABELLED, 2]
    assert strange == {"zebra": 2}
    assert distinct_labels(labels) == ("Cat", "fire truck", "polar_bear", "zebra")


def test_folders_that_differ_only_in_spelling_are_one() -> None:
    assert labels_from_folders(["Cat/1.png", "cat/2.png"]) == [None, None]
    assert labels_from_folders(["cat/1.png", "2.png", "dog/3.png"]) == ["cat", None, "dog"]


def test_many_archives_unpack_to_no_more_than_one_may(tmp_path: Path) -> None:
    bombs = {f"{index}.zip": {"a.png": bytes(1000)} for index in range(5)}
    found = collect(give(tmp_path, **bombs, **{"b.png": png()}), 8, archive_limits=ArchiveLimits(max_total_bytes=2500))
    assert found.names == ("b.png",)
    unopened = [note for note in found.notes if "was not opened" in note]
    assert [note.split()[0] for note in unopened] == ["3.zip", "4.zip"]


def test_thousands_of_bad_files_are_no_wall_of_sentences(tmp_path: Path) -> None:
    found = collect(give(tmp_path, **{"bad.zip": {f"{index}.png": b"bad" for index in range(300)}}), 8)
    assert len(found.notes) == MOST_NOTES + 1
    assert found.notes[-1] == "And 200 more of the kind."


def test_an_empty_archive_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    found = collect(give(tmp_path, **{"none.zip": {}}), 8)
    assert found.notes == ("none.zip holds no file that could be an image.",)


def test_labels_hide_nothing_and_still_meet_the_class_names(tmp_path: Path) -> None:
    table = "file,label\na.png,ca\u200bt\nb.png,\u202edog\n".encode()
    found = collect(give(tmp_path, **{"labels.csv": table, "a.png": png(), "b.png": png()}), 8)
    assert found.labels == ("cat", "dog")
    found = collect(give(tmp_path, **{"\ud800x/a.png": png(), "y/a.png": png()}), 8)
    assert found.labels == ("x", "y")
