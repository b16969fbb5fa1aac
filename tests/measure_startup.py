"""Measures how long a visitor waits: python tests/measure_startup.py

Prints the seconds from the start of the process to a page whose Run button can be pressed, and from the click on Run
to the first live update, as medians over a few fresh servers.
"""

from __future__ import annotations

import statistics
import time

from playwright.sync_api import Browser
from serving import chromium, serve

ROUNDS = 5


def measure(browser: Browser) -> tuple[float, float, float]:
    """(server answers, page usable, first live update after the click), each in seconds."""
    began = time.monotonic()
    with serve() as address:
        answers = time.monotonic() - began
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#run:enabled")
        page.wait_for_selector("#scores .plot", state="attached")
        usable = time.monotonic() - began
        clicked = time.monotonic()
        page.click("#run")
        page.wait_for_function("() => /step \\d/.test(document.querySelector('#progress').innerText)")
        first = time.monotonic() - clicked
        page.close()
        return answers, usable, first


def main() -> None:
    """Runs the rounds and prints the medians."""
    with chromium() as browser:
        rounds = [measure(browser) for _ in range(ROUNDS)]
    names = ("server answers", "page usable", "click to first live update")
    for name, values in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"{name}: {statistics.median(values):.1f} s  (all: {', '.join(f'{value:.1f}' for value in values)})")


if __name__ == "__main__":
    main()
