"""Measures a camera: python -m tools.measure_camera [--minutes 10]

A real browser plays a film to the page as its camera, with the form as the page opens. Prints the seconds from the
press to the first answer, the answers a second at each pace that the page offers, and then, for so many minutes at the
page's own pace, the memory of the server's process and of the page's scripts, once a minute.
"""

import argparse
import time

from playwright.sync_api import Page
from serving import be_patient, profile, serve_process

from tools.load import Process

ANSWERED = "#camera .answer .share:not(:empty)"
PACES = (1, 2, 4)
SETTLED = 15  # seconds at a pace before it is read: the page counts over its last ten answers


def status(page: Page) -> str:
    """What the page says of the camera's pace."""
    return page.inner_text("#camera .status")


def main() -> None:
    """Opens the page and prints what is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    minutes = parser.parse_args().minutes
    with serve_process() as (address, process, _), profile() as context:
        browser = context.browser
        server = Process(address, process.pid)
        page = browser.new_page()
        be_patient(page)
        page.goto(address)
        page.wait_for_selector("#run:enabled")
        page.wait_for_timeout(5_000)  # until what a visitor does not wait for is done
        pressed = time.monotonic()
        page.click("#your-camera")
        page.wait_for_selector(ANSWERED)
        print(f"first answer {time.monotonic() - pressed:.1f} s after the press", flush=True)
        for pace in PACES:
            page.click(f"#camera .paces [data-value='{pace}']")
            page.wait_for_timeout(1000 * SETTLED)
            print(f"{pace} frames a second: {status(page)}", flush=True)
        page.click("#camera .paces [data-value='2']")
        page.wait_for_timeout(1000 * SETTLED)
        tools = page.context.new_cdp_session(page)
        for minute in range(minutes + 1):
            tools.send("HeapProfiler.collectGarbage")
            scripts = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
            said = f"server {server.memory():.0f} MB, scripts {scripts:.0f} MB; {status(page)}"
            print(f"minute {minute}: {said}", flush=True)
            if minute < minutes:
                page.wait_for_timeout(60_000)


if __name__ == "__main__":
    main()
