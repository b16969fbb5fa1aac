"""Archives from strangers: what is read, what is refused, and that a bomb never inflates."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cliptta_demo.backend.data.archive import DEFAULT_ARCHIVE_LIMITS, ArchiveLimits, read_archive
from cliptta_demo.backend.errors import UserError

LIMITS = DEFAULT_ARCHIVE_LIMITS


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def read(path: Path, limits: ArchiveLimits = LIMITS) -> tuple[dict[str, bytes], list[str]]:
    members = list(read_archive(path, "mine.zip", limits))
    return {m.name: m.data for m in members if not m.refused}, [m.refused for m in members if m.refused]


def test_members_come_with_their_names_and_bytes(tmp_path: Path) -> None:
    members = {"cat/1.png": b"one", "dog/2.png": b"two" * 1000, "é/ü.png": b"three", "empty.png": b""}
    assert read(pack(tmp_path / "a.zip", members)) == (members, [])
    assert read(pack(tmp_path / "b.zip", members, zipfile.ZIP_STORED)) == (members, [])


def test_names_that_climb_are_only_names_and_nothing_is_written(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    names = ["../../evil.png", "/etc/evil.png", "C:\\evil.png", "a/../../evil.png"]
    path = pack(inside / "a.zip", dict.fromkeys(names, b"x"))
    before = sorted(tmp_path.rglob("*"))
    found, refused = read(path)
    assert len(found) == 4
    assert refused == []
    assert sorted(tmp_path.rglob("*")) == before


def test_hidden_files_folders_and_links_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    names = ["__MACOSX/cat/._1.png", ".DS_Store", "cat/.hidden.png", "Thumbs.db", ".git/x.png", "cat/1.png"]
    pack(path, dict.fromkeys(names, b"x"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.mkdir("dog")
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert read(path) == ({"cat/1.png": b"x"}, [])


def test_an_archive_inside_is_left_out_by_name(tmp_path: Path) -> None:
    found, refused = read(pack(tmp_path / "a.zip", {"in/more.ZIP": b"PK", "x.tar.gz": b"", "1.png": b"x"}))
    assert list(found) == ["1.png"]
    assert refused[0].startswith("more.ZIP is an archive inside mine.zip")
    assert len(refused) == 2


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("a.png", "w") as out,
    ):
        for _ in range(60):
            out.write(bytes(2**20))
    assert path.stat().st_size < 2**17
    limits = replace(LIMITS, max_member_bytes=2**20)
    tracemalloc.start()
    found, refused = read(path, limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == {}
    assert "a.png is over 1 MB" in refused[0]
    assert peak < 6 * 2**20


def test_a_size_that_lies_is_not_believed(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": bytes(2**20)})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):  # both places that tell the unpacked size
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<L", 10)
    path.write_bytes(data)
    found, refused = read(path, replace(LIMITS, max_member_bytes=1000))
    assert found == {}
    assert refused == ["a.png is damaged inside its archive; it was left out."]


def test_the_total_is_capped_over_all_members(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{i}.png": bytes(1000) for i in range(10)})
    found, refused = read(path, replace(LIMITS, max_total_bytes=3500))
    assert len(found) == 3
    assert "the rest was left out" in refused[0]
    assert len(refused) == 1


def test_the_number_of_members_is_capped_and_said(tmp_path: Path) -> None:
    found, refused = read(
        pack(tmp_path / "a.zip", {f"{i}.png": b"x" for i in range(12)}), replace(LIMITS, max_members=5)
    )
    assert list(found) == [f"{i}.png" for i in range(5)]
    assert refused == ["mine.zip has 12 entries; only the first 5 were looked at."]


def test_a_long_list_of_members_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {f"{i:060}.png": b"" for i in range(300)})
    with pytest.raises(UserError, match="lists too many files"):
        read(path, replace(LIMITS, max_directory_bytes=4096))


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "no zip archive"), (b"not a zip" * 99, "no zip archive"), (b"PK\5\6" + b"\xff" * 18, "mine.zip")],
)
def test_what_is_no_archive_is_one_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(UserError, match=words):
        read(path)


def test_cut_or_damaged_archives_never_break(tmp_path: Path) -> None:
    whole = pack(tmp_path / "a.zip", {"cat/1.png": bytes(range(256)) * 8, "2.png": b"x"}).read_bytes()
    path = tmp_path / "b.zip"
    for cut in range(0, len(whole), 7):
        for data in (whole[:cut], whole[:cut] + bytes(4) + whole[cut + 4 :]):
            path.write_bytes(data)
            with suppress(UserError):  # anything else fails the test
                read(path)


def test_a_locked_archive_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"1.png": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="locked by a password"):
        read(path)


def test_rare_compression_is_left_out(tmp_path: Path) -> None:
    found, refused = read(pack(tmp_path / "a.zip", {"1.png": b"x" * 99}, zipfile.ZIP_LZMA))
    assert found == {}
    assert "rare way" in refused[0]


def test_a_large_archive_is_refused_by_its_size(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"1.png": bytes(3000)}, zipfile.ZIP_STORED)
    with pytest.raises(UserError, match=r"mine.zip is over 0\.000\d+ MB"):
        read(path, replace(LIMITS, max_archive_bytes=1000))


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="max_members is 0"):
        ArchiveLimits(max_members=0)


def test_a_missing_archive_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be opened"):
        list(read_archive(tmp_path / "gone.zip", "mine.zip"))


def test_bytes_in_front_of_an_archive_do_no_harm(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("1.png", b"x")
    path = tmp_path / "a.zip"
    path.write_bytes(b"#!/bin/sh\n" + buffer.getvalue())
    assert read(path) == ({"1.png": b"x"}, [])
