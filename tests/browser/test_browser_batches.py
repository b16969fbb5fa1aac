"""Looking back at one batch: by pointing, by thumb, by keyboard; and the page on a phone."""

import re

import pytest
from watching import PROGRESS, picture, small, wait_idle

from cliptta_demo.page.words.defaults import DEFAULTS

pytestmark = pytest.mark.browser
SHOWN = "() => document.querySelector('#accuracy .stepper output')?.textContent ?? ''"


def wait_shown(page, words):
    """Until the page shows that batch, as the way through the batches says."""
    page.wait_for_function(f"words => ({SHOWN})() === words", arg=words)


def point(page, panel, batch, batches):
    """Where a batch stands on a curve."""
    box = page.locator(f"#{panel} .plot .nsewdrag").first.bounding_box()
    return box["x"] + box["width"] * (batch - 0.5) / batches, box["y"] + box["height"] / 2


def shown(page):
    """What the page says of the batch on show: the sentence, each image's words, the classes answered."""
    seen = picture(page)
    return {name: seen[name] for name in ("sentence", "words", "answers", "images")}


def test_pointing_at_a_batch_shows_it_everywhere_and_leaving_goes_back(visit):
    page = visit(1440, 900, "?batch_size=8&batches=3&steps=2")
    seen = []
    for count in (1, 2, 3):
        page.click("#step")
        wait_shown(page, f"batch {count}")
        wait_idle(page)
        seen.append(shown(page))
    assert all(seen[0][part] != seen[1][part] != seen[2][part] for part in ("words", "answers", "images"))
    page.mouse.move(*point(page, "accuracy", 2, 3))
    wait_shown(page, "batch 2 of 3")
    assert shown(page) == seen[1]
    assert page.locator(".cursor:visible").count() == 2  # on both curves
    said = page.get_attribute("#answers svg", "aria-label")
    counts = page.locator("#answers .count").all_inner_texts()
    assert re.findall(r"uses (\d+) of 12 classes", said) == counts  # of this batch, like its words
    squares = [page.locator(f"#answers svg > g[style] .{kind}").count() for kind in ("right", "wrong")]
    assert sum(squares) == 3 * 8  # one an image and method
    page.mouse.move(*point(page, "entropy", 1, 3))
    wait_shown(page, "batch 1 of 3")
    assert shown(page) == seen[0]
    page.mouse.move(5, 5)
    wait_shown(page, "batch 3")
    assert shown(page) == seen[2]

    page.mouse.click(*point(page, "accuracy", 1, 3))  # a click keeps it
    page.mouse.move(5, 5)
    page.wait_for_timeout(150)
    assert page.evaluate(SHOWN) == "batch 1 of 3"
    page.keyboard.press("Escape")
    wait_shown(page, "batch 3")

    page.focus("#accuracy .earlier")
    page.keyboard.press("Enter")
    wait_shown(page, "batch 2 of 3")
    assert page.evaluate("document.activeElement.className") == "earlier"
    page.focus("#accuracy .latest")
    page.keyboard.press("Space")
    wait_shown(page, "batch 3")
    page.click("#start-over")
    page.wait_for_selector("#message:has-text('starts from the source model')")
    page.wait_for_selector("#accuracy .stepper", state="hidden")  # the figures follow the message, in their own time


def test_on_a_phone_a_collapse_is_named_a_tap_keeps_a_batch_and_the_buttons_are_in_sight(visit):
    page = visit(390, 844, phone=True)
    assert page.inner_text("#sentence").startswith("TENT calls all 24 images “clock”.")
    page.locator("#accuracy .plot").scroll_into_view_if_needed()
    page.wait_for_selector("#accuracy .plot .main-svg")
    batches = DEFAULTS.stream.batches
    page.touchscreen.tap(*point(page, "accuracy", 4, batches))
    wait_shown(page, f"batch 4 of {batches}")
    page.tap("#accuracy .later")
    wait_shown(page, f"batch 5 of {batches}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.tap("#accuracy .latest")
    wait_shown(page, f"batch {batches}")

    assert not page.is_visible("#sidebar")
    page.tap("#settings")
    page.wait_for_selector("#sidebar", state="visible")
    small(page, batch_size=8, batches=1)
    page.tap("#sidebar .close")
    page.wait_for_selector("#sidebar", state="hidden")
    for name in ("run", "step", "start-over", "knobs-more"):
        box = page.locator(f"#{name}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844
    page.tap("#run")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
