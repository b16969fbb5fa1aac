"""The page inside another one: a frame as high as its page, as a Space's, and a part of the page for a slide."""

import pytest
from serving import PATIENCE

pytestmark = pytest.mark.browser
QUERY = "?batch_size=16&batches=2&steps=1"
PARTS = {"images": "#words", "chart": "#accuracy", "spread": "#entropy", "strangers": "#scores", "matrix": "#matrix"}
BESIDE = "(all, place) => all.filter(e => !e.closest(place)).map(e => e.textContent)"
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


@pytest.mark.parametrize("size", [(960, 640), (640, 420)])
def test_a_part_fills_its_frame_and_old_names_still_name_it(visit, size: tuple[int, int]) -> None:
    for query, place in PARTS.items():
        page = visit(*size, f"?view={query}&hide=title,controls,sentence")
        page.wait_for_selector(f"{place} .body > *", state="attached")
        page.wait_for_function("!document.querySelector('#first-paint')")
        page.wait_for_timeout(500)
        box = page.locator(place).bounding_box()
        assert box["x"] < 30, query
        assert box["y"] < 40, query
        assert box["width"] > size[0] - 60, query
        assert box["y"] + box["height"] > 0.9 * size[1], query
        assert page.evaluate("document.documentElement.scrollHeight") <= size[1], query
        assert page.locator("button:visible").evaluate_all(BESIDE, place) == [], query
        page.close()
