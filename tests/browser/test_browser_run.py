"""A person's visit in a real browser: live numbers, pause, step, reset, zoom, marks, strangers, lessons."""

import re

import pytest
from watching import (
    PROGRESS,
    done,
    ends,
    enlarge,
    knobs,
    open_lesson,
    picture,
    set_number,
    show,
    small,
    step,
    wait_done,
)

from cliptta_demo.page.words.defaults import DEFAULTS

pytestmark = pytest.mark.browser
# What moves in bars by itself, but by being moved: each frame of it would be laid out or painted, all through a run.
PAINTED = """() => document.getAnimations()
    .filter(one => one.playState === "running" && one.effect.target.closest(".track"))
    .flatMap(one => Object.keys(one.effect.getKeyframes()[0]))
    .filter(name => !["transform", "offset", "computedOffset", "easing", "composite"].includes(name))"""


def points(page, panel="accuracy"):
    """Batches on each curve."""
    return page.evaluate(
        "id => document.querySelector(`#${id} .plot`).data"
        ".filter(t => t.mode.includes('lines') && t.meta !== 'behind').map(t => t.y.length)",
        panel,
    )


def test_the_page_opens_with_a_finished_example(page):
    assert page.is_visible("#run")
    page.wait_for_selector("#accuracy .plot .main-svg")
    assert points(page) == [DEFAULTS.stream.batches] * 3
    assert page.inner_text(".example") == "Recorded example"
    assert page.inner_text("#sentence").startswith("Batch 8: TENT calls all 24 images “clock”. CLIPTTA gets ")
    assert list(ends(page)) == ["zero-shot", "tent", "cliptta"]
    assert page.locator("#words .tile:visible .word").count() >= 3 * 8
    assert "CLIPTTA" in page.inner_text("h1")
    for depth in ("why", "explore", "watch"):
        show(page, depth)
        waits = "[...document.querySelectorAll('.panel .empty')].some(e => e.checkVisibility() && !e.closest('#sweep'))"
        page.wait_for_function(f"!{waits}")  # the sweep alone asks for runs of its own
        if depth == "explore":
            assert page.inner_text("#gallery .title") == f"All {DEFAULTS.stream.batch_size} images"
            assert page.get_attribute(".colophon a:not(.term)", "href") == "https://arxiv.org/abs/2507.14312"


def test_run_zoom_pause_step_and_reset(page):
    small(page, batches=200)  # it must not end before it is paused, however slow this browser
    step(page)
    first = picture(page)
    assert done(page) == 1
    assert first["images"][0] == "All 16 images"

    page.click("#run")
    wait_done(page, 2)
    assert page.evaluate(PAINTED) == []
    shown = ends(page)
    enlarge(page, "reliability")
    box = page.locator("#reliability .plot .nsewdrag").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 130, steps=4)
    page.mouse.up()
    zoomed = page.evaluate("document.querySelector('#reliability .plot').layout.xaxis.range")
    assert zoomed[1] - zoomed[0] < 0.9
    wait_done(page, done(page) + 2)
    assert page.evaluate("document.querySelector('#reliability .plot').layout.xaxis.range") == zoomed
    show(page, "watch")
    assert ends(page) != shown

    page.click("#pause")
    page.wait_for_selector(f"{PROGRESS}:has-text('paused')")
    paused, count = picture(page), done(page)
    assert points(page) == [count] * 3
    page.wait_for_timeout(1200)  # longer than a batch takes: nothing may move any more
    assert (picture(page), done(page)) == (paused, count)

    step(page)
    assert done(page) == count + 1
    assert points(page) == [count + 1] * 3
    assert picture(page)["curves"][0][1][:count] == paused["curves"][0][1]

    page.click("#start-over")
    page.wait_for_selector("#message:has-text('starts from the source model')")
    assert page.locator("#accuracy .empty").is_visible()
    step(page)
    assert done(page) == 1
    assert picture(page) == first


