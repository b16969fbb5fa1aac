"""The page inside another one: a frame as high as its page, as a Space's, and a part of the page for a slide."""

import pytest
from playwright.sync_api import TimeoutError
from serving import PATIENCE

pytestmark = pytest.mark.browser
QUERY = "?batch_size=16&batches=2&steps=1"
# With an older link's names among them.
PARTS = {
    "images": ["words"],
    "curves": ["accuracy", "entropy"],
    "predictions": ["answers"],
    "strangers": ["scores"],
    "triangles": ["toy"],
    "matrix": ["matrix"],
    "loss": ["story"],
    "ranking": ["ranking"],
}
# What keeps these parts from being all that there is in the frame, and all that fits in.
AMISS = """(places) => {
    const { scrollHeight, scrollWidth } = document.documentElement
    const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && one.offsetHeight
    const seen = (all) => [...document.querySelectorAll(all)].filter(shown)
    const boxes = places.map((id) => document.getElementById(id)?.getBoundingClientRect() ?? {})
    const said = [
        [document.querySelector("#first-paint") || !boxes.every(({ height }) => height > 60), "not drawn"],
        [scrollHeight > innerHeight || scrollWidth > innerWidth, "scrolls"],
        [boxes.some(({ width }) => width < innerWidth - 50) || boxes.at(-1).bottom < innerHeight - 16, "doesn't fill"],
        [seen(".body").some((body) => body.scrollHeight > body.clientHeight + 1 || !body.innerText), "not all seen"],
    ]
    const others = seen(".depth .panel").filter((panel) => !panel.closest(places.map((id) => `#${id}`)))
    const buttons = seen("button").filter((button) => button.id !== "run" && !button.closest(".depth, #lessons"))
    const beside = [...others, ...buttons].map((one) => one.innerText)
    return [...said.filter(([bad]) => bad).map(([, what]) => what), ...beside]
}"""
# As a Space's: it is told the height of what it holds, again and again; at rest, while a run comes, and behind it.
FRAME = """async ([address, height]) => {
    document.body.innerHTML = `<iframe src="${address}" style="width:1366px;height:${height}px;border:0"></iframe>`
    const frame = document.querySelector("iframe")
    const inside = (selector) => frame.contentDocument?.querySelector(selector)
    const heights = []
    const until = async (done) => {
        do {
            await new Promise((moment) => setTimeout(moment, 100))
            if (!inside("#words .tile") || inside("#first-paint")) continue
            const { scrollHeight, scrollWidth } = frame.contentDocument.documentElement
            heights.push([scrollHeight, scrollWidth])
            frame.style.height = `${scrollHeight}px`
        } while (heights.length < 4 || !done())
    }
    await until(() => inside("#run:enabled"))
    inside("#run").click()
    await until(() => /finished/.test(inside("#progress").innerText))
    await until(() => inside("#run:enabled"))
    return heights
}"""


@pytest.mark.parametrize("height", [150, 900])
def test_a_frame_that_is_as_high_as_its_page_stays_so(browser, server: str, height: int) -> None:
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(f"{server}/gradio_api/startup-events")
    first, *later = page.evaluate(FRAME, [server + QUERY, height])
    assert first[0] <= max(height, 768)
    assert first[1] == 1366
    assert set(map(tuple, later)) == {tuple(first)}
    page.close()


def test_a_part_fills_its_frame_with_run_in_a_corner(visit) -> None:
    for name, places in PARTS.items():
        page = visit(960, 640, f"?view={name}")
        for width, height in [(960, 640), (640, 420)]:
            page.set_viewport_size({"width": width, "height": height})
            try:
                page.wait_for_function(f"places => !({AMISS})(places).length", arg=places)
            except TimeoutError:
                assert page.evaluate(AMISS, places) == [], (name, width)
            if name == "images":
                assert page.locator("#words .tile:visible").count() in (6, 12)  # whole rows
    page = visit(960, 640, "?view=words&show=settings")
    page.wait_for_selector("#step:visible")
    assert not page.is_visible("#top")
