"""Bytes of uploads: per visitor, all together, and against what is free; each is given back to the last one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cliptta_demo.backend.errors import UserError
from cliptta_demo.page.session.upload_quota import NOBODY, OVERHEAD, Room, owner_of
from cliptta_demo.page.words.texts import NO_ROOM

ANN, BOB = "1-2-3-4-", "5-6-7-8-"


def room(folder: Path, visitor: int = 10**6, total: int = 10**6, reserve: int = 0, free: int = 10**9) -> Room:
    return Room(visitor, total, reserve, 60.0, lambda _: free)


def arrive(place: Room, folder: Path, name: str, count: int) -> str:
    """One whole upload; its path."""
    arrival = place.arriving(name, folder)
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
    place = room(tmp_path, visitor=5 * OVERHEAD, total=100 * OVERHEAD)
    waiting = arrive(place, tmp_path, f"{ANN}0.png", OVERHEAD)
    assert place.take(Path(waiting))
    arrival = place.arriving(f"{ANN}1.png", tmp_path)
    arrival.add(OVERHEAD)
    with pytest.raises(UserError, match=r"the most that this server keeps for one visitor\. Press Remove all"):
        arrival.add(OVERHEAD + 1)
    place.arriving(f"{BOB}0.png", tmp_path).end()
    arrival.end()
    assert place.used == 2 * OVERHEAD
    place.remove(waiting)
    assert place.used == 0
    assert not Path(waiting).exists()


def test_many_tiny_files_are_no_way_around(tmp_path: Path) -> None:
    place = room(tmp_path, visitor=10 * OVERHEAD)
    for index in range(9):
        arrive(place, tmp_path, f"{ANN}{index}.png", 1)
    with pytest.raises(UserError, match="one visitor"):
        arrive(place, tmp_path, f"{ANN}9.png", 1)


def test_made_up_visitors_meet_the_bound_of_all(tmp_path: Path) -> None:
    place = room(tmp_path, total=10 * OVERHEAD)
    for index in range(5):
        arrive(place, tmp_path, f"{index}-0-0-0-x.png", OVERHEAD)
    with pytest.raises(UserError) as caught:
        arrive(place, tmp_path, "6-0-0-0-x.png", 1)
    assert str(caught.value) == NO_ROOM
    assert place.used == 10 * OVERHEAD


def test_the_disk_keeps_its_reserve(tmp_path: Path) -> None:
    place = room(tmp_path, reserve=10**6, free=10**6 + 2 * OVERHEAD)
    arrival = place.arriving("a.png", tmp_path)
    arrival.add(OVERHEAD)
    with pytest.raises(UserError, match="no room"):
        arrival.add(3 * OVERHEAD)


def test_what_is_announced_as_too_large_is_refused_before_it_takes_the_room_of_others(tmp_path: Path) -> None:
    place = room(tmp_path, total=10 * OVERHEAD)
    with pytest.raises(UserError, match="no room"):
        place.arriving(f"{ANN}0.png", tmp_path, announced=10 * OVERHEAD)
    place.arriving(f"{ANN}1.png", tmp_path, announced=9 * OVERHEAD)
    assert place.used == OVERHEAD  # what has come, whatever was announced


def test_a_file_is_taken_once_and_one_that_nobody_takes_is_deleted(tmp_path: Path) -> None:
    place = room(tmp_path)
    taken, waiting = (arrive(place, tmp_path, f"{ANN}{name}.png", 10) for name in "ab")
    assert place.take(Path(taken))
    assert not place.take(Path(taken))
    assert not place.take(Path(waiting), given=10**6)  # more than one visitor may have
    place.sweep()
    assert place.count == 2
    place.sweep(time.monotonic() + 61)
    assert (Path(taken).exists(), Path(waiting).exists()) == (True, False)
    assert place.used == place.cost(taken)


def test_the_same_file_again_counts_once(tmp_path: Path) -> None:
    place = room(tmp_path)
    path = arrive(place, tmp_path, f"{ANN}0.png", 100)
    assert arrive(place, tmp_path, f"{ANN}0.png", 100) == path
    assert place.used == 100 + OVERHEAD
