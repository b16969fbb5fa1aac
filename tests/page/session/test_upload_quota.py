"""Bytes of uploads: per visitor, all together, and against what is free; each is given back to the last one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cliptta_demo.backend.errors import UserError
from cliptta_demo.page.session.upload_quota import NOBODY, OVERHEAD, UploadQuota, owner_of
from cliptta_demo.page.words.texts import NO_ROOM

ANN, BOB = "1-2-3-4-", "5-6-7-8-"


def quota_of(
    folder: Path, visitor: int = 10**6, total: int = 10**6, reserve: int = 0, free: int = 10**9
) -> UploadQuota:
    return UploadQuota(visitor, total, reserve, 60.0, 3600.0, lambda _: free)


def arrive(quota: UploadQuota, folder: Path, name: str, count: int) -> str:
    """One whole upload; its path."""
    arrival = quota.arriving(name, folder)
    arrival.add(count)
    path = folder / name
    path.write_bytes(bytes(count))
    arrival.done(path)
    arrival.end()
    return str(path)


def test_whose_an_upload_is_stands_in_its_name() -> None:
    assert owner_of(f"{ANN}17.png") == owner_of(f"{ANN}18.zip") == ANN
    for name in ("photo.png", "", "1-2-3.png", "a-1-2-3-4-0.png", f"{'9' * 11}-2-3-4-0.png"):
        assert owner_of(name) == NOBODY


def test_one_visitor_is_bounded_whatever_is_arriving_waiting_or_taken(tmp_path: Path) -> None:
    quota = quota_of(tmp_path, visitor=5 * OVERHEAD, total=100 * OVERHEAD)
    waiting = arrive(quota, tmp_path, f"{ANN}0.png", OVERHEAD)
    assert quota.take(Path(waiting))
    arrival = quota.arriving(f"{ANN}1.png", tmp_path)
    arrival.add(OVERHEAD)
    with pytest.raises(UserError, match=r"the most that this server keeps for one visitor\. Press Remove all"):
        arrival.add(OVERHEAD + 1)
    quota.arriving(f"{BOB}0.png", tmp_path).end()
    arrival.end()
    assert quota.used == 2 * OVERHEAD
    quota.remove(waiting)
    assert quota.used == 0
    assert not Path(waiting).exists()


def test_many_tiny_files_are_no_way_around(tmp_path: Path) -> None:
    quota = quota_of(tmp_path, visitor=10 * OVERHEAD)
    for index in range(9):
        arrive(quota, tmp_path, f"{ANN}{index}.png", 1)
    with pytest.raises(UserError, match="one visitor"):
        arrive(quota, tmp_path, f"{ANN}9.png", 1)


def test_made_up_visitors_meet_the_bound_of_all(tmp_path: Path) -> None:
    quota = quota_of(tmp_path, total=10 * OVERHEAD)
    for index in range(5):
        arrive(quota, tmp_path, f"{index}-0-0-0-x.png", OVERHEAD)
    with pytest.raises(UserError) as caught:
        arrive(quota, tmp_path, "6-0-0-0-x.png", 1)
    assert str(caught.value) == NO_ROOM
    assert quota.used == 10 * OVERHEAD


def test_the_disk_keeps_its_reserve(tmp_path: Path) -> None:
    quota = quota_of(tmp_path, reserve=10**6, free=10**6 + 2 * OVERHEAD)
    arrival = quota.arriving("a.png", tmp_path)
    arrival.add(OVERHEAD)
    with pytest.raises(UserError, match="no room"):
        arrival.add(3 * OVERHEAD)


def test_what_is_announced_as_too_large_is_refused_before_it_takes_the_room_of_others(tmp_path: Path) -> None:
    quota = quota_of(tmp_path, total=10 * OVERHEAD)
    with pytest.raises(UserError, match="no room"):
        quota.arriving(f"{ANN}0.png", tmp_path, announced=10 * OVERHEAD)
    quota.arriving(f"{ANN}1.png", tmp_path, announced=9 * OVERHEAD)
    assert quota.used == OVERHEAD  # what has come, whatever was announced


def test_a_file_is_taken_once_and_one_that_nobody_takes_is_deleted(tmp_path: Path) -> None:
    quota = quota_of(tmp_path)
    taken, waiting = (arrive(quota, tmp_path, f"{ANN}{name}.png", 10) for name in "ab")
    assert quota.take(Path(taken))
    assert not quota.take(Path(taken))
    assert not quota.take(Path(waiting), given=10**6)  # more than one visitor may have
    quota.sweep()
    assert quota.count == 2
    quota.sweep(time.monotonic() + 61)
    assert (Path(taken).exists(), Path(waiting).exists()) == (True, False)
    assert quota.used == quota.cost(taken)


def test_the_same_file_again_counts_once(tmp_path: Path) -> None:
    quota = quota_of(tmp_path)
    path = arrive(quota, tmp_path, f"{ANN}0.png", 100)
    assert arrive(quota, tmp_path, f"{ANN}0.png", 100) == path
    assert quota.used == 100 + OVERHEAD
