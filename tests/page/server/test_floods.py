"""A real server with tiny bounds under floods of uploads and of sessions: nothing outgrows them or stays behind."""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from asking import API, Answer, Asker, read_update
from serving import serve_process
from visitors import Server, request

MB = 1_000_000
VISITOR, TOTAL = 2, 6  # MB on disk
SESSIONS = 19  # MB in memory; a run of SMALL needs some fifteen while it is at work
LIMITS = {
    "CLIPTTA_VISITOR_MEGABYTES": str(VISITOR),
    "CLIPTTA_UPLOADS_MEGABYTES": str(TOTAL),
    "CLIPTTA_LEAVE_SECONDS": "2",
    "CLIPTTA_SESSIONS": "40",
    "CLIPTTA_SESSION_MEGABYTES": "6",
    "CLIPTTA_SESSIONS_MEGABYTES": str(SESSIONS),
}
# Zero-shot and both CLIPTTAs remember some forty images of 12 KB each: about a megabyte and a half a session.
SMALL = {"batch_size": 64, "batches": 1, "steps": 1, "memory_shots": 4, "methods": ["cliptta", "cliptta-oce"]}
SECONDS = 300  # for what takes a second or two on an idle machine


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("uploads").resolve()
    settings = {**LIMITS, "GRADIO_TEMP_DIR": str(folder), "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    with serve_process("tests/watched_server.py", **settings) as (address, process, log):
        asker = Asker(address)
        wait_until(lambda: health(asker)["status"] == "ok")
        yield {"asker": asker, "server": Server(address, process.pid), "folder": folder}
        assert process.poll() is None
        log.seek(0)
        text = log.read().decode(errors="replace")
    assert "Traceback" not in text
    assert '"level": "error"' not in text


def health(asker: Asker) -> dict[str, Any]:
    return asker.client.get("/health").json()


def wait_until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def on_disk(folder: Path) -> int:
    """Bytes of blocks, folders included; a file that is moved meanwhile may be met twice and counts once."""
    blocks = {}
    for path in folder.rglob("*"):
        try:
            found = path.lstat()
        except FileNotFoundError:  # deleted at this moment
            continue
        blocks[found.st_ino] = found.st_blocks * 512
    return sum(blocks.values())


def flood(asker: Asker, folder: Path, visitors: list[str], count: int) -> tuple[list[httpx.Response], int]:
    """The answers to uploads of ``count`` bytes by these visitors, and the most that lay on the disk meanwhile."""
    peak, over = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.1):
            peak = max(peak, on_disk(folder))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda visitor: asker.upload(os.urandom(count), visitor), visitors))
    over.set()
    watcher.join()
    return answers, max(peak, on_disk(folder))


def clear(story: dict[str, Any], answers: list[httpx.Response]) -> None:
    """Takes whatever arrived, as a page would, and removes it."""
    places = [answer.json()["path"] for answer in answers if answer.status_code == 200]
    session = uuid.uuid4().hex
    story["asker"].take(session, added=[{"path": place, "name": f"{place}.png"} for place in places])
    story["asker"].clear(session)


BY = {  # whose uploads → the bound that they meet, how it is said, bytes and number of files
    "nobody's, tiny": (VISITOR, "2 MB, the most that this server keeps for one visitor", 1, [""] * 150),
    "nobody's": (VISITOR, "2 MB, the most that this server keeps for one visitor", 300_000, [""] * 40),
    "made up visitors'": (TOTAL, "The server has no room for more images", 300_000, [str(one) for one in range(60)]),
}


@pytest.mark.parametrize("whose", BY)
def test_a_flood_of_uploads_meets_its_bound_and_is_gone_with_its_session(story: dict[str, Any], whose: str) -> None:
    most, words, count, visitors = BY[whose]
    answers, peak = flood(story["asker"], story["folder"], visitors, count)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 20 < len(refused) < len(answers)
    assert {answer.status_code for answer in refused} == {413}
    assert all(words in answer.text for answer in refused)
    print(f"{count} bytes × {len(answers)}: {len(refused)} refused, at most {peak / MB:.2f} MB on the disk")
    assert peak <= most * MB + 100_000
    clear(story, answers)
    wait_until(lambda: stored(story) == [])


def stored(story: dict[str, Any]) -> list[Path]:
    return list(story["folder"].glob("cliptta-*/*"))


def test_gradios_own_way_for_files_is_closed(story: dict[str, Any]) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n1\r\n--x--\r\n'
    answer = story["asker"].post(f"{API}/upload", body, "multipart/form-data; boundary=x")
    assert answer.status_code == 404
    assert list(story["folder"].rglob("*.png")) == []


def run(story: dict[str, Any], session: str, part: str = "", **settings: Any) -> Answer:
    function, data = request(story["server"], True, **{**SMALL, **settings})
    return story["asker"].call(function, data, session)


def test_sessions_stay_under_their_bound_and_the_oldest_idle_one_goes(story: dict[str, Any]) -> None:
    asker = story["asker"]
    save = asker.function("save-csv", "click")["id"]
    names = [f"visitor{index}" for index in range(8)]
    held = []
    for name in names:
        assert "finished" in run(story, name).text
        held.append(health(asker)["held"])
    print("MB of sessions:", [round(one["session_bytes"] / MB, 1) for one in held])
    assert max(one["session_bytes"] for one in held) <= SESSIONS * MB
    assert all("cliptta-results" in asker.call(save, [None], name).text for name in names[-2:])
    lost = asker.call(save, [None], names[0])
    assert "its 1 batch and their results are gone" in lost.text
    assert "press Run to start it again" in lost.text
    again = run(story, names[0])
    assert again.success
    assert "it started again from the source model" in again.text
    assert "cliptta-results" in asker.call(save, [None], names[0]).text


def test_a_run_at_work_never_goes_and_ends_as_if_alone(story: dict[str, Any]) -> None:
    asker, found = story["asker"], []
    save = asker.function("save-csv", "click")["id"]
    long = {"batches": 5, "steps": 2}
    thread = threading.Thread(target=lambda: found.append(run(story, "long", **long)))
    thread.start()
    wait_until(lambda: health(asker)["runs_at_work"] == 1)
    for index in range(5):  # more than there is room for
        run(story, f"other{index}")
    thread.join(SECONDS)
    assert found[0].success
    assert "finished" in found[0].text
    text = asker.call(save, [None], "long").text
    assert "cliptta-results" in text


def test_a_run_that_could_hold_too_much_is_refused_before_its_first_step(story: dict[str, Any]) -> None:
    refused = run(story, "greedy", memory_shots=64, batches=20)
    assert re.search(r"64 shots .{1,6} 12 classes at 64 pixels keep up to [\d.]+ MB; this page .* 6.0 MB", refused.text)
    assert health(story["asker"])["runs_at_work"] == 0


def test_more_sessions_than_are_counted_leave_no_more_behind(story: dict[str, Any]) -> None:
    asker = story["asker"]
    for index in range(44):
        asker.take(f"many{index}", added=[])
    wait_until(lambda: health(asker)["held"]["sessions"] <= 40)
    held = health(asker)["held"]
    assert held["at_work"] == held["turns"] == held["aside"] == 0
    assert held["last_used"] <= 40
    assert read_update(asker.take("many43", added=[]))[0] == 0
