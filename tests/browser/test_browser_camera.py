"""A camera in a real browser, which plays a film of a few colours: answers, truth, overlays, and how it ends."""

import httpx
import pytest
from serving import PATIENCE, be_patient
from test_browser_everyone import violations
from test_browser_run import small, step

pytestmark = pytest.mark.browser
QUERY = "?steps=1"
ANSWERED = "#camera .answer .share:not(:empty)"
STATE = """() => {
    const video = document.querySelector('#camera video');
    return [Boolean(video.srcObject), document.querySelector('#camera .seen img').hasAttribute('src')];
}"""


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
    small(page, batch_size=8, batches=2)
    step(page)  # a run beside it

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
