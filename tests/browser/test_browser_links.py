"""Links in a real browser: an address fills the form, the run is the sender's, and Share makes such an address."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.browser
LINK = (
    "?corruption=fog&severity=2&batch_size=8&batches=2&steps=2&seed=7"
    "&methods=zero-shot,cliptta&class_names=cat,car,tree"
)


def open_link(visit, query):
    page = visit(query=query)
    page.wait_for_selector("#message .note")
    return page


def run_to_end(page):
    page.click("#run")
    page.wait_for_function("document.querySelector('[data-testid=progress]').textContent.includes('finished')")
    return page.evaluate(
        "['accuracy', 'entropy'].map(id => document.querySelector(`#${id} .plot`).data.map(t => [t.name, t.y]))"
    )


def test_two_visitors_of_one_link_see_the_same_run_and_share_gives_the_link(visit) -> None:
    first = open_link(visit, LINK)
    assert first.input_value("#severity input[type=number]") == "2"
    assert first.input_value("#class-names textarea") == "cat,car,tree"
    assert first.input_value("#corruption input") == "Fog"
    assert "press Run" in first.inner_text("#message")
    numbers = run_to_end(first)
    first.click("#share")
    first.wait_for_selector(".link-note:not([hidden])")
    shared = first.input_value(".link-note input")
    assert parse_qs(urlsplit(shared).query) == parse_qs(urlsplit(LINK).query)
    assert first.url == shared  # the address bar has it too
    second = open_link(visit, "?" + urlsplit(shared).query)
    assert run_to_end(second) == numbers


def test_a_changed_form_changes_the_link(visit) -> None:
    page = visit()
    page.fill("#seed input[type=number]", "11")
    page.press("#seed input[type=number]", "Tab")
    page.click("#share")
    page.wait_for_selector(".link-note:not([hidden])")
    assert urlsplit(page.input_value(".link-note input")).query == "seed=11"
    page = open_link(visit, "?seed=11")
    page.click("#share")
    page.wait_for_selector(".link-note:not([hidden])")
    assert urlsplit(page.input_value(".link-note input")).query == "seed=11"
    page.fill("#seed input[type=number]", "-1")
    page.press("#seed input[type=number]", "Tab")
    page.click("#share")
    page.wait_for_selector("#message .note:has-text('seed')")
    page.wait_for_timeout(300)
    assert urlsplit(page.input_value(".link-note input")).query == "seed=11"  # the last good one
    assert re.search(r"seed is -1; it must be a whole number", page.inner_text("#message"))


def test_a_bad_link_says_so_and_leaves_the_page_usable(visit) -> None:
    page = open_link(visit, "?severity=9&corruption=%3Cimg%20src=x%20onerror=alert(1)%3E")
    assert "This link can't be opened as it is" in page.inner_text("#message")
    assert page.query_selector("#message img") is None
    assert page.input_value("#severity input[type=number]") == "4"


def test_a_link_to_uploads_asks_for_images(visit) -> None:
    page = open_link(visit, "?dataset=upload&class_names=cat,dog")
    assert "add yours" in page.inner_text("#message")
    assert page.is_visible("#files")
