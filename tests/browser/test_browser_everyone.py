"""The page for everyone: axe-core's rules for WCAG 2.1 AA, a visit without a mouse, and one with a camera."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from serving import PATIENCE, be_patient
from test_browser_run import set_number, small, step, wait_idle

pytestmark = pytest.mark.browser
QUERY = "?batches=2&batch_size=16&steps=1"

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
WANTED = set("run step share class-names severity methods backbone advanced accuracy gallery toy".split())  # noqa: SIM905
FINISHED = "() => /finished/.test(document.querySelector('#progress').innerText)"
FOCUS = """() => {
  const around = [document.activeElement];
  while (around.at(-1).parentElement) around.push(around.at(-1).parentElement);
  const drawn = (style) => style.outlineStyle !== 'none' || /0px 0px 0px [1-9]px/.test(style.boxShadow);
  return { ids: around.map((one) => one.id), seen: around.slice(0, 5).some((one) => drawn(getComputedStyle(one))) };
}"""

ANSWERED = "#camera .answer .share:not(:empty)"
STATE = """() => {
    const video = document.querySelector('#camera video');
    return [Boolean(video.srcObject), document.querySelector('#camera .seen img').hasAttribute('src')];
}"""


def violations(page: Page) -> list[str]:
    """What breaks a rule, one line each."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_breaks_a_rule_of_wcag(visit, scheme: str) -> None:
    """In a narrow and in a wide window, after a run with strangers, and beside an error."""
    page = visit(390, 844, scheme=scheme)
    page.wait_for_selector("#run:enabled")
    for fold in ("#drift", "#words"):
        page.click(f"{fold} summary")
    page.wait_for_selector("#drift .plot .main-svg", state="attached")
    assert violations(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_selector("#sidebar", state="visible")
    assert violations(page) == []
    small(page, batch_size=16, batches=1)
    set_number(page, "ood-share", 0.5)
    page.click("#methods summary")
    page.check("#methods [value=cliptta-oce]")
    page.wait_for_selector("#methods .chosen li:has-text('OCE')")
    page.click("#methods summary")
    page.click("#run")
    page.wait_for_function(FINISHED)
    assert violations(page) == []
    page.fill("#class-names textarea", "cat")
    wait_idle(page)
    page.click("#run")
    page.wait_for_selector("[data-testid=message].error")
    assert violations(page) == []


def test_a_visit_without_a_mouse(page: Page) -> None:
    page.focus("#run")
    page.keyboard.press("Enter")
    page.wait_for_function(FINISHED)
    page.wait_for_selector("#gallery .tiles")
    page.wait_for_selector("#toy svg", state="attached")
    reached, unseen = set(), []
    for _ in range(160):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        reached |= set(focus["ids"])
        if len(focus["ids"]) > 2 and not focus["seen"]:  # fewer are the page itself
            unseen.append(focus["ids"][:5])
    assert unseen == []  # whoever tabs sees where they are
    assert sorted(WANTED - reached) == []
    page.focus("#gallery .tiles")
    page.keyboard.press("Enter")
    assert page.locator(".enlarged[open] section").count() == 3
    page.keyboard.press("Enter")  # on Close, which has the focus
    assert page.is_hidden(".enlarged")


def test_each_press_on_follow_the_arrows_moves_the_points(page: Page) -> None:
    page.locator("#toy").scroll_into_view_if_needed()
    for _ in range(10):  # a frame's time may lie before the press or after it
        page.click("#toy button:has-text('All lean one way')")
        page.wait_for_selector("#toy .trail", state="attached")
        first = page.locator("#toy .point >> nth=0")
        start = first.get_attribute("cx")
        page.click("#toy button:has-text('Follow the arrows')")
        page.wait_for_function("at => document.querySelector('#toy .point').getAttribute('cx') !== at", arg=start)


def test_the_toys_points_move_by_arrow_keys(page: Page) -> None:
    page.locator("#toy").scroll_into_view_if_needed()
    page.wait_for_selector("#toy .trail", state="attached")
    toy = page.locator("#toy .triangle > svg").nth(1)
    toy.focus()
    before = toy.get_attribute("aria-label")
    page.keyboard.press("Space")
    for key in ["ArrowDown"] * 12 + ["ArrowLeft"] * 12:
        page.keyboard.press(key)
    assert "point 2 of 8" in toy.get_attribute("aria-description")
    assert (before, toy.get_attribute("aria-label")) == ("CLIPTTA: 8 cat, 0 dog, 0 car", "CLIPTTA: 7 cat, 1 dog, 0 car")
    page.wait_for_function("() => document.querySelectorAll('#toy .trail').length === 16")


def cameras(page, server: str, wanted: int) -> None:
    """Waits until so many are at work on the server."""
    for _ in range(10 * PATIENCE):
        if httpx.get(f"{server}/health").json()["cameras_at_work"] == wanted:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"not {wanted} cameras")


def test_a_camera_is_answered_judged_and_keeps_nothing(page, server, known_browser):
    assert page.locator("#camera .camera").is_hidden()
    assert page.evaluate(STATE) == [False, False]
    cameras(page, server, 0)
    page.click("#your-camera")
    page.wait_for_selector(ANSWERED)
    assert page.locator("#camera").is_visible()
    assert not page.locator("#stage, #sentence").evaluate_all("them => them.some(one => one.checkVisibility())")
    cameras(page, server, 1)
    classes = page.input_value("#class-names textarea").split(", ")
    words = page.locator("#camera .word").all_inner_texts()
    assert len(words) == 3
    assert set(words) <= set(classes)
    assert page.evaluate(STATE) == [True, True]
    assert not page.locator("#camera .right").all_inner_texts()[0]
    page.keyboard.press("2")
    page.wait_for_selector("#camera .right:has-text('right')")
    assert page.locator("#camera .truths [aria-pressed=true]").all_inner_texts() == [f"2{classes[1]}"]
    before = page.get_attribute("#camera .seen img", "src")
    page.click("#camera [data-value=frost]")
    page.wait_for_function("old => document.querySelector('#camera .seen img').src !== old", arg=before)
    page.click("#camera .paces [data-value='4']")
    page.wait_for_selector("#camera .status:has-text('answers a second')")
    assert violations(page) == []
    step(page)  # the stage is a run's again
    assert page.evaluate(STATE) == [False, False]
    assert page.locator("#camera .camera").is_hidden()
    assert page.locator("#sentence").is_visible()
    cameras(page, server, 0)
    page.click("#your-camera")
    page.wait_for_selector(ANSWERED)

    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#camera .status:has-text('out of sight')")
    assert page.evaluate(STATE) == [False, False]
    cameras(page, server, 0)
    page.evaluate("delete document.hidden")
    page.click("#camera .go")
    page.wait_for_selector("#camera .go:has-text('Stop')")
    page.wait_for_function("() => document.querySelector('#camera .seen img').hasAttribute('src')")
    page.goto("about:blank")  # leaves, and says so
    cameras(page, server, 0)

    plain = known_browser.new_page()  # neither https nor localhost
    be_patient(plain)
    plain.goto(server.replace("127.0.0.1", "plain.test"))
    plain.wait_for_selector("#gallery .body > *", state="attached")
    plain.click("#your-camera")
    plain.wait_for_selector("#camera .status.error:has-text('over https or on localhost only')")
    plain.close()
