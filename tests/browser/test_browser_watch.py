"""Watch as it opens: on one screen, with few words, buttons and sizes of type."""

import pytest
from watching import draw, finish, noted, open_uploader

pytestmark = pytest.mark.browser
MEASURED = """() => {
    const seen = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
    const sizes = new Set();
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const { data, parentElement: element } = texts.currentNode;
        if (!data.trim() || !seen(element) || element.closest(".sr, .sr-only, script, style")) continue;
        sizes.add(parseFloat(getComputedStyle(element).fontSize));
    }
    return {
        height: document.documentElement.scrollHeight,
        words: document.body.innerText.split(/\\s+/).filter(Boolean).length,
        buttons: [...document.querySelectorAll("button, [role=button], summary")].filter(seen).length,
        sizes: [...sizes].sort((one, other) => one - other),
    };
}"""

# Parts of *Watch* that stand over their column.
OVER = """() => [...document.querySelectorAll('#watch .panel')].flatMap(panel => {
    const edge = panel.getBoundingClientRect().right + 1
    const parts = [...panel.querySelectorAll('.words, .truth, .columns span, .name, .hint')]
    return parts.filter(part => part.checkVisibility() && part.getBoundingClientRect().right > edge)
}).map(part => part.textContent)"""


@pytest.mark.parametrize(("query", "smallest", "window"), [("", 13, (1366, 768)), ("?type=large", 16, (1280, 720))])
def test_the_opening_page_keeps_to_its_budget(visit, query, smallest, window):
    page = visit(*window, query)
    page.wait_for_selector("#accuracy .main-svg", state="attached")
    found = page.evaluate(MEASURED)
    assert found["words"] <= 900
    assert found["buttons"] <= 50
    assert len(found["sizes"]) <= 5
    assert found["sizes"][0] >= smallest
    assert found["height"] <= 768


def test_many_classes_and_images_have_room_on_one_screen(visit, tmp_path):
    """Of 200 classes with long names, eleven rows and the others; of 48 images a page, and the next one."""
    page = visit(1366, 768)
    open_uploader(page)
    for index in range(48):
        draw(tmp_path / f"{index:02}.png", f"hsl({7 * index}, 80%, 50%)")
    page.set_input_files("#files input[multiple]:not([webkitdirectory])", sorted(map(str, tmp_path.glob("*.png"))))
    noted(page, "48 images ready")
    assert page.input_value("#dataset input") == "Your images"  # by being added
    classes = ["cat", "dog", *(f"a thing with a long name and number {index}" for index in range(198))]
    page.fill("#class-names textarea", "\n".join(classes))
    page.fill("#templates textarea", "a {}.")  # each name read once
    page.keyboard.press("Escape")
    tiles = "#words .tile:visible .truth"
    assert page.locator(tiles).all_inner_texts() == [f"{index:02}.png" for index in range(12)]
    page.click("#words .later")
    assert page.locator(tiles).all_inner_texts() == [f"{index:02}.png" for index in range(12, 24)]
    assert page.inner_text("#words .sentence") == "13–24 of 48 images"
    finish(page)
    assert page.inner_text("#words .sentence") == "13–24 of 24 images"  # the same place in the batch
    assert page.inner_text("#accuracy .footnote").startswith("Nobody can say who is right: no labels.")
    assert page.locator("#words .later").is_disabled()
    page.click("#words .earlier")
    assert page.inner_text("#words .sentence") == "12 of 24 images"
    assert page.locator("#answers .row").count() == 12
    assert page.locator("#answers .row.others .name").text_content() == "189 others"
    assert page.evaluate(OVER) == []
    page.click("#answers .toggle")
    assert page.locator("#answers .row").count() == 200
    assert page.evaluate(OVER) == []
    assert page.evaluate("document.documentElement.scrollHeight") <= 768
