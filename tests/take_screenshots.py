"""Takes the pictures of the README anew: python tests/take_screenshots.py

Runs the page's opening experiment in a real browser; writes assets/screenshot.png (wide), -dark.png and -phone.png.
"""

from __future__ import annotations

from playwright.sync_api import Browser
from serving import ROOT, chromium, serve

FINISHED = "() => /finished/.test(document.querySelector('#progress').innerText)"


def shoot(browser: Browser, address: str, name: str, width: int, height: int, scale: float = 1) -> None:
    """One finished run, photographed as a visitor with that window sees it."""
    context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#run:enabled")
    page.wait_for_selector("#scores .plot", state="attached")
    page.click("#run")
    page.wait_for_function(FINISHED, timeout=180_000)
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)  # the gauges glide to their last value
    page.screenshot(path=ROOT / "assets" / name)
    context.close()


def main() -> None:
    """Wide, dark and phone."""
    with chromium() as browser, serve() as address:
        shoot(browser, address, "screenshot.png", 1440, 1180)
        shoot(browser, f"{address}/?__theme=dark", "screenshot-dark.png", 1440, 1180)
        shoot(browser, address, "screenshot-phone.png", 390, 844, scale=2)


if __name__ == "__main__":
    main()
