"""All methods ranked, in a real browser: sorted, filtered, the leader named, and each row's link fills the form."""

import json

import pytest
from watching import enlarge

from cliptta_demo.backend.methods.recorded import measured
from cliptta_demo.backend.methods.registry import FAMILIES, METHODS
from cliptta_demo.places import RANKING

pytestmark = pytest.mark.browser
PARTS = json.loads(RANKING.read_text(encoding="utf-8"))["parts"]
ROWS, SENTENCE = "#ranking .body tbody tr", "#ranking .sentence"


def names(page):
    return [text.strip("*") for text in page.locator(f"{ROWS} a").all_inner_texts()]


def sort(page, title):
    page.click(f"#ranking .body thead button:has-text('{title}')")


def choose(page, label, words):
    page.locator("#ranking label", has_text=label).locator("select").select_option(label=words)


def test_methods_are_ranked_sorted_filtered_and_run(visit):
    page = visit()
    enlarge(page, "ranking")
    page.wait_for_selector(ROWS)
    labels = [METHODS[name].label for name in measured()]  # the one that gains most first
    assert names(page) == labels
    assert page.inner_text(SENTENCE).startswith(f"{labels[0]} leads {labels[1]} by ")
    assert page.locator(f"{ROWS} .own").all_inner_texts() == ["CLIPTTA", "TENT"]  # of the run on show
    gains = page.locator(f"{ROWS} td:nth-of-type(3)").all_inner_texts()
    assert [text.split(" ")[0].replace("−", "-") for text in gains] == [
        f"{own.gain:+.1f}" for own in measured().values()
    ]

    sort(page, "Year")
    years = page.locator(f"{ROWS} td:last-child").all_inner_texts()
    assert years == sorted((METHODS[name].paper[-4:] for name in measured()), reverse=True)
    sort(page, "Year")
    assert page.locator(f"{ROWS} td:last-child").all_inner_texts() == years[::-1]
    assert page.evaluate("document.activeElement.innerText").startswith("Year")

    choose(page, "Family", f"{FAMILIES['memory']}")
    assert sorted(names(page)) == ["RoTTA", "STAMP", "SoTTA"]
    choose(page, "Streams", "Corruptions one after another")
    choose(page, "Images", "CIFAR-10")
    (part,) = [one for one in PARTS if one["stream"] == "continual" and one["datasets"] == ["cifar10"]]
    first, second, _ = [METHODS[name].label for name in part["methods"] if METHODS[name].family == "memory"]
    assert page.inner_text(SENTENCE).startswith(f"{first} leads {second} by ")
    page.click(f"{ROWS}:has-text('STAMP')")  # anywhere on the row
    page.wait_for_selector("#message .note")
    assert "This link's experiment is in the form" in page.inner_text("#message")
    assert page.input_value("#dataset input") == "CIFAR-10"
    page.wait_for_selector("#methods .chip:has-text('STAMP')")
    assert page.locator("#methods .chip:not(.more)").all_inner_texts() == ["Zero-shot", "STAMP"]
    assert "schedule=continual" in page.url
