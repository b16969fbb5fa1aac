"""Measures how long a visitor waits: python tests/measure_startup.py

Prints the seconds from the start of the process to a page whose Run button can be pressed, and from the click on Run
to the first live update, as medians over a few fresh servers.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

from conftest import BROWSER_FLAGS, ROOT
from playwright.sync_api import Browser, sync_playwright

ROUNDS = 3


def measure(browser: Browser) -> tuple[float, float, float]:
    """(server answers, page usable, first live update after the click), each in seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    began = time.monotonic()
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        answers = time.monotonic() - began
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#run:enabled")
        page.wait_for_selector("#scores .empty", state="attached")
        usable = time.monotonic() - began
        before = page.inner_text("#cards")
        clicked = time.monotonic()
        page.click("#run")
        page.wait_for_function("before => document.querySelector('#cards').innerText !== before", arg=before)
        page.wait_for_function("() => /%/.test(document.querySelector('#cards').innerText)")
        first = time.monotonic() - clicked
        page.close()
        return answers, usable, first
    finally:
        server.terminate()
        server.wait(20)


def main() -> None:
    """Runs the rounds and prints the medians."""
    with sync_playwright() as driver:
        executable = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = driver.chromium.launch(executable_path=executable, args=list(BROWSER_FLAGS))
        rounds = [measure(browser) for _ in range(ROUNDS)]
        browser.close()
    for name, values in zip(
        ("server answers", "page usable", "click to first live update"), zip(*rounds, strict=True), strict=True
    ):
        print(f"{name}: {statistics.median(values):.1f} s  (all: {', '.join(f'{value:.1f}' for value in values)})")


if __name__ == "__main__":
    main()
