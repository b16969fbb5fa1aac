"""Loose files, folders, archives and tables: which images, labels and sentences, and that no bomb ever inflates."""

import io
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from cliptta_demo.backend.data.collection import (
    DEFAULT_ARCHIVE_LIMITS,
    MOST_NOTES,
    ArchiveLimits,
    Archives,
    GivenFile,
    collect,
)
from cliptta_demo.backend.data.decode import ImageLimits
from cliptta_demo.backend.data.folder import UNLABELLED
from cliptta_demo.backend.data.labels import (
    distinct_labels,
    label_by_table,
    labels_from_folders,
    match_labels,
    read_table,
)
from cliptta_demo.backend.errors import UserError


def png(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 16), colour).save(file, "PNG")
    return file.getvalue()


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def give(folder: Path, **files: bytes | dict[str, bytes]) -> list[GivenFile]:
    """Files as an upload leaves them: under names of the server's own."""
    given = []
    for index, (name, data) in enumerate(files.items()):
        path = folder / f"upload{index}"
        if isinstance(data, dict):
            pack(path, data)
        else:
            path.write_bytes(data)
        given.append(GivenFile(str(path), name))
    return given


TABLE = b"\xef\xbb\xbffile;label\r\ncat/1.png;tiger\r\n3.png;fox\r\n\r\nnowhere\r\n"
HIDING = "file,label\na.png,ca\u200bt\nb.png,\u202edog\n".encode()
PNG = png()
# What is given → names, labels, sentences.
GIVEN: dict[str, tuple[dict, tuple, tuple, tuple]] = {
    "loose files have no labels": (
        {"a.png": PNG, "b.png": png("blue"), "notes.txt": b"hello"},
        ("a.png", "b.png"),
        (None, None),
        ("notes.txt is not an image that can be read",),
    ),
    "folders are labels, and equal names stay apart": (
        {"pets/cat/1.png": PNG, "pets/dog/1.png": PNG, "pets/readme.md": b"#", "pets/.DS_Store": b"x"},
        ("cat/1.png", "dog/1.png"),
        ("cat", "dog"),
        ("1 file that is no image went unread.",),
    ),
    "one folder is no label": ({"trip/1.png": PNG, "trip/2.png": PNG}, ("1.png", "2.png"), (None, None), ()),
    "a zip's folders are labels": (
        {"p.zip": {"cat/1.png": PNG, "dog/2.png": PNG, "__MACOSX/cat/._1.png": b"x", "dog/bad.png": b"bad"}},
        ("1.png", "2.png"),
        ("cat", "dog"),
        ("bad.png is not an image",),
    ),
    "a table in a zip wins over folders": (
        {"pets.zip": {"labels.csv": TABLE, "cat/1.png": PNG, "dog/2.png": PNG}},
        ("1.png", "2.png"),
        ("tiger", "dog"),
        ("2 lines of labels.csv name no image here, or several, or no label: “3.png”, “line 5”.",),
    ),
    "a table beside images, and one that is none": (
        {"labels.csv": b"Filename,Class\na.png,cat\n", "other.csv": b"x,y\n1,2\n", "a.png": PNG, "b.png": PNG},
        ("a.png", "b.png"),
        ("cat", None),
        ("other.csv needs a first line with the columns “file” and “label”.",),
    ),
    "the most over everything, and tables still count": (
        {"a.png": PNG, "b.zip": {f"{i}.png": PNG for i in range(4)} | {"labels.csv": b"file,label\n0.png,cat\n"}},
        ("a.png", "0.png", "1.png"),
        (None, "cat", None),
        ("Only the first 3 images were taken; 2 more were left out.",),
    ),
    "a bad zip and an empty one": (
        {"bad.zip": b"no zip", "none.zip": {}, "a.png": PNG},
        ("a.png",),
        (None,),
        (
            "bad.zip is no zip archive, or a damaged one: pack it again.",
            "none.zip holds no file that could be an image.",
        ),
    ),
    "archives unpack to no more than one may": (
        {**{f"{index}.zip": {"a.png": bytes(1000)} for index in range(4)}, "b.png": PNG},
        ("b.png",),
        (None,),
        ("2.zip unpacks to more than may be read at once", "3.zip was not opened", "a.png is not", "a.png is not"),
    ),
    "names hide nothing": ({"a\u202egnp.\n<b>.png": PNG}, ("agnp.<b>.png",), (None,), ()),
    "labels hide nothing": ({"l.csv": HIDING, "a.png": PNG, "b.png": PNG}, ("a.png", "b.png"), ("cat", "dog"), ()),
    "nor do folders": ({"\ud800x/a.png": PNG, "y/a.png": PNG}, ("x/a.png", "y/a.png"), ("x", "y"), ()),
}


