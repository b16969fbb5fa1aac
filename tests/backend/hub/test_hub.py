"""Downloads from a hub on localhost that speaks the real protocol: progress, resuming, checks, sentences, waiting."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import Hub, Repository, pointed_at, serve_hub

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub import downloads as hub
from cliptta_demo.backend.hub.listing import RemoteFile, check_repository, list_repository
from cliptta_demo.page.panels.heads import DownloadLine
from cliptta_demo.page.runs.runner import watched

LARGE = os.urandom(3_000_000)
NAME, OTHER = "somebody/things", "somebody/others"
NOWHERE = "http://127.0.0.1:9"  # nobody listens there


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {NAME: {"README.md": b"hello", "data/large.bin": LARGE}, OTHER: {"large.bin": LARGE[::-1]}}
    repositories = {("dataset", name): Repository(content) for name, content in files.items()}
    with serve_hub(repositories) as server, pointed_at(monkeypatch, server, tmp_path / "cache"):
        yield server
        server.bytes_per_second, server.stalled = None, False
        while hub.downloading():  # what was given up goes on
            time.sleep(0.02)


def fetch_all(name: str = NAME, **options: bool) -> list[bytes]:
    listing = list_repository("dataset", name, **options)
    return [path.read_bytes() for path in hub.fetch(listing, listing.files, **options)]


@pytest.mark.parametrize("xet", [False, True], ids=["http", "xet"])
def test_files_arrive_once_are_watched_and_then_found_without_the_hub(
    stand_in: Hub, xet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.xet, stand_in.bytes_per_second = xet, 3_000_000
    seen: list[hub.Progress] = []
    with hub.watch(seen.append):
        assert fetch_all() == [b"hello", LARGE]
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1].total == len(LARGE) + 5
    assert any(0 < count < seen[-1].total / 2 for count in done)
    asked = [path for _, path, _ in stand_in.requests]
    assert [path.split("/")[1] for path in asked if "/xorb/" in path or "/cdn/" in path] == ["xorb" if xet else "cdn"]
    assert not [path for path in asked if "telemetry" in path]
    assert fetch_all() == [b"hello", LARGE]
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", NOWHERE)
    assert fetch_all() == [b"hello", LARGE]
    assert len(stand_in.asked("/xorb/" if xet else "/cdn/")) == 1


def test_what_does_not_arrive_as_it_should_is_noticed(stand_in: Hub) -> None:
    stand_in.spoil = True
    with pytest.raises(UserError, match=r"data/large.bin of somebody/things did not arrive intact"):
        fetch_all()
    stand_in.spoil = False
    assert fetch_all()[1] == LARGE
    listing = list_repository("dataset", NAME)
    path = hub.fetch(listing, listing.files)[1].resolve()
    path.chmod(0o644)
    path.write_bytes(LARGE[:1000])  # on the disk
    assert fetch_all()[1] == LARGE


def test_refusals_are_sentences(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for refusal, says in (
        (None, "The hub has no somebody/other, or it is private"),
        ((401, "GatedRepo"), "have accepted the conditions. Accept them on huggingface.co/datasets/somebody/other"),
        ((403, "GatedRepo"), "have accepted the conditions"),
        ((403, ""), r"refuses what is needed of somebody/other \(answer 403\)"),
        ((429, ""), "Wait some minutes"),
        ((503, ""), r"\(answer 503\)"),
    ):
        if refusal:
            stand_in.repositories["dataset", "somebody/other"] = Repository({}, refuses=refusal)
        with pytest.raises(UserError, match=says):
            list_repository("dataset", "somebody/other")
    listing = list_repository("dataset", NAME)
    with pytest.raises(UserError, match=r"refuses what is needed of somebody/things \(answer 404\)"):
        hub.fetch(listing, [RemoteFile("data/gone.bin", 5)])
    asked = len(stand_in.requests)
    for name in ("", "cifar10", "a/b/c", "../etc/passwd", "/etc/passwd", "a/..", "a b/c", "a/b\n", "http://x/y", "ä/b"):
        with pytest.raises(UserError, match="must look like ORGANISATION/NAME"):
            check_repository(name)
    assert len(stand_in.requests) == asked
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", NOWHERE)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits {seconds} s and tries again"))
    with pytest.raises(UserError, match="model hub could not be reached"):
        list_repository("dataset", OTHER)


def test_visitors_are_bounded_and_bring_no_token(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    for most, free, says in (
        (2_000_000, 0, r"somebody/things is a download of 3\.0 MB; on this page 2\.0 MB is the most"),
        (4_000_000, 2**60, "has no room"),
    ):
        monkeypatch.setattr(hub, "VISITOR_MAX_DOWNLOAD", most)
        monkeypatch.setattr(hub, "FREE_DISK", free)
        with pytest.raises(UserError, match=says):
            fetch_all(visitor=True)
    monkeypatch.setattr(hub, "FREE_DISK", 0)
    assert fetch_all(visitor=True)[1] == LARGE
    assert stand_in.tokens == []
    list_repository("dataset", NAME)
    assert stand_in.tokens == ["Bearer hf_secret"]  # the owner's own runs may use it


def test_giving_up_ends_the_waiting_and_one_download_is_at_work_at_a_time(stand_in: Hub) -> None:
    stand_in.xet, stand_in.bytes_per_second = True, 200_000
    first, second, third = watched(fetch_all), watched(fetch_all), watched(lambda: fetch_all(OTHER))
    assert next(step for step in first if step.done)
    waits = next(step for step in third if step.done)
    assert (waits.name, waits.total, waits.behind) == (NAME, len(LARGE) + 5, OTHER)
    line = DownloadLine().html(waits)
    assert all(words in line for words in (f"{OTHER} comes after another download", "of 3.0 MB", NAME))
    assert next(step for step in second if step.done).behind == ""
    for visitor in (first, second):
        visitor.close()
    while [thread.name for thread in threading.enumerate()].count("preparing") > 1:  # they leave at once
        time.sleep(0.02)
    assert hub.downloading()
    stand_in.bytes_per_second = None
    assert list(third)[-1] == [LARGE[::-1]]
    assert fetch_all()[1] == LARGE
    assert len(stand_in.asked("/xorb/")) == 2  # each once


def test_who_waits_for_anothers_work_can_give_up_too() -> None:
    lock = threading.Lock()

    def wait() -> None:
        with hub.patiently(lock, "ViT-B-16/openai"):
            pass

    with lock:
        visitor = watched(wait)
        assert next(visitor) == hub.Progress("ViT-B-16/openai", 0, 0)
        visitor.close()
        while "preparing" in [thread.name for thread in threading.enumerate()]:
            time.sleep(0.02)
    assert list(watched(wait))[-1] is None
