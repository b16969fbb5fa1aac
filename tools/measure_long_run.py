"""Measures a long run in the page: python -m tools.measure_long_run [--batches 157]

A browser runs so many batches of 64 images, pauses in the middle, takes the link, goes on, and saves the table of all
images at the end. Prints how long a curve takes to be drawn at the beginning, around the pause and at the end, the
page's memory, and how long pause, link and table took.
"""

import argparse
import statistics
import time

from playwright.sync_api import Page
from serving import be_patient, profile, serve_process

PROGRESS = "[data-testid=progress]"
WATCH = """() => {
    window.drawn = []
    const draw = window.cliptta.kinds.curves
    window.cliptta.kinds.curves = (...given) => {
        const began = performance.now()
        draw(...given)
        window.drawn.push(performance.now() - began)
    }
}"""


def drawing(page: Page, words: str) -> None:
    """Prints the median of the last drawings and the memory of the page's scripts."""
    last = page.evaluate("drawn.slice(-40)")
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    print(f"{words}: a curve takes {statistics.median(last):.0f} ms, scripts {heap:.0f} MB", flush=True)


def main() -> None:
    """Opens the page, runs, and prints what is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=157)
    batches = parser.parse_args().batches
    with serve_process() as (address, _, _), profile() as context:
        browser = context.browser
        page = browser.new_page(viewport={"width": 1440, "height": 1400})
        be_patient(page)
        page.goto(f"{address}/?batches={batches}")
        page.wait_for_selector("#message .note")
        page.evaluate(WATCH)
        page.click("#run")
        done = "count => Number(document.querySelector('[data-testid=progress] b')?.textContent) >= count"
        for words, count in (("after 10 batches", 10), ("in the middle", batches // 2)):
            page.wait_for_function(done, arg=count)
            drawing(page, words)
        pressed = time.monotonic()
        page.click("#pause")
        page.wait_for_selector(f"{PROGRESS}:has-text('paused')")
        print(f"paused after {time.monotonic() - pressed:.1f} s")
        page.wait_for_selector("#run:enabled")
        pressed = time.monotonic()
        page.click("#share")
        page.wait_for_selector(".link-note:not([hidden])")
        address = page.input_value(".link-note input")
        print(f"link after {time.monotonic() - pressed:.1f} s: {address.partition('?')[2]}")
        page.click("#run")
        page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
        drawing(page, "at the end")
        pressed = time.monotonic()
        page.click("#tab-explore")
        page.click("#results .title")
        page.wait_for_selector("#results .body tbody tr")
        print(f"table after {time.monotonic() - pressed:.1f} s")
        pressed = time.monotonic()
        with page.expect_download() as download:
            page.click("#export")
            page.click("#save-csv")
        rows = download.value.path().read_text(encoding="utf-8-sig").count("\n")
        print(f"file of {rows} lines after {time.monotonic() - pressed:.1f} s")


if __name__ == "__main__":
    main()
