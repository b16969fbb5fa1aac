"""A lesson and the runs beside it, in one visit: predict, run, see, explain, change one thing, pin, share."""

import csv
import re

import pytest
from test_browser_run import PROGRESS, wait_idle

from cliptta_demo.page.words.defaults import DEFAULTS

pytestmark = pytest.mark.browser
SAY = ".lesson .say"
LINES = """id => document.querySelector(`#${id} .plot`).data
    .filter(trace => trace.mode.includes("lines")).map(trace => [trace.meta || "", trace.y.length])"""


def ends(page) -> dict[str, float]:
    """Each method's accuracy as its card has it, in %."""
    cards = page.locator("#cards .card").all()
    return {card.get_attribute("data-method"): float(card.locator(".number").inner_text()[:-1]) for card in cards}


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
    assert page.locator(".lesson").bounding_box()["height"] < 72  # two lines
    page.focus(".lesson .choice >> nth=1")
    page.keyboard.press("Enter")
    assert page.get_attribute(".lesson .choice >> nth=1", "aria-pressed") == "true"
    assert "choice" in page.evaluate("document.activeElement.className")
    assert page.inner_text("[data-method=tent] .beside") == "you said: ends lowest"
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
    largest = re.search(r"largest class (“.*”): (\d+%)", page.inner_text("[data-id=histogram-tent] .facts"))
    assert f"{largest[2]} of them {largest[1]}" in verdicts[1]
    assert f"ends at {first['cliptta']}%" in verdicts[2]
    off = round(97 - first["cliptta"])
    assert f"You said 97%, {off} points too high" in verdicts[2]
    shapes = page.evaluate("document.querySelector('#accuracy .plot').layout.shapes")
    assert 0.97 in [shape["y0"] for shape in shapes]
    notes = page.evaluate("document.querySelector('[data-id=histogram-tent] .plot').layout.annotations")
    assert [note["x"] for note in notes] == ["dog"]

    page.click(".lesson ol button >> nth=0")
    assert page.locator(".lesson .choice:enabled").count() == 0  # no guess changes once the answer is known
    page.click(".lesson ol button >> nth=4")
    assert page.locator("#histogram.lit").count() == 1
    marks = page.locator(f"{SAY} mark").evaluate_all("all => all.map(mark => mark.dataset.state)")
    assert marks == ["holds"] * 3  # what is claimed, in this run
    page.click(".lesson .next")
    page.click(".lesson .next")
    assert [row["guess"] for row in saved(page, ".lesson .small >> nth=0")] == ["TENT", "dog", "97%"]
    page.click(".lesson .choice:has-text('Severity 1')")
    page.wait_for_selector(f"{SAY}:has-text('→')")
    wait_idle(page)
    second = ends(page)
    assert f"TENT {first['tent']}% → {second['tent']}%" in page.inner_text(SAY)
    batches = DEFAULTS.stream.batches
    assert page.evaluate(LINES, "accuracy") == [["behind", batches]] * 3 + [["", batches]] * 3
    assert page.inner_text("#accuracy .footnote") == "Faint, dotted: last run (severity 4)."
    assert page.inner_text("[data-method=zero-shot] .beside") == f"last run {first['zero-shot']}%"

    page.click("#pin")
    page.wait_for_selector("#past tr.pin")
    page.fill("#past tr.pin input", "=mild")
    page.press("#past tr.pin input", "Enter")
    page.wait_for_selector("#past [aria-label='Unpin =mild']")
    rows = saved(page, "#save-past")
    assert [(row["run"], row["severity"]) for row in rows] == [("This run", "1"), ("Last run", "4"), ("'=mild", "1")]
    page.click("#share")
    page.wait_for_selector(".link-note:not([hidden])")
    query = page.input_value(".link-note input").partition("?")[2]
    other = visit(390, 844, f"?{query}", phone=True)
    other.wait_for_selector("#past tr.pin:has-text('numbers from a link')", state="attached")
    assert other.input_value("#past tr.pin input") == "=mild"
    assert f"{second['tent']}%" in other.inner_text("#past tr.pin")
    assert other.evaluate("document.scrollingElement.scrollWidth") <= 390

    page.click(".lesson .next")
    page.wait_for_selector(".lesson[data-lesson=patience]")
    page.wait_for_selector(f"[data-method=tent] .beside:has-text('“Watch TENT collapse” {first['tent']}%')")
    page.click(".lesson .close")
    page.wait_for_selector(".lesson", state="hidden")
    assert page.locator(".lit").count() == 0
