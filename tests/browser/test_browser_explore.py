"""Explore: one screen of pictures, of which a title makes one large; what is pointed at is lit in all."""

import json

import pytest
from watching import show

from cliptta_demo.page.panels.panel import example_file

pytestmark = pytest.mark.browser
PICTURES = ["sweep", "gain", "reliability", "ranking", "past", "drift", "gallery", "results"]
SHOWN = "() => [...document.querySelectorAll('#explore .panel .title')].filter(title => title.checkVisibility())"
DIM = "name => document.querySelector(`#${name} [data-method=tent]`).classList.contains('dim')"
# What stands in a picture, beyond its edges or over what is left of it.
BEYOND = """() => [...document.querySelectorAll('#explore .panel')].flatMap(panel => {
    const { left, right } = panel.getBoundingClientRect()
    const texts = [...panel.querySelectorAll('.finding, text, td, th, .choices button')]
    return texts.filter(text => text.checkVisibility() && text.textContent.trim()).filter(text => {
        const box = text.getBoundingClientRect()
        return box.width > 0 && (box.right > right + 8 || box.left < left - 8)
    })
}).map(text => text.textContent)"""


def gains() -> dict[str, dict]:
    methods = json.loads(json.loads(example_file("example").read_text(encoding="utf-8"))["gain"])["methods"]
    return {own["method"]: own for own in methods}


def test_explore_is_one_screen_and_says_what_the_run_found(visit):
    page = visit(1366, 768)
    show(page, "explore")
    page.wait_for_selector("#ranking tbody tr")
    own = gains()
    beside = own["cliptta"]["beside"]
    points = 100 * (beside["fixed"] - beside["broken"]) / beside["seen"]
    times = own["cliptta"]["milliseconds"] / own["tent"]["milliseconds"]
    assert page.inner_text("#headline .body") == (
        f"CLIPTTA gains {points:.1f} points, at {times:.1f} times the time of TENT."
    )
    assert page.locator(".title:visible").count() == len(PICTURES)
    assert page.inner_text("#gain .finding") == f"CLIPTTA takes {times:.1f} times as long as TENT."
    assert page.inner_text("#sweep .finding").startswith("Above zero-shot: CLIPTTA ")
    for name in ("sweep", "gain", "drift"):  # each is drawn in a frame of its own
        page.wait_for_selector(f"#{name} .sketch .name")
    drawn = "name => document.querySelectorAll(`#${name} .sketch .name`).length"
    assert [page.evaluate(drawn, name) for name in ("sweep", "gain", "drift")] == [3, 3, 2]
    assert page.locator("#gallery .tile").count() == page.locator("#gallery .tile.pale").count() + 19
    assert page.evaluate("document.documentElement.scrollHeight") <= 768
    assert page.evaluate(BEYOND) == []


def test_a_title_enlarges_its_picture_and_escape_brings_all_back(visit):
    page = visit(1366, 768)
    show(page, "explore")
    for name in PICTURES:
        page.focus(f"#{name} .title")
        page.keyboard.press("Enter")
        page.wait_for_function(f"name => ({SHOWN})().length === 1", arg=name)
        assert page.get_attribute(f"#{name} .title", "aria-expanded") == "true"
        if name in ("gain", "reliability", "drift"):
            page.wait_for_selector(f"#{name} .main-svg", state="attached")
            assert page.locator(f"#{name} .legend span").count() > 0
        page.keyboard.press("Escape")
        page.wait_for_function(f"() => ({SHOWN})().length === {len(PICTURES)}")
        assert page.evaluate("document.activeElement.closest('.panel').querySelector('h2').textContent") == (
            page.inner_text(f"#{name} h2")
        )
    page.wait_for_selector("#gain .sketch")  # small again


def test_what_is_pointed_at_is_lit_in_every_picture(visit):
    page = visit(1366, 768)
    show(page, "explore")
    page.hover("#drift .name[data-method=cliptta]")
    page.wait_for_function("() => document.querySelector('#results td[data-method=tent].dim')")
    assert [page.evaluate(DIM, name) for name in ("sweep", "gain", "reliability", "past")] == [True] * 4
    page.hover("#sweep .name[data-method=tent]")
    page.wait_for_function("() => /TENT/.test(document.querySelector('#gallery .finding').textContent)")
    assert not page.evaluate(DIM, "gain")
    page.hover("#headline .hint")
    assert page.locator("#explore .dim").count() == 0
    page.hover("#gallery .tile >> nth=20")
    page.wait_for_selector("#results [data-image='20']:not(.dim)")
    page.hover("#gain [data-method=cliptta] [data-batch='3']")
    page.wait_for_selector("#gallery .finding:has-text('Batch 3')")
    assert page.locator("#gain [data-batch='3']:not(.dim)").count() == 3
    page.hover("#headline .hint")
    page.wait_for_selector("#gallery .finding:has-text('Batch 8')")


def test_on_a_phone_pictures_stand_below_one_another(visit):
    page = visit(390, 844, phone=True)
    show(page, "explore")
    page.wait_for_selector("#ranking tbody tr")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    lefts = page.locator("#explore .title").evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
    assert len(set(lefts)) == 1
    page.tap("#drift .title")
    page.wait_for_selector("#drift .main-svg", state="attached")
    page.tap("#drift .back")
    page.wait_for_selector("#drift .sketch")