@pytest.mark.parametrize("case", GIVEN)
def test_what_is_given_becomes_images_labels_and_sentences(case: str, tmp_path: Path) -> None:
    files, names, labels, notes = GIVEN[case]
    found = collect(give(tmp_path, **files), 8, ImageLimits(max_files=3), ArchiveLimits(max_total_bytes=2500))
    assert (found.names, found.labels) == (names, labels)
    assert found.images.shape == (len(names), 3, 8, 8)
    assert all(note.startswith(start) for note, start in zip(found.notes, notes, strict=True)), found.notes


def test_nothing_at_all_is_no_image_and_thousands_of_bad_files_no_wall_of_sentences(tmp_path: Path) -> None:
    assert collect([], 8).images.shape == (0, 3, 8, 8)
    gone = collect([GivenFile(str(tmp_path / "gone"), "a.png")], 8)
    assert "could not be opened" in gone.notes[0]
    found = collect(give(tmp_path, **{"bad.zip": {f"{index}.png": b"bad" for index in range(300)}}), 8)
    assert (len(found.notes), found.notes[-1]) == (MOST_NOTES + 1, "And 200 more of the kind.")


def test_tables_of_many_kinds() -> None:
    for data, rows in (
        (b"file,label\na.png,cat\n", (("a.png", "cat"),)),
        ("image\tclass\r\nä.png\tKatze\r\n".encode(), (("ä.png", "Katze"),)),
        (b'label;path\n"cat; big";x/a.png\n', (("x/a.png", "cat; big"),)),
        (b" File Name , Truth ,more\na.png, cat ,1\n", (("a.png", "cat"),)),
        (b"name,label\na.png,\n", (("a.png", ""),)),
    ):
        assert read_table(data) == list(rows)
    for data, words in (
        (b"", "needs a first line"),
        (b"a.png,cat\n", "needs a first line"),
        ("file,label\nä.png,x\n".encode("latin-1"), "no table in UTF-8"),
        (b"file,label\n" + b"x" * 3_000_000, "over 2 MB"),
        (b'file,label\n"' + b"x" * 200_000, "no table in UTF-8"),
    ):
        with pytest.raises(UserError, match=words):
            read_table(data)


def test_labels_meet_images_and_class_names_across_spelling() -> None:
    table = read_table(b"file,label\n1.png,cat\nb/1.png,dog\n./c/2.png,fox\n")
    given = [None] * 3
    assert label_by_table(table, ["a/1.png", "b/1.png", "c/2.png"], given) == ["1.png"]  # one that fits two fits none
    assert given == [None, "dog", "fox"]
    labels = ["Cat", "polar_bear", "zebra", None, "CAT", "zebra", "fire, truck"]
    numbers, strange = match_labels(labels, ("cat", "Polar bear", "fire truck"))
    assert numbers.tolist() == [0, 1, UNLABELLED, UNLABELLED, 0, UNLABELLED, 2]
    assert strange == {"zebra": 2}
    assert distinct_labels(labels) == ("Cat", "fire truck", "polar_bear", "zebra")
    assert labels_from_folders(["Cat/1.png", "cat/2.png"]) == [None, None]
    assert labels_from_folders(["cat/1.png", "2.png", "dog/3.png"]) == ["cat", None, "dog"]


# ---------------------------------------------------------------- archives


