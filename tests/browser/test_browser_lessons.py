"""A lesson and the runs beside it, in one visit: predict, run, see, explain, change one thing, pin, share."""

import csv
import re

import pytest
from watching import PROGRESS, ends, enlarge, show, wait_idle

from cliptta_demo.page.lessons.lessons import by_key, lesson_recipe

pytestmark = pytest.mark.browser
NEXT, NOW = ".lesson .next", ".lesson .now"
LINES = """id => document.querySelector(`#${id} .plot`).data
    .filter(trace => trace.mode.includes("lines")).map(trace => [trace.meta, trace.y.length])"""


def check_still(page) -> None:
    """Nothing scrolls, and the button that leads on lies under nothing."""
    assert page.evaluate("document.scrollingElement.scrollHeight <= innerHeight")
    box = page.locator(NEXT).bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert page.evaluate("([x, y]) => Boolean(document.elementFromPoint(x, y)?.closest('.next'))", middle)


def saved(page, button: str) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.click(button)
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_lesson_is_predicted_run_explained_and_changed_and_its_runs_are_compared(visit) -> None:
    page = visit(1366, 768, "?lesson=1")
    page.wait_for_selector(".lesson[data-lesson=collapse]")
    assert page.locator("#accuracy .end").count() == 0  # the example would give the answer
    page.wait_for_selector("#words .tile .truth")  # seen before the guess
    assert page.locator("#words .tile .word").count() == 0
    page.focus("#accuracy .names [data-method=tent]")
    page.keyboard.press("Enter")
    assert page.get_attribute("#accuracy .names [data-method=tent]", "aria-pressed") == "true"
    page.click(NEXT)
    page.click("#answers .row >> nth=1")  # dog
    page.click(NEXT)
    page.focus(".hand")
    for _ in range(47):
        page.keyboard.press("ArrowUp")
    assert page.inner_text(NEXT) == "Run with 97%"
    check_still(page)
    page.click(NEXT)
    page.wait_for_selector(f"{PROGRESS}:has-text('finished')", state="attached")
    page.wait_for_selector(f"{NEXT}:has-text('Next')")

    first, verdicts = ends(page), []
    for _ in range(3):
        verdicts.append(page.inner_text(NOW))
        check_still(page)
        page.click(NEXT)
    lowest = min(first, key=first.get)
    assert ("✓" in verdicts[0]) == (lowest == "tent")
    assert f"{first[lowest]}%" in verdicts[0]
    largest = re.search(r"TENT uses .*?, most often (“.*?”)", page.get_attribute("#answers svg", "aria-label"))
    assert re.search(rf"You said dog. TENT calls \d+% of all 288 images {largest[1]}", verdicts[1])
    assert f"ends at {first['cliptta']}%" in verdicts[2]
    off = round(97 - first["cliptta"])
    assert f"You said 97%, {off} points too high" in verdicts[2]
    assert all("\n" in verdict.strip() for verdict in verdicts)  # each with its reason
    shapes = page.evaluate("document.querySelector('#accuracy .plot').layout.shapes")
    assert 0.97 in [shape["y0"] for shape in shapes]
    assert page.inner_text("#accuracy [data-method=tent] .beside") == "you said: ends lowest"
    assert "▸ dog: your guess." in page.inner_text("#answers .hint")

    assert page.locator("#answers.lit").count() == 1
    assert page.locator(".names, .hand").count() == 0  # no guess changes once the answer is known
    page.click(NEXT)
    page.click(NEXT)
    page.click(".lesson .press button:has-text('Severity 1')")
    page.wait_for_selector(f"{NOW}:has-text('→')")
    wait_idle(page)
    check_still(page)
    second = ends(page)
    assert f"TENT {first['tent']}% → {second['tent']}%" in page.inner_text(NOW)
    assert re.search(r"± \d+\.\d is noise", page.inner_text(NOW))
    page.click(NEXT)
    assert [row["guess"] for row in saved(page, ".lesson .small >> nth=0")] == ["TENT", "dog", "97%"]
    assert page.evaluate("cliptta.isDone('collapse')")
    batches = lesson_recipe(by_key("collapse")).settings.stream.batches
    lines = [[name, batches] for name in ("behind", "behind", "behind", "zero-shot", "tent", "cliptta")]
    assert page.evaluate(LINES, "accuracy") == lines
    assert page.inner_text("#accuracy .footnote") == "Faint, dotted: last run (severity 4)."
    assert page.inner_text("#accuracy [data-method=zero-shot] .beside") == f"┄ {first['zero-shot']:.1f}%"

    assert page.inner_text(NEXT) == "Next lesson"
    page.click(".lesson .close")
    page.wait_for_selector(".lesson", state="hidden")
    assert page.locator(".lit").count() == 0
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
