"""What once was broken: lists cut off, stops for keys, silence for screen readers, long names, phones, paper."""

import io
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser
LONG = "a photograph of an exceptionally fluffy long-haired Norwegian forest cat there"
NAMES = [LONG, *(f"thing number {index}" for index in range(2, 201))]
LINK = {"dataset": "upload", "corruption": "none", "class_names": ", ".join(NAMES), "steps": 1}
HIDDEN = """() => [...document.querySelectorAll('#corruption [role=option]')].filter(option => {
  option.scrollIntoView({ block: 'nearest' });
  const box = option.getBoundingClientRect();
  return !option.contains(document.elementFromPoint(box.left + 20, box.top + box.height / 2));
}).map(option => option.textContent)"""
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

    page.set_input_files("#files input[type=file] >> nth=0", photos())
    page.wait_for_selector("#upload-note .note")
    assert page.inner_text("#propose") == "Use batches of 4: 2 batches instead of 1"
    page.click("#propose")
    page.wait_for_selector("#propose", state="hidden")
    page.click("#stream-fold > button")
    assert page.input_value("#batch-size input") == "4"

    for width, height in ((1440, 900), (1920, 1080), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("scrollTo(0, 0)")
        page.click("#corruption input")
        page.wait_for_selector("#corruption [role=option]")
        page.wait_for_timeout(300)  # it slides
        assert page.evaluate(HIDDEN) == []
        page.keyboard.press("Tab")
        page.wait_for_selector("#corruption [role=option]", state="detached")
        assert page.evaluate("document.activeElement.closest('#severity') !== null")

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

    page.wait_for_selector("#histogram .main-svg")
    heights = page.evaluate("[...document.querySelectorAll('#histogram .plot')].map(e => e._fullLayout.yaxis._length)")
    assert min(heights) >= 120
    ticks = page.locator("#histogram .plot >> nth=0").locator(".xtick").all_text_contents()
    assert max(map(len, ticks)) <= 16
    assert page.evaluate("document.querySelector('#histogram .plot').data[0].x[0]") == LONG  # whole where one points
    assert page.evaluate(LINES) == [1] * 12  # of each percentage

    page.focus("#share")
    for _ in range(25):
        page.keyboard.press("Tab")
        assert "modebar" not in page.evaluate("document.activeElement.className.toString()")

    page.emulate_media(media="print")
    style = "([id, name]) => getComputedStyle(document.querySelector(id))[name]"
    assert page.evaluate(style, ["#controls", "position"]) == "static"
    assert page.evaluate(style, ["#gallery .picture", "printColorAdjust"]) == "exact"
    assert page.evaluate(style, ["#buttons", "display"]) == "none"
    cut = "[...document.querySelectorAll('.main-svg')].filter(e => e.clientWidth > e.closest('.plot').clientWidth + 1)"
    page.set_viewport_size({"width": 700, "height": 990})
    assert page.evaluate(f"{cut}.length") == 0

    page.emulate_media(media="screen")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("#files button:has-text('Remove all')")
    page.wait_for_selector("#message:has-text('with them their results')")
    page.wait_for_selector("#gallery .tile", state="detached")


def test_settings_open_in_sight_on_a_phone_and_say_what_they_change(visit) -> None:
    page = visit(390, 844, phone=True)
    page.wait_for_selector("#gain .plot .main-svg", state="attached")
    assert page.pdf(format="A4").count(b"/Type /Page\n") == 1
    page.evaluate("scrollTo(0, 4300)")
    page.click("#settings")
    page.wait_for_selector("#sidebar", state="visible")
    top = "document.querySelector('#sidebar').getBoundingClientRect().top"
    assert 0 < page.evaluate(top) < 200
    assert page.evaluate("scrollY") > 4000
    assert page.get_attribute("#settings", "aria-expanded") == "true"
    assert page.evaluate(FOCUSED) == "sidebar"
    shown = "Built-in pictures · impulse noise 4 · Zero-shot, TENT, CLIPTTA · 8 batches of 24"
    assert page.inner_text("#run-line") == shown
    page.fill("#severity input[type=number]", "5")
    page.press("#severity input[type=number]", "Tab")
    page.wait_for_selector("#changed:has-text('other settings: Run to apply')")
    page.click("#advanced > button")
    page.fill("#learning-rate input", "0.003")
    page.wait_for_selector("#advanced > button:has-text('Advanced · 1 changed')")
    assert page.evaluate("document.activeElement.closest('#learning-rate') !== null")  # whoever types goes on typing
    page.click("#restore")
    page.wait_for_selector("#restore", state="hidden")
    page.wait_for_selector("#changed .changed", state="hidden")
    assert page.input_value("#severity input[type=number]") == "4"
    assert page.inner_text("#run-line") == shown
    page.keyboard.press("Escape")
    page.wait_for_selector("#sidebar", state="hidden")
    assert page.evaluate(FOCUSED) == "settings"
    page.click("#lesson-photos")
    page.wait_for_selector("#lesson .sets:has-text('Your images')")
    page.click(".lesson .close")
    page.wait_for_selector("#message:has-text('as they were before it')")
    assert page.input_value("#dataset input") == "Built-in pictures"
    assert not page.is_visible(".lesson")