def read(path: Path, limits: ArchiveLimits = DEFAULT_ARCHIVE_LIMITS) -> tuple[dict[str, bytes], list[str]]:
    members = list(Archives(limits).read(path, "mine.zip"))
    return {name: data for name, data in members if isinstance(data, bytes)}, [
        said for _, said in members if isinstance(said, str)
    ]


def test_members_come_with_their_names_and_bytes_and_nothing_is_written(tmp_path: Path) -> None:
    climbing = dict.fromkeys(["../../evil.png", "/etc/evil.png", "C:/evil.png", "a/../../evil.png"], b"x")
    members = {"cat/1.png": b"one", "dog/2.png": b"two" * 1000, "é/ü.png": b"three", "empty.png": b"", **climbing}
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        path = pack(tmp_path / "a.zip", members, method)
        assert read(path) == (members, [])
        path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())  # something in front does no harm
        assert read(path) == (members, [])
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_image_is_passed_over_or_left_out_by_name(tmp_path: Path) -> None:
    names = ["__MACOSX/cat/._1.png", ".DS_Store", "cat/.hidden.png", "Thumbs.db", ".git/x.png", "cat/1.png"]
    path = pack(tmp_path / "a.zip", dict.fromkeys([*names, "in/more.ZIP", "x.tar.gz"], b"x"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.mkdir("dog")
        archive.writestr("rare.png", b"x" * 99, zipfile.ZIP_LZMA)
    found, refused = read(path)
    assert found == {"cat/1.png": b"x"}
    starts = ("more.ZIP is an archive inside mine.zip", "x.tar.gz is an archive", "rare.png is damaged, or packed in")
    assert all(sentence.startswith(start) for sentence, start in zip(refused, starts, strict=True))


def test_a_bomb_is_not_unpacked_and_a_size_that_lies_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.png", "w") as out:
        for _ in range(60):
            out.write(bytes(2**20))
    tracemalloc.start()
    found, refused = read(path, replace(DEFAULT_ARCHIVE_LIMITS, max_member_bytes=2**20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found, peak < 6 * 2**20) == ({}, True)
    assert "a.png is over 1 MB" in refused[0]
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):  # both places that tell the unpacked size
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<L", 10)
    path.write_bytes(data)
    assert read(path, replace(DEFAULT_ARCHIVE_LIMITS, max_member_bytes=1000))[0] == {}


def test_each_limit_is_kept_and_said(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{i:060}.png": bytes(1000) for i in range(12)}, zipfile.ZIP_STORED)
    found, refused = read(path, replace(DEFAULT_ARCHIVE_LIMITS, max_total_bytes=3500))
    assert (len(found), len(refused), "the rest was left out" in refused[0]) == (3, 1, True)
    found, refused = read(path, replace(DEFAULT_ARCHIVE_LIMITS, max_members=5))
    assert (len(found), refused) == (5, ["mine.zip has 12 entries; only the first 5 were looked at."])
    for limit, says in (("max_directory_bytes", "lists too many files"), ("max_archive_bytes", r"over 0\.000\d+ MB")):
        with pytest.raises(UserError, match=f"mine.zip .*{says}"):
            read(path, replace(DEFAULT_ARCHIVE_LIMITS, **{limit: 1024}))
    with pytest.raises(ValueError, match="max_members is 0"):
        ArchiveLimits(max_members=0)


def test_what_is_no_archive_is_one_sentence(tmp_path: Path) -> None:
    whole = pack(tmp_path / "a.zip", {"cat/1.png": bytes(range(256)) * 8, "2.png": b"x"}).read_bytes()
    locked = bytearray(whole)
    locked[locked.index(b"PK\1\2") + 8] |= 1
    path = tmp_path / "b.zip"
    for data, says in (
        (None, "no zip archive"),
        (b"", "no zip archive"),
        (b"not a zip" * 99, "no zip archive"),
        (b"PK\5\6" + b"\xff" * 18, "mine.zip"),
        (bytes(locked), "locked by a password"),
    ):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(UserError, match=says):
            read(path)
