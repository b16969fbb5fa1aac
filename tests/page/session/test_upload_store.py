"""Bytes of uploads: per visitor, all together, and against what is free; each is given back to the last one."""

import time
from pathlib import Path

import pytest

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say
from cliptta_demo.limits import MB, Limits
from cliptta_demo.page.session.uploads import OVERHEAD, UploadStore
from cliptta_demo.page.words.texts import NO_ROOM, TOO_LARGE

TOO_MANY = r"the most that this server keeps for one visitor\. Press Remove all"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UploadStore:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    megabytes = {"visitor_megabytes": 2, "uploads_megabytes": 3, "disk_reserve_megabytes": 1, "upload_megabytes": 1}
    small = {"archive_megabytes": 1, "video_megabytes": 1, "upload_minutes": 1, "session_minutes": 1}
    return UploadStore(Limits(**megabytes, **small), free=lambda _: 10 * MB)


def arrive(store: UploadStore, owner: str, count: int) -> str:
    """One whole upload; its name."""
    name = store.begin(owner, 0)
    store.grow(name, count)
    (store.folder / name).write_bytes(bytes(count))
    store.arrived(name)
    return name


def test_each_bound_is_a_sentence_and_counts_what_has_come(store: UploadStore) -> None:
    names = [arrive(store, "ann", MB * 9 // 10) for _ in range(2)]
    store.take(names[0])  # counts as before
    with pytest.raises(UserError, match=TOO_MANY):
        arrive(store, "ann", MB // 5)
    with pytest.raises(UserError, match=TOO_MANY):  # before a byte of it came
        store.begin("ann", MB // 5)
    with pytest.raises(UserError) as caught:
        store.begin("bob", store.limits.largest_file + 1)
    assert str(caught.value) == say(TOO_LARGE)
    arrive(store, "made up", MB // 2)
    arrive(store, "made up too", MB // 2)
    with pytest.raises(UserError, match="no room"):
        arrive(store, "made up again", MB // 2)
    assert store.used <= 3 * MB
    for name in tuple(store._files):
        store.remove(name)
    assert (store.used, list(store.folder.iterdir())) == (0, [])
    store.free = lambda _: MB + OVERHEAD
    with pytest.raises(UserError) as caught:
        store.begin("ann", 1)
    assert str(caught.value) == say(NO_ROOM)


def test_many_tiny_files_are_no_way_around(store: UploadStore) -> None:
    for _ in range(2 * MB // (OVERHEAD + 1)):
        arrive(store, "", 1)
    with pytest.raises(UserError, match=TOO_MANY):
        arrive(store, "", 1)


def test_a_file_is_taken_once_and_goes_when_its_time_is_over(store: UploadStore) -> None:
    taken, waiting = (arrive(store, "ann", 10) for _ in range(2))
    assert store.take(store.begin("ann", 10)) is None  # has yet to arrive
    assert Path(store.take(taken)).exists()
    assert store.take(taken) is None
    now = time.monotonic()
    for later, left in ((0, 3), (61, 1), (121, 0)):
        store.sweep(now + later)
        assert len(store._files) == left
    assert (store.used, store.take(waiting), list(store.folder.iterdir())) == (0, None, [])


def test_a_file_that_can_not_be_deleted_counts_and_is_tried_again(store: UploadStore, monkeypatch, caplog) -> None:
    name = arrive(store, "ann", 10)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError))
        store.remove(name)
        store.sweep()
    assert (store.undeleted, store.used, store.take(name)) == (1, OVERHEAD + 10, None)
    assert [record.levelname for record in caplog.records] == ["ERROR"]  # once
    store.sweep()
    assert (store.undeleted, store.used, list(store.folder.iterdir())) == (0, 0, [])


@pytest.mark.parametrize("left", [True, False])
def test_when_the_server_stops_nothing_of_them_stays(store: UploadStore, tmp_path: Path, left: bool) -> None:
    name = arrive(store, "ann", 10)
    if not left:  # its visitor had gone before
        store.remove(name)
    store.close()
    assert list(tmp_path.iterdir()) == []
