"""Watch as it opens: on one screen, with few words, buttons and sizes of type."""

import pytest

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
