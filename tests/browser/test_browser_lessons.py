"""A lesson and the runs beside it, in one visit: predict, run, see, explain, change one thing, pin, share."""

import csv
import re

import pytest
from watching import PROGRESS, ends, enlarge, show, wait_idle

from cliptta_demo.page.lessons.lessons import by_key, lesson_recipe

pytestmark = pytest.mark.browser
SAY = ".lesson .say"
LINES = """id => document.querySelector(`#${id} .plot`).data
    .filter(trace => trace.mode.includes("lines")).map(trace => [trace.meta || "", trace.y.length])"""


def saved(page, button: str) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.click(button)
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_lesson_is_predicted_run_explained_and_changed_and_its_runs_are_compared(visit) -> None:
    page = visit(1280, 720, "?lesson=1")
    page.wait_for_selector(".lesson[data-lesson=collapse]")
    assert page.locator("#accuracy .empty").is_visible()  # the example would give the answer
    assert page.locator("#past table").count() == 0
    page.focus(".lesson .choice >> nth=1")
    page.keyboard.press("Enter")
    assert page.get_attribute(".lesson .choice >> nth=1", "aria-pressed") == "true"
    assert "choice" in page.evaluate("document.activeElement.className")
    page.click(".lesson .next")
    page.select_option(".lesson select", "dog")
    page.click(".lesson .next")
    assert page.inner_text(".lesson .next") == "Run"
    page.fill(".lesson input[type=range]", "97")
    page.click(".lesson .next")
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    page.wait_for_selector(".lesson .verdict")

    first, verdicts = ends(page), page.locator(".lesson .verdict").all_inner_texts()
    lowest = min(first, key=first.get)
    assert ("✓" in verdicts[0]) == (lowest == "tent")
    assert f"{first[lowest]}%" in verdicts[0]
    largest = re.search(r"TENT uses .*?, most often (“.*?”)", page.get_attribute("#answers svg", "aria-label"))
    assert re.search(rf"TENT calls \d+% of them {largest[1]}\. You said dog", verdicts[1])
    assert f"ends at {first['cliptta']}%" in verdicts[2]
    off = round(97 - first["cliptta"])
    assert f"You said 97%, {off} points too high" in verdicts[2]
    shapes = page.evaluate("document.querySelector('#accuracy .plot').layout.shapes")
    assert 0.97 in [shape["y0"] for shape in shapes]
    assert page.inner_text("#accuracy [data-method=tent] .beside") == "you said: ends lowest"
    assert "▸ dog: your guess." in page.inner_text("#answers .hint")

    page.click(".lesson ol button >> nth=0")
    assert page.locator(".lesson .choice:enabled").count() == 0  # no guess changes once the answer is known
    page.click(".lesson ol button >> nth=4")
    assert page.locator("#answers.lit").count() == 1
    marks = page.locator(f"{SAY} mark").evaluate_all("all => all.map(mark => mark.dataset.state)")
    assert marks == ["holds"] * 2  # what is claimed, in this run
    page.click(".lesson .next")
    page.click(".lesson .next")
    assert [row["guess"] for row in saved(page, ".lesson .small >> nth=0")] == ["TENT", "dog", "97%"]
    page.click(".lesson .choice:has-text('Severity 1')")
    page.wait_for_selector(f"{SAY}:has-text('→')")
    wait_idle(page)
    second = ends(page)
    assert f"TENT {first['tent']}% → {second['tent']}%" in page.inner_text(SAY)
    batches = lesson_recipe(by_key("collapse")).settings.stream.batches
    assert page.evaluate(LINES, "accuracy") == [["behind", batches]] * 3 + [["", batches]] * 3
    assert page.inner_text("#accuracy .footnote") == "Faint, dotted: last run (severity 4)."
    assert page.inner_text("#accuracy [data-method=zero-shot] .beside") == f"┄ {first['zero-shot']:.1f}%"

    show(page, "explore")
    page.click("#pin")
    enlarge(page, "past")
    page.wait_for_selector("#past .body tr.pin")
    page.fill("#past tr.pin input", "=mild")
    page.press("#past tr.pin input", "Enter")
    page.wait_for_selector("#past [aria-label='Unpin =mild']")
    rows = saved(page, "#save-past")
    assert [(row["run"], row["severity"]) for row in rows] == [("This run", "1"), ("Last run", "4"), ("'=mild", "1")]
    page.click("#share")
    page.wait_for_selector(".link-note:not([hidden])")
    query = page.input_value(".link-note input").partition("?")[2]
    other = visit(390, 844, f"?{query}", phone=True)
    enlarge(other, "past")
    other.wait_for_selector("#past .body tr.pin:has-text('numbers from a link')")
    assert other.input_value("#past tr.pin input") == "=mild"
    assert f"{second['tent']}%" in other.inner_text("#past .body tr.pin")
    assert other.evaluate("document.scrollingElement.scrollWidth") <= 390

    page.click(".lesson ol li:last-child button")
    page.click(".lesson .next")
    page.wait_for_selector(".lesson[data-lesson=patience]")
    show(page, "explore")
    page.wait_for_selector("#past tr:has-text('the opening run')")
    page.click(".lesson .close")
    page.wait_for_selector(".lesson", state="hidden")
    assert page.locator(".lit").count() == 0
