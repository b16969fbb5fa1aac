"""Measures how long a visitor waits: python -m tools.measure_startup

Prints the seconds from the start of the process to a page whose Run button can be pressed, and from the click on Run
to the first live update, as medians over a few fresh servers. With ``--phone``: when a slow phone, or a desktop, shows
text, numbers and charts of the page that it opens, and how far things shift meanwhile (Cumulative Layout Shift; 0.1 is
good).
"""

import argparse
import statistics
import time

from playwright.sync_api import Browser
from serving import profile, serve_process

ROUNDS = 5
SLOW_4G = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
WATCH = """
    window.seen = {}
    window.shifts = []
    const first = (name, places) => {
        const visible = (one) => one.checkVisibility({ visibilityProperty: true })
        if (name in seen || ![...document.querySelectorAll(places)].some(visible)) return
        seen[name] = performance.now() / 1000
    }
    const look = () => {
        first("text", "#lead .body")
        first("numbers", ".end .number")
        first("charts", ".plot svg")
        first("Run", "#run:enabled")
        first("plotly", "#accuracy .plot .main-svg")
        requestAnimationFrame(look)
    }
    look()
    new PerformanceObserver(list => list.getEntries().forEach(entry => entry.hadRecentInput || shifts.push([entry.value,
        ...entry.sources.map(source => [source.node?.id || source.node?.className || source.node?.nodeName,
            Math.round(source.previousRect.top), Math.round(source.currentRect.top)])])))
        .observe({ type: "layout-shift", buffered: true })
"""


def measure(browser: Browser) -> tuple[float, float, float]:
    """(server answers, page usable, first live update after the click), each in seconds."""
    began = time.monotonic()
    with serve_process() as (address, _, _):
        answers = time.monotonic() - began
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#run:enabled")
        page.wait_for_selector("#accuracy .plot", state="attached")
        usable = time.monotonic() - began
        clicked = time.monotonic()
        page.click("#run")
        page.wait_for_function("() => /step \\d/.test(document.querySelector('#progress').innerText)")
        first = time.monotonic() - clicked
        page.close()
        return answers, usable, first


def first_paint(browser: Browser, address: str, phone: bool) -> None:
    """Prints what a visitor with an empty cache sees when, in seconds from the click on a link to the page."""
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    page = browser.new_context(viewport=size, is_mobile=phone, has_touch=phone).new_page()
    if phone:
        tools = page.context.new_cdp_session(page)
        tools.send("Network.enable")
        tools.send("Network.emulateNetworkConditions", SLOW_4G)
        tools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(WATCH)
    page.goto(address, wait_until="commit")
    page.wait_for_function("() => 'plotly' in (window.seen ?? {})", timeout=120_000)
    page.wait_for_timeout(2_000)
    seen, shifts = page.evaluate("[seen, shifts]")
    told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in seen.items())
    print(f"{'phone' if phone else 'desktop'}: {told}; shift {sum(value for value, *_ in shifts):.2f}")
    for value, *sources in sorted(shifts, key=lambda shift: -shift[0])[:4]:
        print(f"    {value:.3f}: {sources}")
    page.context.close()


def main() -> None:
    """Runs the rounds and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phone", action="store_true", help="first paint of a slow phone and a desktop")
    if parser.parse_args().phone:
        with profile() as context, serve_process() as (address, _, _):
            browser = context.browser
            for phone in (True, False):
                first_paint(browser, address, phone)
        return
    with profile() as context:
        browser = context.browser
        rounds = [measure(browser) for _ in range(ROUNDS)]
    names = ("server answers", "page usable", "click to first live update")
    for name, values in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"{name}: {statistics.median(values):.1f} s  (all: {', '.join(f'{value:.1f}' for value in values)})")


if __name__ == "__main__":
    main()
