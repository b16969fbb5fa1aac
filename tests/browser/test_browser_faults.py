"""A server that is killed under its visitors, and one whose disk is full: what a page and a program see of it."""

import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gradio_client
import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from serving import PATIENCE, be_patient, free_port, serve_process, wait_drawn, watch_streams
from visitors import API
from watching import PROGRESS, choose, done, show_settings, small, step, wait_done

pytestmark = pytest.mark.browser
OWN = 100  # images, each a batch
ROOM = 2**20  # bytes on the disk for uploads
IMAGES = {"headers": {"X-Visitor": "a program"}, "timeout": PATIENCE}
SETTINGS: dict[str, Any] = {"batch_size": 4, "adaptation": {"steps": 1}, "api_name": "/run"}


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Lets the folder hold ``ROOM`` bytes; False where this machine doesn't let us."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", str(folder)]
    with suppress(OSError):
        if subprocess.run(command, capture_output=True).returncode == 0:
            try:
                yield True
            finally:
                subprocess.run(["umount", "--lazy", str(folder)], check=True)
            return
    yield False


def opened(page: Page, address: str) -> None:
    page.goto(address)
    wait_drawn(page)


@pytest.fixture(scope="module")
def story(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A page and a program at work when their server is killed; it is started again, its disk almost full."""
    port, folder, told = free_port(), tmp_path_factory.mktemp("disk") / "uploads", {}
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    be_patient(page)
    watch_streams(page)
    with serve_process(GRADIO_SERVER_PORT=port) as (address, process, log):
        opened(page, address)
        small(page, batch_size=4, batches=200)
        program = gradio_client.Client(address, verbose=False)
        job = program.submit(batches=200, **SETTINGS)
        page.click("#run")
        wait_done(page, 1)
        told["progress"] = page.inner_text(PROGRESS)
        while not job.outputs():
            time.sleep(0.05)
        process.kill()
        process.wait()
        page.wait_for_selector(".toast-body")
        told["toast"] = page.inner_text(".toast-body")
        told["exception"] = job.exception(timeout=PATIENCE)
        told["first log"] = text_of(log)
    with (
        small_disk(folder) as mounted,
        serve_process(GRADIO_SERVER_PORT=port, GRADIO_TEMP_DIR=str(folder), CLIPTTA_DISK_RESERVE_MEGABYTES="0") as (
            address,
            process,
            log,
        ),
    ):
        page.wait_for_selector(".link-note:not([hidden])")  # the page has opened itself anew
        told["lost"], told["link"] = page.inner_text("#message"), page.input_value(".link-note input")
        told["form"] = {name: page.input_value(f"#{name} input[type=number]") for name in ("batch-size", "batches")}
        if not mounted:  # then no file may be larger, which is another error of the system's
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (ROOM, ROOM))
        told |= {"page": page, "address": address, "port": port, "process": process}
        yield told | {"program": program, "folder": folder, "log": log}
    page.close()


def text_of(log: Any) -> str:
    log.seek(0)
    return log.read().decode()


def test_opening_the_page_is_no_error(story: dict[str, Any]) -> None:
    assert "Error" not in story["progress"]
    assert "Traceback" not in story["first log"]


def test_a_killed_server_is_a_sentence_and_then_a_fresh_session(story: dict[str, Any]) -> None:
    assert "Connection to the server was lost" in story["toast"]
    assert story["exception"] is not None
    page = story["page"]
    assert page.is_enabled("#run")
    small(page, batch_size=4, batches=3)
    step(page)
    assert done(page) == 1
    assert page.locator("#message .error").count() == 0


def test_a_lost_run_is_told_of_and_its_settings_are_in_the_form_and_the_address(story: dict[str, Any]) -> None:
    page = story["page"]
    assert "your runs on it are gone" in story["lost"]
    assert story["form"] == {"batch-size": "4", "batches": "200"}
    assert parse_qs(urlsplit(story["link"]).query) == {"batch_size": ["4"], "batches": ["200"]}
    assert page.url == story["link"]


def test_a_program_goes_on_with_the_server_that_came_after(story: dict[str, Any]) -> None:
    assert story["program"].predict(batches=1, **SETTINGS)["batch"] == 1
    params = {"session_hash": "before"}  # whose run the killed server took with it
    with httpx.stream("GET", f"{story['address']}{API}/queue/data", params=params, timeout=PATIENCE) as stream:
        words = next(line for line in stream.iter_lines() if "session_not_found" in line)
    assert "Traceback" not in words


def stored(folder: Path) -> list[Path]:
    """Files of visitors, whole or not."""
    return list(folder.glob("cliptta-*/*"))


def test_a_full_disk_is_a_sentence_and_leaves_nothing(story: dict[str, Any], tmp_path: Path) -> None:
    page, folder = story["page"], story["folder"]
    unannounced = iter([bytes(ROOM // 16)] * 32)
    refused = httpx.post(f"{story['address']}/images", content=unannounced, **IMAGES)
    assert "has no room for more images" in refused.text
    assert stored(folder) == []
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")  # 2.4 MB
    Image.new("RGB", (64, 64), "red").save(tmp_path / "small.png")
    choose(page, "dataset", "Your images")
    show_settings(page)
    page.wait_for_selector("#files input[type=file]", state="attached")
    page.set_input_files("#files input[type=file]", str(tmp_path / "large.png"))
    page.wait_for_selector("#files .status:has-text('has no room for more images')")
    assert "large.png could not be sent" in page.inner_text("#files .status")
    assert stored(folder) == []
    page.set_input_files("#files input[type=file]", [str(tmp_path / "large.png"), str(tmp_path / "small.png")])
    page.wait_for_selector("#upload-note .note:has-text('1 image ready')")
    assert len(stored(folder)) == 1
    page.fill("#class-names textarea", "a red square, the sea")
    show_settings(page, False)
    step(page)
    assert page.inner_text("#words .tile .truth") == "small.png"
    log = text_of(story["log"])
    assert "No space left" not in log
    assert "File too large" not in log


def test_whoever_leaves_in_the_middle_of_an_upload_leaves_nothing(story: dict[str, Any]) -> None:
    seen, before = [], set(stored(story["folder"]))

    def new() -> set[Path]:
        return set(stored(story["folder"])) - before

    def part() -> Iterator[bytes]:
        yield from [bytes(2**16)] * (ROOM // 2**17)
        patience = time.monotonic() + PATIENCE
        while not new() and time.monotonic() < patience:
            time.sleep(0.05)
        seen.extend(new())
        raise ConnectionError("the tab was closed")

    with pytest.raises(ConnectionError):
        httpx.post(f"{story['address']}/images", content=part(), **IMAGES)
    assert len(seen) == 1
    deadline = time.monotonic() + PATIENCE
    while new() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not new()


def test_own_images_have_to_be_added_again_after_a_restart(story: dict[str, Any], tmp_path: Path) -> None:
    """Told to stop in the middle of a run, and started again."""
    page, process = story["page"], story["process"]
    for number in range(OWN):
        Image.new("RGB", (8, 8), (number, 255 - number, 99)).save(tmp_path / f"{number}.png")
    show_settings(page)
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#upload-note .note", state="detached")
    page.set_input_files("#files input[type=file]", [str(path) for path in tmp_path.iterdir()])
    page.wait_for_selector(f"#upload-note .note:has-text('{OWN} images ready')")
    show_settings(page, False)
    small(page, batch_size=1, batches=OWN)
    page.evaluate("document.querySelector('[data-testid=progress]').textContent = ''")
    page.click("#run")
    wait_done(page, 1)
    process.terminate()
    page.wait_for_selector("#message .note:has-text('being restarted')")
    assert "nothing of it is kept" in page.inner_text("#message")
    process.wait(PATIENCE)
    page.click("#run")  # Gradio looks for its server from now on, if it does not already
    page.wait_for_selector(".toast-body")
    with serve_process(GRADIO_SERVER_PORT=story["port"]):
        page.wait_for_selector("#message .note:has-text('was restarted')")
        assert "add your images again" in page.inner_text("#message")
        assert page.input_value("#class-names textarea") == "a red square, the sea"
        page.wait_for_selector("#files", state="attached")
        page.reload()
        page.wait_for_selector("#message .note")  # the link's, which is in the address
        assert "was restarted" not in page.inner_text("#message")
