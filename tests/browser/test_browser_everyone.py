"""The page for everyone: axe-core's rules for WCAG 2.2 AA, visits without a mouse, on a phone, with a camera."""

import re

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from serving import PATIENCE, be_patient, wait_drawn
from watching import set_number, small, step, wait_done, wait_idle

pytestmark = pytest.mark.browser
QUERY = "?batches=4&batch_size=16&steps=1"

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
WANTED = set("tab-watch settings share run step dataset corruption severity learning-rate methods words".split())  # noqa: SIM905
IN_DRAWER = {"class-names", "backbone", "batch-size", "steps"}
FINISHED = "() => /finished/.test(document.querySelector('#progress').innerText)"
FOCUS = """() => {
  const around = [document.activeElement];
  while (around.at(-1).parentElement) around.push(around.at(-1).parentElement);
  const drawn = (style) => style.outlineStyle !== 'none' || /0px 0px 0px [1-9]px/.test(style.boxShadow);
  return { ids: around.map((one) => one.id), seen: around.slice(0, 5).some((one) => drawn(getComputedStyle(one))) };
}"""
FOCUSED = "() => [document.activeElement, document.activeElement.closest('[id]')].map(one => one.id).find(Boolean)"
# All that a screen reader is told from here on.
LISTEN = """() => {
    window.heard = []
    const regions = '[role=status], [role=alert], [aria-live]:not([aria-live=off])'
    new MutationObserver((changes) => {
        for (const { target } of changes) {
            const region = (target.closest ? target : target.parentElement)?.closest(regions)
            const words = region?.checkVisibility() ? region.textContent.trim() : ''
            if (words && words !== heard.at(-1)) heard.push(words)
        }
    }).observe(document.body, { childList: true, characterData: true, subtree: true })
}"""
SHIFTS = """() => {
    window.shifted = 0
    const add = (seen) => seen.getEntries().forEach(({ value }) => (shifted += value))
    new PerformanceObserver(add).observe({ type: 'layout-shift' })
}"""
BAR = "() => document.querySelector('#knobs').offsetHeight / innerHeight"
KEPT = """() => ['.track .fill', '#severity label:has(:checked)', '#learning-rate input'].map((place) => {
    const style = getComputedStyle(document.querySelector(place))
    const [own, page] = [style, getComputedStyle(document.body)].map((one) => one.backgroundColor)
    return [place, style.forcedColorAdjust, own !== page]
})"""
# What is smaller than a finger: all but words within a sentence.
SMALL = """() => [...document.querySelectorAll('button, select, summary, input, [role=tab]')]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width)
    .filter((one) => {
        const { width, height } = (one.closest('label, .wrap-inner') ?? one).getBoundingClientRect()
        return Math.min(width, height) < 24
    }).map((one) => one.id || one.className || one.ariaLabel)"""

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
    """At rest, in each depth, in the drawer and a menu, in a run, after one with strangers, beside an error."""
    page = visit(1366, 768, scheme=scheme)
    page.wait_for_selector("#run:enabled")
    page.wait_for_selector("#accuracy .plot .main-svg", state="attached")
    for depth in ("why", "explore", "watch"):
        page.click(f"#tab-{depth}")
        assert page.get_by_role("tabpanel", name=depth.capitalize()).count() == 1
        page.evaluate("cliptta.catchUp()")
        assert violations(page) == []
    for button in ("#settings", "#methods .more", "#lessons-open"):
        page.click(button)
        assert violations(page) == []
        assert page.evaluate(SMALL) == []
        page.keyboard.press("Escape")
    small(page, batch_size=16, batches=200)
    page.click("#run")
    wait_done(page, 1)
    assert violations(page) == []
    page.click("#start-over")
    wait_idle(page)
    small(page, batch_size=16, batches=1)
    set_number(page, "ood-share", 0.5)
    page.click("#run")
    page.wait_for_function(FINISHED)
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert violations(page) == []
    page.click("#knobs-more button")
    assert violations(page) == []
    page.click("#settings")
    page.fill("#class-names textarea", "cat")
    page.keyboard.press("Escape")
    wait_idle(page)
    page.click("#run")
    page.wait_for_selector("[data-testid=message].error")
    assert violations(page) == []


def tabbed(page: Page, times: int) -> set[str]:
    """The parts of the page that Tab comes to; whoever tabs sees where they are."""
    reached, unseen = set(), []
    for _ in range(times):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        reached |= set(focus["ids"])
        if len(focus["ids"]) > 2 and not focus["seen"]:  # fewer are the page itself
            unseen.append(focus["ids"][:5])
    assert unseen == []
    return reached


