"""Why: on one screen; triangles that play without the server; switches and bars; the image and batch on show."""

import pytest
from watching import show, wait_idle

pytestmark = pytest.mark.browser
LABELS = "() => [...document.querySelectorAll('#toy svg')].map(svg => svg.getAttribute('aria-label'))"
WORDS = "#toy figcaption p"
END = "() => document.querySelector('#toy output').textContent === 'step 60 of 60'"
# How bright the brightest and the darkest cell are, of each method, over the canvas's ground.
BRIGHT = """() => [...document.querySelectorAll('#matrix canvas')].map(canvas => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b
    const ground = light(getComputedStyle(canvas).backgroundColor.match(/\\d+/g).map(Number))
    const cells = [...Array(data.length / 4)].map((_, index) => {
        const [r, g, b, alpha] = data.slice(4 * index, 4 * index + 4)
        return [alpha, ground + alpha / 255 * (light([r, g, b]) - ground)]
    }).sort((one, other) => other[0] - one[0])
    return [cells[0][1], cells.at(-1)[1]]
})"""


def turn(page, name):
    page.click(f"#terms [data-name={name}]")
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def on(page):
    names = "all => all.filter(one => one.ariaChecked === 'true').map(one => one.dataset.name)"
    return page.locator("#terms [role=switch]").evaluate_all(names)


@pytest.mark.parametrize("height", [768, 640])
def test_all_of_it_is_on_one_screen(visit, height):
    page = visit(1366, height, "#why")
    page.wait_for_selector("#path .word")
    page.wait_for_function(END)
    assert page.evaluate("document.documentElement.scrollHeight") <= height
    assert page.locator("#finding .body h2").evaluate("head => getComputedStyle(head).fontSize") == "28px"
    page.click("#matrix header button")
    assert page.is_visible("#story .loss >> nth=0")
    assert page.evaluate("document.documentElement.scrollHeight") <= height
    assert page.evaluate("document.activeElement.closest('#story') !== null")
    page.keyboard.press("Enter")
    assert page.is_visible("#matrix canvas >> nth=0")


def test_two_triangles_play_on_arrival_without_the_server(visit):
    page = visit(1366, 768)
    wait_idle(page)
    page.wait_for_timeout(2000)  # what the page asks for by itself has come
    wait_idle(page)
    page.context.set_offline(True)
    show(page, "why")
    page.wait_for_function(END)
    tent, own = page.evaluate(LABELS)
    assert tent == "TENT: 8 cat, 0 dog, 0 car"
    assert own.startswith("CLIPTTA: ")
    assert ", 0 " not in own
    assert page.locator(WORDS).all_inner_texts() == [
        "entropy alone: all eight end as cat",
        "contrastive + regulariser: they part",
    ]
    assert page.locator("#toy .trail").count() == page.locator("#toy .end").count() == 16
    for _ in range(5):  # a frame's time may lie before the press or after it
        page.click("#toy .play")
        page.wait_for_function("() => /^step [1-9]\\d? of/.test(document.querySelector('#toy output').textContent)")
    page.fill("#toy input", "0")
    assert page.inner_text("#toy output") == "step 0 of 60"
    assert page.evaluate(LABELS)[1] == "CLIPTTA: 8 cat, 0 dog, 0 car"
    page.context.set_offline(False)


def test_with_reduced_motion_the_end_is_there_at_once(visit):
    page = visit(1366, 768)
    page.emulate_media(reduced_motion="reduce")
    show(page, "why")
    page.wait_for_selector("#toy svg")
    page.click("#toy .choices button >> nth=2")
    assert page.inner_text("#toy output") == "step 60 of 60"
    assert page.evaluate(LABELS)[0] == "TENT: 3 cat, 3 dog, 2 car"


