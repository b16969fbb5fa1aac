"""What the page says of a run is true at every moment: before it, while it works, changed on its way, at its end."""

import pytest
from serving import wait_for_streams
from watching import PROGRESS, corrupt, done, enlarge, set_number, show, step, wait_done

pytestmark = pytest.mark.browser
COVERED = """() => {
  const boxes = [...document.querySelectorAll('#accuracy .annotation-text')].map((one) => one.getBoundingClientRect());
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  return boxes.flatMap((a, index) => boxes.slice(index + 1).filter((b) => !apart(a, b))).length;
}"""
HIDDEN = """() => [...document.querySelectorAll('.corruptions button')].filter((option) => {
  const box = option.getBoundingClientRect();
  return !option.contains(document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2));
}).map((option) => option.textContent)"""
LINES = "document.querySelector('#accuracy .plot').data.filter((trace) => trace.meta === 'behind').length"
TALL = "document.documentElement.scrollHeight"
LINE = "(words) => document.querySelector('#strip .quiet').textContent === words"
RUNS = "document.querySelector('#run').disabled"
READY = "() => !document.querySelector('#step').disabled"
SCHEDULE = (
    "?schedule=continual&shift_batches=1&batches=3&batch_size=8&order=rotta&ood_share=0.25&ood_bursts=1"
    "&methods=zero-shot,tent&steps=1"
)


def step_to(page, batches: int) -> None:
    step(page)
    assert done(page) == batches


def given_up(visit):
    """The page whose first run was paused before its first batch, and its first sentence; a batch can be the faster."""
    for _ in range(8):
        page = visit(1366, 768)
        page.wait_for_selector("#accuracy .plot .main-svg")
        example = page.inner_text("#sentence")
        page.evaluate(
            """() => {
                window.seen = [];
                const note = () => document.querySelector('#run').disabled && window.seen.push(document.body.innerText);
                new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
                document.querySelector('#run').click();
                const pause = new MutationObserver(() => {
                    const button = document.querySelector('#pause');
                    if (button.disabled) return;
                    pause.disconnect();
                    button.click();
                });
                pause.observe(document.querySelector('#pause'), { attributes: true, attributeFilter: ['disabled'] });
            }"""
        )
        page.wait_for_function(f"() => window.seen.length && !{RUNS}")
        wait_for_streams(page)
        if not page.locator(f"{PROGRESS}:has-text('1 of 8')").count():
            return page, example
    raise AssertionError("The first batch was before the pause eight times.")


def test_a_first_run_stands_alone_and_one_that_is_given_up_leaves_the_example(visit) -> None:
    page, example = given_up(visit)
    page.wait_for_selector(".example")
    assert page.inner_text("#sentence") == example
    assert page.locator("#accuracy .end").count() == 3
    assert page.inner_text("#run") == "Run"

    page.click("#run")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    wait_for_streams(page)
    seen = page.evaluate("window.seen")
    assert not [text for text in seen if "Press Run" in text]
    assert page.evaluate(LINES) == 0  # the example is nobody's last run
    assert page.locator("#accuracy .beside, #past tbody tr:not(.this)").count() == 0
    assert "last run" not in page.inner_text("#watch")


def test_a_change_on_the_way_is_told_as_it_came_and_nothing_stale_stays(visit) -> None:
    page = visit(1366, 768, "?batch_size=8&batches=6&steps=1")
    page.wait_for_selector("#message .note")
    page.click("#message .close")
    assert page.locator("#message .note").count() == 0
    plan = page.locator("#strip .quiet")
    page.wait_for_function(LINE, arg="Impulse noise in all 6 batches; severity 4; classes shuffled.")
    step_to(page, 1)
    corrupt(page, "fog")
    page.wait_for_selector("#changed:has-text('This run has other settings: Continue to apply yours')")
    coming = "Impulse noise in batch 1; Fog in batches 2 to 6; severity 4; classes shuffled."
    page.wait_for_function(LINE, arg=coming)  # what Continue brings
    step_to(page, 2)
    assert "Going on with the adapted model: fog 4." in page.inner_text("#message")
    assert page.locator(".changed").count() == 0
    for severity, batches in ((1, 3), (5, 4), (3, 5)):
        page.click(f".segments label:nth-of-type({severity})")
        page.wait_for_selector("#changed .changed")
        step_to(page, batches)
    step_to(page, 6)
    assert plan.text_content().startswith("Impulse noise in batch 1; Fog in batches 2 to 6; severity 1 to 5")
    assert page.locator("#strip .shifts > div").count() == 5
    assert page.locator("#message .note").count() == 0  # not "Going on" after the end
    notes = "document.querySelector('#accuracy .plot').layout.annotations.map((note) => note.text)"
    assert page.evaluate(notes)[:4] == ["fog 4", "fog 1", "fog 5", "fog 3"]
    assert page.evaluate(COVERED) == 0
    assert page.evaluate(notes.replace("accuracy", "entropy")) == ["batch"]
    assert page.evaluate(TALL) <= 768
    enlarge(page, "past")
    rows = page.locator("#shifts tbody tr").all_inner_texts()
    assert [row.split("\t")[:2] for row in rows] == [["Impulse noise", "8"], ["Fog", "40"]]
    assert page.evaluate("(box => box.scrollHeight <= box.clientHeight)(document.querySelector('#shifts .scroll'))")