def test_a_visit_without_a_mouse(page: Page) -> None:
    page.focus("#run")
    page.evaluate(LISTEN)
    page.keyboard.press("Enter")
    page.wait_for_function(FINISHED)
    page.wait_for_function("heard.some(words => words.startsWith('Finished'))")
    heard = page.evaluate("heard")
    assert re.fullmatch(r"Batch 2 of 4\. Accuracy: Zero-shot \d.*", next(words for words in heard if "2 of 4" in words))
    assert [words for words in heard if "common." in words or words == "Loading"] == []
    reached = tabbed(page, 60)
    assert sorted(WANTED - reached) == []
    assert "sidebar" not in reached
    page.focus("#answers .rows")
    page.keyboard.press("ArrowDown")
    row = page.locator("#answers .row.lit")
    assert (
        page.locator("#words .tile:not(.dim)").count()
        == page.locator(f"#words [data-kinds~='{row.get_attribute('data-kinds')}']").count()
    )
    page.focus("#words .tile")
    page.keyboard.press("Enter")
    assert page.locator(".enlarged[open] section").count() == 3
    page.keyboard.press("Enter")  # on Close, which has the focus
    assert page.is_hidden(".enlarged")


def test_the_focus_follows_what_opens_and_goes_back(page: Page) -> None:
    page.focus("#settings")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.matches('.find')")
    assert sorted(IN_DRAWER - tabbed(page, 30)) == []
    page.keyboard.press("Escape")
    assert page.evaluate(FOCUSED) == "settings"
    for button, inside in (
        ("#lessons-open", "#lessons"),
        ("#corruption .more", "#corruption .floating"),
        ("#methods .more", "#methods .floating"),
    ):
        page.focus(button)
        page.keyboard.press("Enter")
        page.wait_for_function("place => document.activeElement.closest(place)", arg=inside)
        assert page.get_attribute(button, "aria-expanded") == "true"
        page.keyboard.press("Escape")
        page.wait_for_function("place => document.activeElement.matches(place)", arg=button)
    page.keyboard.press("Enter")
    while page.locator("#methods input:checked").count() < 6:
        page.locator("#methods input:enabled:not(:checked)").first.check()
    assert page.inner_text("#methods .floating [role=status]") == "All 6 places are taken: take one out first."
    page.keyboard.press("Escape")


def test_a_run_on_a_phone_moves_nothing_and_closes_what_lies_over_it(visit) -> None:
    page = visit(844, 390, "?batches=3&batch_size=24&steps=1", phone=True)
    assert page.evaluate(BAR) < 0.15
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate(BAR) < 0.15
    page.wait_for_selector("#run:enabled")
    page.click("#run")
    page.wait_for_function(FINISHED)
    wait_idle(page)
    page.evaluate(SHIFTS)
    page.click("#run")  # again, over what is there
    page.wait_for_function("() => !/finished/.test(document.querySelector('#progress').innerText)")
    page.wait_for_function(FINISHED)
    wait_idle(page)
    assert page.evaluate("shifted") < 0.02
    assert page.evaluate("innerWidth") == 390  # nothing sticks out, which would make all smaller
    for opener, over in (("#knobs-more button", "#corruption"), ("#settings", "#sidebar")):
        page.click(opener)
        page.wait_for_selector(over, state="visible")
        assert page.get_attribute(opener, "aria-expanded") == "true"
        page.click("#run")
        page.wait_for_selector(over, state="hidden")
        assert page.get_attribute(opener, "aria-expanded") == "false"
        page.wait_for_function(FINISHED)
        wait_idle(page)


def test_colours_that_the_system_forces_leave_shapes(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    assert [kept for _, *kept in page.evaluate(KEPT)] == [["none", True]] * 3
    page.emulate_media(forced_colors="none")


def cameras(page, server: str, wanted: int) -> None:
    """Waits until so many are at work on the server."""
    for _ in range(10 * PATIENCE):
        if httpx.get(f"{server}/health").json()["cameras_at_work"] == wanted:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"not {wanted} cameras")


def test_a_camera_is_answered_judged_and_keeps_nothing(page, server, known_browser):
    page.click("#tab-watch")
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
    assert len(words) == page.locator("#methods .chip:not(.more)").count()
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
    wait_drawn(plain)
    plain.click("#your-camera")
    plain.wait_for_selector("#camera .status.error:has-text('over https or on localhost only')")
    plain.close()
