"""What once was broken: lists cut off, stops for keys, silence for screen readers, long names, phones, paper."""

import io
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from watching import enlarge, knobs, open_lesson, show_settings

pytestmark = pytest.mark.browser
LONG = "a photograph of an exceptionally fluffy long-haired Norwegian forest cat there"
NAMES = [LONG, *(f"thing number {index}" for index in range(2, 201))]
LINK = {"dataset": "upload", "corruption": "none", "class_names": ", ".join(NAMES), "steps": 1}
HIDDEN = """place => [...document.querySelectorAll(place)].filter(option => {
  option.scrollIntoView({ block: 'nearest' });
  const box = option.getBoundingClientRect();
  return !option.contains(document.elementFromPoint(box.left + 20, box.top + box.height / 2));
}).map(option => option.textContent)"""
OPTIONS = {
    "#corruption .more": "#corruption .floating button",
    "#methods .more": "#methods .floating label",
    "#dataset input": "#dataset [role=option]",
}
LINES = """() => [...document.querySelectorAll('#gallery .sure')].map(one => {
  const range = document.createRange();
  range.selectNodeContents(one);
  return range.getClientRects().length;
})"""
FOCUSED = "document.activeElement.id"


def photos() -> list[dict]:
    """Eight small pictures as a browser sends them."""
    draw, files = np.random.default_rng(0), []
    for number in range(8):
        packed = io.BytesIO()
        Image.fromarray(draw.integers(0, 256, (40, 40, 3), np.uint8)).save(packed, "PNG")
        files.append({"name": f"{number}.png", "mimeType": "image/png", "buffer": packed.getvalue()})
    return files


def test_every_choice_key_name_and_page_is_there(visit) -> None:
    """Keyboard, lists of choices, screen reader, 200 classes and paper, in one visit."""
    assert len(LONG) == 78
    page = visit(1440, 900, f"?{urlencode(LINK)}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate(FOCUSED) == "run"  # by the link that is the first stop

    show_settings(page)
    page.set_input_files("#files input[type=file] >> nth=0", photos())
    page.wait_for_selector("#upload-note .note")
    assert page.inner_text("#propose") == "Use batches of 4: 2 batches instead of 1"
    page.click("#propose")
    page.wait_for_selector("#propose", state="hidden")
    assert page.input_value("#batch-size input") == "4"
    show_settings(page, False)

    for width, height in ((1440, 900), (1920, 1080), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        for opener, options in OPTIONS.items():
            page.click(opener)
            page.wait_for_selector(options)
            page.wait_for_timeout(300)  # it slides
            assert page.evaluate(HIDDEN, options) == []
            page.keyboard.press("Escape")
            page.wait_for_selector(options, state="hidden")

    page.focus("#run")
    page.keyboard.press("Enter")
    page.wait_for_selector("#progress:has-text('finished')")
    page.wait_for_function(f"() => {FOCUSED} === 'run'")
    page.wait_for_function("() => document.querySelector('#spoken [role=status]').textContent.startsWith('Finished')")
    assert "2 of 2 batches" in page.text_content("#spoken")
    live = page.locator("[role=status]:visible, [aria-live]:visible").all_text_contents()
    assert not [text for text in live if "common." in text or "Loading" in text]
    gradios = "[...document.querySelectorAll('.sr-only[role=status]')].map(e => getComputedStyle(e).display)"
    assert set(page.evaluate(gradios)) == {"none"}  # whatever it says, and whenever

    assert page.locator("#answers .row").count() == 12
    page.click("#answers .toggle")
    rows = page.locator("#answers .row")
    assert rows.count() == 200
    assert max(map(len, rows.locator(".name").all_text_contents())) <= 11
    assert LONG in rows.locator("title").all_text_contents()  # whole where one points
    enlarge(page, "gallery")
    page.wait_for_selector("#gallery .sure")
    assert page.evaluate(LINES) == [1] * 12  # of each percentage

    page.focus("#share")
    for _ in range(25):
        page.keyboard.press("Tab")
        assert "modebar" not in page.evaluate("document.activeElement.className.toString()")

    page.emulate_media(media="print")
    style = "([id, name]) => getComputedStyle(document.querySelector(id))[name]"
    assert page.evaluate(style, ["#gallery .picture", "printColorAdjust"]) == "exact"
    assert page.evaluate(style, ["#knobs", "display"]) == "none"

    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1440, "height": 900})
    show_settings(page)
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#message:has-text('with them their results')")
    page.wait_for_selector("#gallery .tile", state="detached")


def test_settings_open_in_sight_on_a_phone_and_say_what_they_change(visit) -> None:
    page = visit(390, 844, phone=True)
    page.wait_for_selector("#accuracy .plot .main-svg")
    assert page.pdf(format="A4").count(b"/Type /Page\n") == 1
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # all is drawn as large as it is printed
    widths = page.locator("#accuracy .plot").evaluate("plot => [plot._fullLayout.width, plot.clientWidth]")
    assert widths[0] == pytest.approx(widths[1], abs=1)
    assert page.locator("#words .tile:visible").count() == 12
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#words .tile:visible").count() == 8
    shown = "Built-in pictures · impulse noise 4 · Zero-shot, TENT, CLIPTTA · 8 batches of 24"
    assert page.text_content("#run-line").strip() == shown
    page.click("#knobs-more button")
    page.click("#severity label:has-text('5')")
    page.wait_for_selector("#changed:has-text('other settings: Run to apply')")
    page.click("#settings")
    page.fill("#steps input[type=number]", "5")
    page.wait_for_selector("#restore:has-text('2 changed')")
    assert page.evaluate("document.activeElement.closest('#steps') !== null")  # whoever types goes on typing
    page.click("#restore")
    page.wait_for_selector("#restore", state="hidden")
    page.wait_for_selector("#changed .changed", state="hidden")
    assert knobs(page)[1] == "4"
    assert page.text_content("#run-line").strip() == shown
    page.keyboard.press("Escape")
    page.wait_for_selector("#sidebar", state="hidden")
    open_lesson(page, "photos")
    page.wait_for_function("document.querySelector('#dataset input').value === 'Your images'")
    page.wait_for_selector(".lesson .press button:has-text('Add photos')")
    page.wait_for_selector("#form-line p:has-text('noise')", state="detached")  # which no photo is to get
    page.click(".lesson .close")
    page.wait_for_selector("#message:has-text('as they were before it')")
    assert page.input_value("#dataset input") == "Built-in pictures"
    assert not page.is_visible(".lesson")