def test_a_schedule_is_drawn_before_during_and_after_its_run_and_every_corruption_is_in_sight(visit) -> None:
    page = visit(1366, 768, SCHEDULE)
    # The page opens with one shift. While the link fills the form, plans of a part of it may come before its own.
    page.wait_for_function(
        """([shifts, names, label]) => document.querySelectorAll('#strip .shifts > div').length === shifts
            && [...document.querySelectorAll('#strip .lanes b')].map(b => b.innerText).join() === names
            && document.querySelector('#strip .lanes').ariaLabel.startsWith(label)""",
        arg=[3, "shift,classes,strangers", "Gaussian noise in batch 1; Shot noise in batch 2; Impulse"],
    )
    assert page.locator("#strip .is-marked").count() == 0
    assert page.evaluate(TALL) <= 768
    step(page)
    page.wait_for_selector("#strip .is-marked")
    assert page.get_attribute("#strip .lanes", "aria-label").endswith("At batch 2.")
    assert page.evaluate(TALL) <= 800
    page.click("#run")
    wait_done(page, 3)
    names = ["Gaussian noise", "Shot noise", "Impulse noise"]
    assert page.locator("#strip .shifts span").all_inner_texts() == names
    enlarge(page, "past")
    assert page.locator("#shifts tbody th").all_inner_texts() == names
    assert page.locator("#shifts tbody td").count() == 9
    show(page, "watch")
    set_number(page, "batches", 4)  # another plan: the form's, which no run is at
    page.wait_for_function("document.querySelectorAll('#strip .shifts > div').length === 4")
    assert page.locator("#strip .is-marked").count() == 0
    for width, height in ((1366, 640), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        if width < 900:
            page.click("#knobs-more button")
        page.click("#corruption .more")
        page.wait_for_selector(".corruptions:popover-open")
        page.evaluate("document.querySelector('.corruptions').scrollTo(0, 0)")
        assert page.evaluate(HIDDEN) == []
        page.keyboard.press("Escape")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_share_offers_addresses_that_others_reach(visit) -> None:
    page = visit(1366, 768)
    page.click("#share")
    page.wait_for_selector(".link-note:not([hidden])")
    told = page.locator(".link-note small")
    assert told.inner_text().startswith("Only this machine can open it")  # the tests' server listens on loopback
    share, note = page.locator("#share").bounding_box(), page.locator(".link-note").bounding_box()
    assert 0 <= note["y"] - share["y"] - share["height"] < 24
    page.evaluate("async () => { await cliptta.copyLink('?seed=3\\n192.0.2.7\\n192.0.2.8'); }")
    assert page.input_value(".link-note input").startswith("http://192.0.2.7:")
    assert "192.0.2.8" in told.inner_text()
    page.click(".link-note .close")
    assert not page.is_visible(".link-note")


def test_a_guess_is_drawn_on_its_lesson_s_run_alone(visit) -> None:
    page = visit(1366, 768, "?lesson=1")
    page.wait_for_selector(".lesson[data-lesson=collapse]")
    page.click("#accuracy .names [data-method=tent]")
    page.click(".lesson .next")
    page.click("#answers .row >> nth=1")
    page.click(".lesson .next")
    page.focus(".hand")
    for key in ("End", *["ArrowDown"] * 3):
        page.keyboard.press(key)
    guessed = "() => (document.querySelector('#accuracy .plot')?.layout?.shapes ?? []).some((one) => one.y0 === 0.97)"
    page.click(".lesson .next:has-text('97%')")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')", state="attached")
    page.wait_for_function(guessed)
    wait_for_streams(page)
    page.click("#form-line button")
    page.click(".segments label:nth-of-type(1)")
    page.click("#step")
    page.wait_for_function("() => document.querySelector('.run-line')?.dataset.link.includes('severity=1')")
    page.wait_for_function(f"() => !({guessed})()")
    page.wait_for_function(READY)
    page.click(".lesson .close")
    page.wait_for_selector("#message:has-text('The lesson is closed')")
    assert "Settings changed" not in page.inner_text("body")
