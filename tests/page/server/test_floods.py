"""A real server with tiny bounds under floods of uploads and of sessions: nothing outgrows them or stays behind."""

import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from asking import API, Answer, Asker
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


Story = tuple[Asker, Server, Path]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("uploads").resolve()
    settings = {**LIMITS, "GRADIO_TEMP_DIR": str(folder), "TMPDIR": str(folder)}
    with serve_process("tests/watched_server.py", **settings) as (address, process, log):
        asker = Asker(address)
        wait_until(lambda: asker.health()["status"] == "ok")
        yield asker, Server(address, process.pid), folder
        assert process.poll() is None
        log.seek(0)
        text = log.read().decode(errors="replace")
    assert "Traceback" not in text
    assert '"level": "error"' not in text


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


BY = {  # whose uploads → the bound that they meet, how it is said, bytes and number of files
    "nobody's, tiny": (VISITOR, "2 MB, the most that this server keeps for one visitor", 1, [""] * 150),
    "made up visitors'": (TOTAL, "The server has no room for more images", 300_000, [str(one) for one in range(45)]),
}


@pytest.mark.parametrize("whose", BY)
def test_a_flood_of_uploads_meets_its_bound_and_is_gone_with_its_session(story: Story, whose: str) -> None:
    asker, _, folder = story
    most, words, count, visitors = BY[whose]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda visitor: asker.upload(os.urandom(count), visitor), visitors))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 20 < len(refused) < len(answers)
    assert {answer.status_code for answer in refused} == {413}
    assert all(words in answer.text for answer in refused)
    assert sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) <= most * MB + 100_000
    places = [answer.json()["path"] for answer in answers if answer.status_code == 200]
    session = uuid.uuid4().hex  # takes whatever arrived, as a page would, and removes it
    asker.take(session, added=[{"path": place, "name": f"{place}.png"} for place in places])
    asker.clear(session)
    wait_until(lambda: not list(folder.glob("cliptta-*/*")))


def test_gradios_own_way_for_files_is_closed(story: Story) -> None:
    asker, _, folder = story
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n1\r\n--x--\r\n'
    assert asker.post(f"{API}/upload", body, "multipart/form-data; boundary=x").status_code == 404
    assert list(folder.rglob("*.png")) == []


def test_sessions_stay_under_their_bound_and_the_oldest_idle_one_goes(story: Story) -> None:
    asker, server, _ = story
    held = []

    def run(visitor: str) -> Answer:
        return asker.call(*request(server, True, **SMALL), visitor)

    def save(visitor: str) -> str:
        return asker.call(asker.function("save-csv", "click")["id"], [None], visitor).text

    names = [f"visitor{index}" for index in range(8)]
    for name in names:
        assert "finished" in run(name).text
        held.append(asker.health()["held"]["session_bytes"])
    assert max(held) <= SESSIONS * MB
    assert all("cliptta-results" in save(name) for name in names[-2:])
    assert re.search("its 1 batch and their results are gone.*press Run to start it again", save(names[0]))
    again = run(names[0])
    assert again.success
    assert "it started again from the source model" in again.text
    assert "cliptta-results" in save(names[0])
