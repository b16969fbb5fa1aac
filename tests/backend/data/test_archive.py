"""Archives from strangers: what is read, what is refused, and that a bomb never inflates."""

import struct
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cliptta_demo.backend.data.archive import DEFAULT_ARCHIVE_LIMITS, ArchiveLimits, Archives
from cliptta_demo.backend.errors import UserError

LIMITS = DEFAULT_ARCHIVE_LIMITS


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def read(path: Path, limits: ArchiveLimits = LIMITS) -> tuple[dict[str, bytes], list[str]]:
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
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("rare.png", b"x" * 99, zipfile.ZIP_LZMA)
    found, refused = read(path)
    assert found == {"cat/1.png": b"x"}
    starts = ("more.ZIP is an archive inside mine.zip", "x.tar.gz is an archive", "rare.png is packed in a rare way")
    assert all(sentence.startswith(start) for sentence, start in zip(refused, starts, strict=True))


def test_a_bomb_is_not_unpacked_and_a_size_that_lies_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.png", "w") as out:
        for _ in range(60):
            out.write(bytes(2**20))
    tracemalloc.start()
    found, refused = read(path, replace(LIMITS, max_member_bytes=2**20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found, peak < 6 * 2**20) == ({}, True)
    assert "a.png is over 1 MB" in refused[0]
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):  # both places that tell the unpacked size
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<L", 10)
    path.write_bytes(data)
    assert read(path, replace(LIMITS, max_member_bytes=1000))[0] == {}


def test_each_limit_is_kept_and_said(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{i:060}.png": bytes(1000) for i in range(12)}, zipfile.ZIP_STORED)
    found, refused = read(path, replace(LIMITS, max_total_bytes=3500))
    assert (len(found), len(refused), "the rest was left out" in refused[0]) == (3, 1, True)
    found, refused = read(path, replace(LIMITS, max_members=5))
    assert (len(found), refused) == (5, ["mine.zip has 12 entries; only the first 5 were looked at."])
    for limit, says in (("max_directory_bytes", "lists too many files"), ("max_archive_bytes", r"over 0\.000\d+ MB")):
        with pytest.raises(UserError, match=f"mine.zip .*{says}"):
            read(path, replace(LIMITS, **{limit: 1024}))
    with pytest.raises(ValueError, match="max_members is 0"):
        ArchiveLimits(max_members=0)


def test_what_is_no_archive_is_one_sentence(tmp_path: Path) -> None:
    whole = pack(tmp_path / "a.zip", {"cat/1.png": bytes(range(256)) * 8, "2.png": b"x"}).read_bytes()
    locked = bytearray(whole)
    locked[locked.index(b"PK\1\2") + 8] |= 1
    path = tmp_path / "b.zip"
    for data, says in (
        (None, "could not be opened"),
        (b"", "no zip archive"),
        (b"not a zip" * 99, "no zip archive"),
        (b"PK\5\6" + b"\xff" * 18, "mine.zip"),
        (bytes(locked), "locked by a password"),
    ):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(UserError, match=says):
            read(path)
