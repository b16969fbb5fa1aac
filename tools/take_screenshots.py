"""Takes the pictures of the README anew: python -m tools.take_screenshots

Runs the page's opening experiment in a real browser; writes assets/screenshot.png, and run.gif, the run itself.
"""

import base64
import io

from PIL import Image
from playwright.sync_api import Browser
from serving import ROOT, profile, serve_process

FRAMES = 36  # of the moving picture, at most about so many
FINISHED = "() => /finished/.test(document.querySelector('#progress').innerText)"


def shoot(browser: Browser, address: str, name: str, width: int, height: int) -> None:
    """One finished run, photographed as a visitor with that window sees it."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(address)
    page.wait_for_selector("#run:enabled")
    page.wait_for_selector("#accuracy .main-svg", state="attached")
    page.click("#run")
    page.wait_for_function(FINISHED, timeout=180_000)
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)  # marks glide to their last place
    page.screenshot(path=ROOT / "assets" / name)
    page.close()


def film(browser: Browser, address: str, name: str, width: int, height: int, shown: int) -> None:
    """The run as an animated picture, ``shown`` pixels wide; the last frame stays for a while."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(address)
    page.wait_for_selector("#run:enabled")
    page.wait_for_selector("#accuracy .main-svg", state="attached")
    devtools = page.context.new_cdp_session(page)
    frames = []

    def keep(event: dict) -> None:
        frames.append(_frame(base64.b64decode(event["data"]), shown))
        devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    devtools.on("Page.screencastFrame", keep)
    page.click("#run")
    page.mouse.move(0, 0)
    page.wait_for_function("() => /batch/.test(document.querySelector('#progress').innerText)")
    devtools.send("Page.startScreencast", {"format": "png", "everyNthFrame": 2})
    page.wait_for_function(FINISHED, timeout=180_000)
    page.wait_for_timeout(800)
    devtools.send("Page.stopScreencast")
    frames.append(_frame(page.screenshot(), shown))
    if len(frames) < FRAMES // 2:
        raise SystemExit(f"{name} would have {len(frames)} frames only; try again when the machine is idle.")
    frames = frames[:: max(1, round(len(frames) / FRAMES))] + frames[-1:]
    palette = frames[-1].quantize(256, dither=Image.Dither.NONE)  # fewer would turn the methods' colours dull
    pictures = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [350] * (len(pictures) - 1) + [4000]
    pictures[0].save(ROOT / "assets" / name, save_all=True, append_images=pictures[1:], duration=times, loop=0)
    page.close()


def _frame(png: bytes, shown: int) -> Image.Image:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return image.resize((shown, round(image.height * shown / image.width)), Image.Resampling.LANCZOS)


def main() -> None:
    """Still and moving."""
    with profile() as context, serve_process() as (address, _, _):
        browser = context.browser
        shoot(browser, address, "screenshot.png", 1366, 768)
        film(browser, address, "run.gif", 1366, 768, shown=960)


if __name__ == "__main__":
    main()
