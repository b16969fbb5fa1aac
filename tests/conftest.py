"""A real server and a real browser, for the tests marked ``browser``."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import cliptta_demo  # noqa: F401  (sets how OpenMP's threads wait, before any test imports torch)

ROOT = Path(__file__).parents[1]
START_SECONDS = 120
# Chromium as root in a container, without phoning home.
BROWSER_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# Gradio's own upload widget warns about this; nothing on the page depends on it.
HARMLESS = ("Method not implemented.",)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of the app, started as a visitor would start it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(address: str, process: subprocess.Popen, log) -> None:
    began = time.monotonic()
    while time.monotonic() - began < START_SECONDS:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    log.seek(0)
    pytest.fail("The app did not start:\n" + log.read().decode(errors="replace")[-3000:])


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests: the system's, or Playwright's own."""
    with sync_playwright() as driver:
        executable = shutil.which("chromium") or shutil.which("chromium-browser")
        running = driver.chromium.launch(executable_path=executable, args=list(BROWSER_FLAGS))
        yield running
        running.close()


class Watch:
    """What no visit may do: errors in the console, and requests to another host."""

    def __init__(self, page, address: str) -> None:
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        own = (address, "data:", "blob:")
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self._line(line))
        page.on("request", lambda request: request.url.startswith(own) or self.elsewhere.append(request.url))
        page.on("websocket", lambda socket: self.elsewhere.append(socket.url))

    def _line(self, line) -> None:
        if line.type == "error" and line.text not in HARMLESS:
            self.errors.append(line.text)


@pytest.fixture
def visit(browser, server):
    """``visit(width, height, **context)`` opens the page as a new visitor; all visits are checked at the end."""
    contexts, watches = [], []

    def open_page(width: int = 1440, height: int = 900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        page.set_default_timeout(30_000)
        contexts.append(context)
        watches.append(Watch(page, server))
        page.goto(server)
        page.wait_for_selector("#scores .empty", state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [error for watch in watches for error in watch.errors] == []
    assert [url for watch in watches for url in watch.elsewhere] == []