def test_a_short_run_finishes_and_each_panel_tells_of_it(page):
    small(page, batch_size=16, batches=2)
    page.click("#run")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    assert page.inner_text("#run") == "Run again"
    assert page.pdf().count(b"/Type /Page\n") == 1
    look_at_one(page)
    enlarge(page, "past")
    assert page.locator("#past .body tr.last").count() == 1
    enlarge(page, "gallery")
    total = 0
    for button in page.locator("#gallery [data-group=filter] button:not([data-value=all])").all():
        value, count = button.get_attribute("data-value"), int(button.locator("small").inner_text())
        button.click()
        page.wait_for_selector(f"#gallery [data-group=filter] [data-value={value}][aria-pressed=true]")
        shown = page.locator("#gallery .tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.status)")
        assert shown == [value] * count
        total += count
    assert total == 16
    sheet = "getComputedStyle(document.querySelector('#gallery .tiles .picture')).backgroundImage"
    seen = page.evaluate(sheet)
    for sign in ("!==", "==="):
        page.click("#gallery .toggle")
        page.wait_for_function(f"seen => {sheet} {sign} seen", arg=seen)
    page.click("#gallery [data-group=method] [data-value=zero-shot]")
    page.click("#gallery [data-group=filter] [data-value=all]")
    statuses = page.locator("#gallery .tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.status)")
    assert set(statuses) <= {"right", "wrong"}
    enlarge(page, "drift")
    page.wait_for_function("document.querySelector('#drift .plot')?.data?.map(t => t.y.length).join() === '10,10'")
    show(page, "why")
    frames = page.locator("#matrix canvas")
    assert frames.evaluate_all("all => all.map(c => c.width)") == [16] * 3
    assert re.search(r"\d+ of 12 captions", page.inner_text("#matrix .reading >> nth=0"))
    show(page, "watch")
    colour = "document.querySelector('#accuracy .plot').layout.font.color"
    light = page.evaluate(colour)
    for sign in ("!==", "==="):
        page.evaluate("document.body.classList.toggle('dark')")
        page.wait_for_function(f"light => {colour} {sign} light", arg=light)
    for plot in page.locator(".plot").all():
        assert plot.get_attribute("role") == "figure"
        assert len(plot.get_attribute("aria-label")) > 20


def look_at_one(page):
    """The first images lead; one that is clicked is large, beside it what every method thinks likeliest."""
    page.click("#words .tile >> nth=1")
    page.wait_for_selector(".enlarged[open]")
    assert page.locator(".enlarged figure").count() == 2  # clean beside shifted
    answers = page.locator(".enlarged section").all_inner_texts()
    assert len(answers) == 3
    said = page.locator("#words .tile >> nth=1 >> .word bdi").all_inner_texts()
    assert said == [text.split("\n")[1].removesuffix(" ✓") for text in answers]
    page.keyboard.press("ArrowRight")
    truth = page.inner_text("#words .tile >> nth=2 >> .truth")
    assert page.inner_text(".enlarged h2") == f"Truth: {truth}"
    page.keyboard.press("Escape")
    page.wait_for_selector(".enlarged", state="hidden")
    page.evaluate("cliptta.showSettings(true)")
    page.focus("#sidebar a.term >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector(".bubble:popover-open")
    assert page.inner_text(".bubble b") == page.inner_text("#sidebar a.term >> nth=0")
    page.keyboard.press("Escape")
    page.evaluate("cliptta.showSettings(false)")


def test_strangers_bring_auroc_and_fpr95(page):
    small(page, batches=2)
    set_number(page, "ood-share", 0.5)
    page.click("#methods .more")
    page.check("#methods [value=cliptta-oce]")
    page.uncheck("#methods [value=tent]")
    page.wait_for_selector("#methods .chosen :nth-child(3)[title*=OCE]")
    page.keyboard.press("Escape")
    step(page)
    assert page.is_visible("#scores")
    assert not page.is_visible("#entropy")  # whose place they take
    assert "tells strangers apart best: AUROC" in page.inner_text("#sentence")
    facts = page.locator("#scores .facts").all_inner_texts()
    assert len(facts) == 3
    assert all(re.search(r"AUROC \d+\.\d%\s*FPR95 \d+\.\d%", text) for text in facts), facts
    enlarge(page, "gallery")
    strangers = "#gallery [data-group=filter] :is([data-value=left-out], [data-value=let-in]) small"
    assert sum(map(int, page.locator(strangers).all_text_contents())) == 8


def test_a_lesson_fills_the_form_and_another_takes_over_in_the_middle_of_its_run(page):
    open_lesson(page, "strangers")
    page.wait_for_selector("#methods .chosen :nth-child(3)[title*=OCE]", state="attached")
    page.click(".lesson .next[data-starts=true]")
    page.wait_for_function("() => /step/.test(document.querySelector('[data-testid=progress]').textContent)")
    open_lesson(page, "clean")
    page.wait_for_selector(f"{PROGRESS}:has-text('Ready')", state="attached")  # a guess comes first
    assert knobs(page)[0] == "none"
    assert page.input_value("#ood-share input[type=number]") == "0"
    assert page.locator("#methods [title*=OCE]").count() == 0
    open_lesson(page, "photos")
    page.wait_for_selector(".lesson .press button:has-text('Add photos')")
    assert "Ready" in page.inner_text(PROGRESS)  # it waits for the visitor's photos
