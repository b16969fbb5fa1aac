"""The page in a made-up language of longer words that reads from right to left: nothing is left in English, or cut."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Page
from serving import serve_process, visits
from watching import CUT, TEXTS, open_lesson, set_number, show, show_settings, wait_idle

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import DEFAULT_TEMPLATES
from cliptta_demo.page.lessons.lessons import by_key
from cliptta_demo.page.words.defaults import DEFAULTS
from tools.made_up import CLOSING, OPENING, translation

pytestmark = pytest.mark.browser

# What no language changes: names of methods and classes, and what the model reads around the latter; measures and signs
# of formulas; and how Gradio calls a slider.
NAMES = [kind.label for kind in METHODS.values()] + list(DEFAULTS.class_names) + ["AUROC", "FPR95", "γ"]
NAMES += [DEFAULT_TEMPLATES[0].partition("{}")[0].strip()]
GRADIOS = ["number input for", "range slider for"]
DATA = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(NAMES + GRADIOS, key=len)[::-1]))

# What stands outside of the marks: of a sentence that runs through several elements, beside the whole of it.
READ = f"""([opening, closing]) => {{{TEXTS}
  const gradios = "footer, .modebar, [data-testid=status-tracker], div.sr-only"; // in the browser's language
  const names = ["aria-label", "aria-description", "title", "alt", "placeholder"];
  const look = (text, element, what) => {{
    if (element.closest(gradios)) return;
    let depth = 0;
    let left = "";
    for (const letter of text) {{
      if (letter === opening) depth += 1;
      else if (letter === closing) depth -= 1;
      else if (depth <= 0) left += letter;
    }}
    if (/\\p{{L}}/u.test(left)) found.push([left.trim(), `${{what}} ${{place(element)}}`]);
  }};
  const sentences = new Map();
  for (const text of texts) {{
    let block = text.parentElement.closest("[data-words]") ?? text.parentElement; // a word and what it means: one text
    while (/^(inline|contents)/.test(getComputedStyle(block).display)) block = block.parentElement;
    sentences.set(block, `${{sentences.get(block) ?? ""}}\\n${{text.data}}`);
  }}
  for (const [element, text] of sentences) look(text, element, "text of");
  for (const name of names) {{
    for (const element of document.body.querySelectorAll(`[${{name}}]`)) {{
      if (shown(element)) look(element.getAttribute(name), element, `${{name}} of`);
    }}
  }}
  look(document.title, document.documentElement, "title of");
  return found;
}}"""


OPENERS = {
    390: ("#settings", "#lessons-open", "#knobs-more button"),
    1440: ("#settings", "#lessons-open", "#corruption .more", "#methods .more"),
}


@pytest.fixture(scope="module")
def far(known_browser: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page in the made-up language, as it opens, with its folds open."""
    words = tmp_path_factory.mktemp("languages") / "made_up.po"
    words.write_text(translation("rtl"), encoding="utf-8")
    with serve_process(CLIPTTA_LANGUAGE=str(words)) as (address, _, _), visits(known_browser, address) as visit:
        page = visit()
        page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
        yield page


@contextmanager
def looks(page: Page) -> Iterator[Callable[[str], None]]:
    """Gives what looks at the page as it is; at the end all that was found is printed, which must be nothing.

    That is what is visible, has letters, is no data and not said in the page's language; and what does not fit.
    """
    english, beyond = set(), []

    def look(at: str) -> None:
        page.wait_for_timeout(300)  # scripts draw, and mark words of the field, a moment later
        found = [(DATA.sub("", text), place) for text, place in page.evaluate(READ, [OPENING, CLOSING])]
        english.update(f"{place}: {text}" for text, place in found if re.search(r"[^\W\d_]", text))
        beyond.extend([at, *one] for one in page.evaluate(CUT))

    yield look
    print("\n".join(["Not said:", *sorted(english), "Cut:", *map(str, beyond)]))
    assert (english, beyond) == (set(), [])


def check(page: Page) -> None:
    """Each depth, the drawer and menus, in a wide window and on a phone."""
    with looks(page) as look:
        for width, openers in OPENERS.items():
            page.set_viewport_size({"width": width, "height": 900})
            for depth in ("why", "explore", "watch"):
                show(page, depth)
                look(f"{width} {depth}")
            for opener in openers:
                page.click(opener)
                look(f"{width} {opener}")
                page.keyboard.press("Escape")


def test_it_reads_from_right_to_left(far: Page) -> None:
    assert far.evaluate("[document.documentElement.dir, document.documentElement.lang]") == ["rtl", "he"]
    assert far.locator("#words").bounding_box()["x"] > far.locator("#answers").bounding_box()["x"]


def test_as_it_opens(far: Page) -> None:
    check(far)


def test_after_a_batch_with_strangers(far: Page) -> None:
    for name, value in (("batch-size", 16), ("ood-share", 0.5)):
        set_number(far, name, value)
    far.click("#step")
    far.wait_for_selector("#scores .main-svg", state="attached")
    wait_idle(far)
    assert far.eval_on_selector("#accuracy .plot", "plot => getComputedStyle(plot).direction") == "ltr"
    check(far)


def test_beside_an_error(far: Page) -> None:
    show_settings(far)
    far.fill("#class-names textarea", "cat")
    show_settings(far, False)
    wait_idle(far)
    far.click("#run")
    far.wait_for_selector("[data-testid=message].error")
    check(far)


def test_in_a_lesson(far: Page) -> None:
    """Its scene, step by step, with a guess, before its run and after it."""
    lesson = by_key("collapse")
    open_lesson(far, lesson.key)
    with looks(far) as look:

        def scene(at: str) -> None:
            for width in OPENERS:
                far.set_viewport_size({"width": width, "height": 900})
                look(f"{width} {at}")

        for width in OPENERS:
            far.set_viewport_size({"width": width, "height": 900})
            far.click("#lessons-open")
            look(f"{width} #lessons-open")
            far.keyboard.press("Escape")
        far.click("#accuracy .names button >> nth=0")
        for ask in range(len(lesson.asks)):
            scene(f"question {ask + 1}")
            far.click(".lesson .next")
        far.wait_for_selector(".lesson [data-right]")
        wait_idle(far)
        for step in range(len(lesson.asks + lesson.explains + lesson.tries)):
            if step:
                far.click(".lesson .next")
            scene(f"step {step + 1}")