def test_switches_build_losses_and_light_their_bars(visit):
    page = visit(1366, 768)
    page.emulate_media(reduced_motion="reduce")
    show(page, "why")
    page.wait_for_function(END)
    assert on(page) == ["contrastive", "regulariser", "memory"]
    lit = "#terms li.on"
    assert "CLIPTTA" in page.inner_text(lit)
    before = page.locator("#toy .end").evaluate_all("all => all.map(end => end.getAttribute('transform'))")
    turn(page, "memory")
    assert page.evaluate(LABELS)[1].startswith("your loss: ")
    assert page.locator("#toy .triangle.none").count() == 1
    after = page.locator("#toy .end").evaluate_all("all => all.map(end => end.getAttribute('transform'))")
    assert after == before  # it works through shared weights
    turn(page, "regulariser")
    assert page.locator(WORDS).nth(1).inner_text() == "contrastive alone: with one caption for all, they stand still"
    turn(page, "entropy")
    assert on(page) == ["entropy"]
    assert "TENT" in page.inner_text(lit)
    turn(page, "regulariser")
    assert page.evaluate(LABELS)[1].startswith("TENT + regulariser: ")
    turn(page, "memory")  # a row of its own, below the others
    assert page.locator("#terms li").last.inner_text().startswith("entropy + regulariser + memory")
    for name in on(page):
        turn(page, name)
    assert on(page) == []
    assert page.locator(WORDS).nth(1).inner_text() == "no loss: nothing moves"


def test_points_are_moved_by_keys_and_dragged(visit):
    page = visit(1366, 768)
    page.emulate_media(reduced_motion="reduce")
    show(page, "why")
    page.wait_for_function(END)
    page.click("#toy .play")
    toy = page.locator("#toy svg").nth(0)
    toy.focus()
    page.keyboard.press("Space")
    for key in ["ArrowDown"] * 12 + ["ArrowLeft"] * 12:
        page.keyboard.press(key)
    assert "point 2 of 8" in toy.get_attribute("aria-description")
    assert page.evaluate(LABELS)[0] == "TENT: 7 cat, 1 dog, 0 car"
    assert page.locator(WORDS).nth(0).inner_text() == "entropy alone: 7 cat, 1 dog"
    dog = page.locator("#toy .ground").nth(0).bounding_box()
    point = page.locator("#toy .triangle >> nth=0 >> .reach >> nth=0").bounding_box()
    page.mouse.move(point["x"] + 12, point["y"] + 12)
    page.mouse.down()
    page.mouse.move(dog["x"] + dog["width"] - 30, dog["y"] + dog["height"] - 12, steps=5)
    page.mouse.up()
    assert page.evaluate(LABELS)[0] == "TENT: 6 cat, 1 dog, 1 car"


def test_the_way_is_of_the_image_looked_at(visit):
    page = visit(1366, 768)
    said = page.locator("#words .tile").evaluate_all(
        "tiles => tiles.map(tile => [...tile.querySelectorAll('.word bdi')].at(-1).textContent)"
    )
    other = next(index for index in range(1, 8) if said[index] != said[0])
    show(page, "why")
    assert page.inner_text("#path .word") == said[0]
    assert page.inner_text("#path .box >> nth=1").startswith("loss of 24 images")
    assert "3 times a batch" in page.inner_text("#path .hint")
    show(page, "watch")
    page.click(f"#words .tile >> nth={other}")
    page.keyboard.press("Escape")
    show(page, "why")
    assert page.inner_text("#path .word") == said[other]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_fits_is_bright_in_both_themes(visit, scheme):
    page = visit(1366, 768, "#why", scheme=scheme)
    page.wait_for_selector("#matrix canvas")
    found = page.evaluate(BRIGHT)
    assert len(found) == 3
    assert all(best > 100 for best, _ in found)
    assert found[0][0] > 3 * found[0][1]
    assert found[2][0] > 3 * found[2][1]
    assert found[1][0] == found[1][1]  # TENT's one caption fits all alike


def test_a_phone_has_one_column(visit):
    page = visit(390, 844, "#why", phone=True)
    page.wait_for_selector("#path .word")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tops = page.locator("#why > :visible").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    assert len(set(tops)) == len(tops) >= 5
