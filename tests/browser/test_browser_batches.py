"""Looking back at one batch: by pointing, by thumb, by keyboard; and the page on a phone."""

import pytest
from test_browser_run import PROGRESS, picture, small, wait_idle

from cliptta_demo.page.words.defaults import DEFAULTS

pytestmark = pytest.mark.browser
TITLE = "() => document.querySelector('#gallery .batch-title')?.textContent || ''"


def wait_title(page, words):
    page.wait_for_function(f"words => ({TITLE})().startsWith(words)", arg=words)


def point(page, panel, batch, batches):
    """Where a batch stands on a curve."""
    box = page.locator(f"#{panel} .plot .nsewdrag").first.bounding_box()
    return box["x"] + box["width"] * (batch - 0.5) / batches, box["y"] + box["height"] / 2


def bars(page):
    page.evaluate("cliptta.catchUp()")  # plots out of sight are drawn late
    return page.evaluate("[...document.querySelectorAll('#histogram .plot')].map(plot => plot.data[0].y)")


def test_pointing_at_a_batch_shows_it_everywhere_and_leaving_goes_back(visit):
    page = visit(1440, 1400, "?batch_size=8&batches=3&steps=2")
    seen = []
    for count in (1, 2, 3):
        page.click("#step")
        wait_title(page, f"Batch {count} of 3")
        wait_idle(page)
        seen.append(picture(page)["tiles"])
    total = bars(page)
    page.mouse.move(*point(page, "accuracy", 2, 3))
    wait_title(page, "Batch 2 of 3")
    assert picture(page)["tiles"] == seen[1]
    alone = bars(page)
    assert alone != total
    assert all(sum(share) == pytest.approx(1) for share in alone)
    assert all(8 * value == pytest.approx(round(8 * value)) for share in alone for value in share)
    assert "alone" in page.inner_text("#histogram .footnote")
    assert "batch 2 alone" in page.get_attribute("#histogram .plot >> nth=0", "aria-label")
    assert page.locator(".cursor:visible").count() == 2  # on both curves
    status = page.locator("#gallery .tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.status)")
    wrong = status.count("fixed") + status.count("wrong")
    facts = page.locator("#histogram .facet", has_text="CLIPTTA").inner_text()
    assert f"improvement: {status.count('fixed')} of zero-shot's {wrong} wrong" in facts  # of this batch, like the bars
    page.mouse.move(*point(page, "entropy", 1, 3))
    wait_title(page, "Batch 1 of 3")
    assert picture(page)["tiles"] == seen[0]
    page.mouse.move(5, 5)
    wait_title(page, "Batch 3 of 3")
    assert bars(page) == total

    page.mouse.click(*point(page, "accuracy", 1, 3))  # a click keeps it
    page.mouse.move(5, 5)
    page.wait_for_timeout(150)
    assert page.evaluate(TITLE).startswith("Batch 1 of 3")
    page.keyboard.press("Escape")
    wait_title(page, "Batch 3 of 3")

    page.focus("#entropy .earlier")
    page.keyboard.press("Enter")
    wait_title(page, "Batch 2 of 3")
    assert page.inner_text("#accuracy .stepper output") == "batch 2 of 3"
    assert page.evaluate("document.activeElement.className") == "earlier"
    page.focus("#entropy .latest")
    page.keyboard.press("Space")
    wait_title(page, "Batch 3 of 3")
    page.click("#start-over")
    page.wait_for_selector("#message:has-text('starts from the source model')")
    for stepper in page.locator(".stepper").all():  # the figures follow the message, each in its own time
        stepper.wait_for(state="hidden")


def test_on_a_phone_a_collapse_is_named_a_tap_keeps_a_batch_and_the_controls_are_in_sight(visit):
    page = visit(390, 844, phone=True)
    page.wait_for_selector("#histogram .plot .main-svg")
    facts = page.locator("#histogram .facet").all_inner_texts()
    assert all("entropy" in text and "of 2.48" in text and "largest class" in text for text in facts)
    assert all("improvement:" in text and "deterioration:" in text for text in facts[1:])
    marks = page.evaluate("[...document.querySelectorAll('#histogram .plot')].map(plot => plot.data.length)")
    assert marks == [2] * 3  # bars, and the truth on each
    notes = page.evaluate("document.querySelector('#entropy .plot').layout.annotations.map(note => note.text)")
    assert "ceiling ln 12 = 2.48" in notes
    page.locator("#accuracy .plot").scroll_into_view_if_needed()
    page.wait_for_selector("#accuracy .plot .main-svg")
    batches = DEFAULTS.stream.batches
    page.touchscreen.tap(*point(page, "accuracy", 4, batches))
    wait_title(page, f"Batch 4 of {batches}")
    assert page.locator("#gallery .tile").count() == DEFAULTS.stream.batch_size
    page.tap("#accuracy .later")
    wait_title(page, f"Batch 5 of {batches}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.tap("#accuracy .latest")
    wait_title(page, f"Batch {batches} of {batches}")

    assert not page.is_visible("#sidebar")
    page.tap("#settings")
    page.wait_for_selector("#sidebar", state="visible")
    small(page, batch_size=8, batches=1)
    for name in ("run", "pause", "step", "start-over", "settings"):
        box = page.locator(f"#{name}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844
    page.tap("#run")  # with the settings open: nothing covers it
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    page.tap("#settings")
    assert not page.is_visible("#sidebar")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
