"""Downloads from a hub on localhost that speaks the real protocol: progress, resuming, checks, sentences."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_stand_in import Hub, Repository, pointed_at, serve_hub
from paths import ROOT

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub import downloads as hub
from cliptta_demo.backend.hub.transfer import PIECE

LARGE = os.urandom(3_000_000)
NAME = "somebody/things"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    repository = Repository({"README.md": b"hello", "data/large.bin": LARGE})
    with serve_hub({("dataset", NAME): repository}) as server, pointed_at(monkeypatch, server, tmp_path / "cache"):
        yield server


def fetch_all(**options) -> list[bytes]:
    listing = hub.list_repository("dataset", NAME, **options)
    return [path.read_bytes() for path in hub.fetch(listing, listing.files, **options)]


def test_files_arrive_once_and_are_then_found_without_the_hub(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in.bytes_per_second = 3_000_000
    seen: list[hub.Progress] = []
    with hub.watch(seen.append):
        assert fetch_all() == [b"hello", LARGE]
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert seen[-1].done == seen[-1].total == len(LARGE) + 5
    assert any(0 < progress.done < progress.total / 2 for progress in seen)
    asked = len(stand_in.asked("/cdn/"))
    assert fetch_all() == [b"hello", LARGE]
    assert len(stand_in.asked("/cdn/")) == asked == 1
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    assert fetch_all() == [b"hello", LARGE]


def test_a_broken_connection_is_taken_up_where_it_broke(stand_in: Hub) -> None:
    stand_in.cut_after = 2_500_000
    seen: list[hub.Progress] = []
    with hub.watch(seen.append):
        assert fetch_all()[1] == LARGE
    first, second = stand_in.asked("/cdn/")
    assert first[2] is None
    assert second[2] == f"bytes={39 * PIECE}-"  # whole pieces are kept
    assert seen[-1].done == seen[-1].total


def test_a_changed_byte_is_noticed_and_the_next_try_succeeds(stand_in: Hub) -> None:
    stand_in.spoil = True
    with pytest.raises(UserError, match=r"data/large.bin of somebody/things did not arrive intact"):
        fetch_all()
    stand_in.spoil = False
    assert fetch_all()[1] == LARGE


def test_a_truncated_file_in_the_cache_is_fetched_anew(stand_in: Hub) -> None:
    listing = hub.list_repository("dataset", NAME)
    path = hub.fetch(listing, listing.files)[1]
    path.resolve().chmod(0o644)
    path.resolve().write_bytes(LARGE[:1000])
    assert fetch_all()[1] == LARGE
    assert len(stand_in.asked("/cdn/")) == 2


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (None, "The hub has no data set somebody/other, or it is private"),
        ((401, "GatedRepo"), "have accepted the conditions. Accept them on huggingface.co/datasets/somebody/other"),
        ((403, "GatedRepo"), "have accepted the conditions"),
        ((403, ""), "refuses access"),
        ((429, ""), "Wait some minutes"),
        ((503, ""), "has a fault at the moment"),
    ],
)
def test_refusals_are_sentences(stand_in: Hub, refusal: tuple[int, str] | None, says: str) -> None:
    if refusal:
        stand_in.repositories["dataset", "somebody/other"] = Repository({}, refuses=refusal)
    with pytest.raises(UserError, match=says):
        hub.list_repository("dataset", "somebody/other")


def test_without_the_internet_one_sentence_at_once(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits {seconds} s and tries again"))
    with pytest.raises(UserError, match="model hub could not be reached"):
        hub.list_repository("dataset", NAME)


def test_a_file_that_is_gone_is_a_sentence(stand_in: Hub) -> None:
    listing = hub.list_repository("dataset", NAME)
    with pytest.raises(UserError, match="not the file or version that is needed"):
        hub.fetch(listing, [hub.RemoteFile("data/gone.bin", 5)])


def test_visitors_are_bounded_and_bring_no_token(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(hub, "VISITOR_MAX_DOWNLOAD", 2_000_000)
    with pytest.raises(UserError, match=r"somebody/things is a download of 3\.0 MB; on this page 2\.0 MB is the most"):
        fetch_all(visitor=True)
    monkeypatch.setattr(hub, "VISITOR_MAX_DOWNLOAD", 4_000_000)
    monkeypatch.setattr(hub, "FREE_DISK", 2**60)
    with pytest.raises(UserError, match="has no room"):
        fetch_all(visitor=True)
    monkeypatch.setattr(hub, "FREE_DISK", 0)
    assert fetch_all(visitor=True)[1] == LARGE
    assert stand_in.tokens == []
    hub.list_repository("dataset", NAME)
    assert stand_in.tokens == ["Bearer hf_secret"]  # the owner's own runs may use it


def test_a_watcher_can_break_a_download_off(stand_in: Hub, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    stand_in.bytes_per_second = 1_000_000

    def watcher(progress: hub.Progress) -> None:
        if progress.done > 1_000_000:
            raise Enough

    with pytest.raises(Enough), hub.watch(watcher):
        fetch_all()
    assert not list((tmp_path / "cache").rglob("*.incomplete"))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "cifar10",
        "a/b/c",
        "../etc/passwd",
        "/etc/passwd",
        "a/..",
        "a b/c",
        "a/b\n",
        "http://x/y",
        "a/b?c",
        "ä/b",
        None,
    ],
)
def test_other_things_than_names_never_reach_the_hub(name: str | None) -> None:
    with pytest.raises(UserError, match="must look like ORGANISATION/NAME"):
        hub.check_repository(name)


def test_the_environment_points_at_a_hub(stand_in: Hub, tmp_path: Path) -> None:
    """HF_ENDPOINT and HF_HOME are read by a process of its own, and nothing else is asked for (no telemetry)."""
    code = (
        "from cliptta_demo.backend.hub import downloads as hub\n"
        f"listing = hub.list_repository('dataset', {NAME!r})\n"
        "print(hub.fetch(listing, listing.files)[1].stat().st_size)"
    )
    environment = {**os.environ, "HF_ENDPOINT": stand_in.address, "HF_HOME": str(tmp_path / "home")}
    environment.pop("HF_HUB_OFFLINE", None)
    root = ROOT
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=root)
    assert result.stdout.strip() == str(len(LARGE)), result.stderr
    assert all(NAME in path or path.startswith("/cdn/") for _, path, _ in stand_in.requests), stand_in.requests
