"""What is seen before Gradio's scripts have come: true, where it will stay, and gone when the page has come."""

import json
import re
from functools import partial

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext
from serving import PATIENCE, wait_drawn

from cliptta_demo.page.panels.stage import load_example

pytestmark = pytest.mark.browser
FIRST = "#first-paint"
GRADIOS = "**/assets/index-*.js"  # what draws the page
PLACES = """root => Object.fromEntries(["h1", "#settings, #top > button:nth-of-type(3)", "#sentence p", "#words .tile",
    "#accuracy .plot", ".end", "#entropy .plot", "#answers svg"].map(part => {
    const { x, y, width, height } = document.querySelector(`${root} :is(${part})`).getBoundingClientRect()
    return [part, [x, y, width, height]]
}))"""
COUNT_FRAMES = """
    const native = window.requestAnimationFrame.bind(window)
    window.frames_asked = 0
    window.requestAnimationFrame = call => (window.frames_asked += 1, native(call))
"""
# A second in which fewer than five are asked for; before, each of them had thirty to sixty.
AT_REST = "() => { const before = window.seen; window.seen = window.frames_asked; return window.seen - before < 5 }"
get = partial(httpx.get, timeout=PATIENCE)
SHARES = re.compile(r"(\d+\.\d)\s*%")


def visitor(browser: Browser, phone: bool = False, **about) -> BrowserContext:
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(viewport=size, is_mobile=phone, has_touch=phone, **about)
    context.set_default_timeout(1000 * PATIENCE)
    return context


def test_without_scripts_it_shows_the_example_and_says_what_is_missing(browser: Browser, server: str) -> None:
    with visitor(browser, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(server)
        said = page.inner_text(FIRST)
        ends = [own["last"] for own in json.loads(load_example()["accuracy"])["methods"]]
        assert SHARES.findall(said) == [f"{100 * end:.1f}" for end in ends]
        assert len(ends) == 3
        learning = "never trained on. All but zero-shot go on learning, without labels"
        for words in (learning, "Tiny CLIP", "Recorded example", "runs on JavaScript"):
            assert words in said
        assert page.title().startswith("CLIPTTA")


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_it_stands_where_the_page_will_and_goes_when_that_has_come(browser: Browser, server: str, phone: bool) -> None:
    with visitor(browser, phone, color_scheme="dark") as context:
        page = context.new_page()
        held = []
        page.route(GRADIOS, lambda route: held.append(route))
        page.goto(server, wait_until="commit")
        page.wait_for_selector(f"{FIRST} #accuracy polyline")
        first, ground = page.evaluate(PLACES, FIRST), page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == "rgb(15, 19, 23)"  # dark from the beginning
        assert "JavaScript" not in page.inner_text(FIRST)
        while not held:
            page.wait_for_timeout(50)
        held[0].continue_()
        wait_drawn(page)
        assert page.locator(FIRST).count() == 0
        page.wait_for_selector("#run")
        assert page.locator(".masthead").count() == 1
        place = page.evaluate(PLACES, "gradio-app")
        for part, where in place.items():
            assert first[part] == pytest.approx(where, abs=1.5), part


def test_what_an_address_changes_is_not_shown_beforehand(server: str) -> None:
    def first(query: str) -> str:
        page = get(server + query).text
        found = re.search('<div id="first-paint".*?(?=<gradio-app)', page, re.DOTALL)
        return found.group() if found else ""

    assert 'id="answers"' in first("/?__theme=dark")
    assert "<h1>" in first("/?severity=5")
    assert not re.search('id="(answers|small-line|model-line)', first("/?severity=5&__theme=dark"))
    assert first("/?view=chart") == first("/?hide=title") == ""


def test_the_page_comes_packed_and_what_it_asks_for_is_kept_by_the_browser(server: str) -> None:
    page = get(server, headers={"accept-encoding": "gzip"})
    assert page.headers["content-encoding"] == "gzip"
    assert int(page.headers["content-length"]) < 70_000  # 650,000 with the example's pictures, and not packed
    assert get(server, headers={"accept-encoding": "identity"}).text == page.text
    for name in ("page.css", "page.js"):
        (address, *_) = re.findall(rf'"({name}\?v=\w+)"', page.text)
        assert "immutable" in get(f"{server}/{address}").headers["cache-control"]
    assert "immutable" not in page.headers.get("cache-control", "")


def test_a_page_at_rest_asks_for_hardly_a_frame(browser: Browser, server: str) -> None:
    """The clock of Gradio's loading screen, which never stops, asks for as many as a machine can draw."""
    with visitor(browser) as context:
        page = context.new_page()
        page.add_init_script(COUNT_FRAMES)
        page.goto(server)
        page.wait_for_selector("#accuracy .plot .main-svg")
        page.wait_for_selector(FIRST, state="detached")
        page.wait_for_function(AT_REST, polling=1000)
