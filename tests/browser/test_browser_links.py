"""Links in a real browser: an address fills the form, the run is the sender's, and Share makes such an address."""

from itertools import cycle
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from serving import be_patient
from test_browser_run import PROGRESS, picture, set_number, wait_idle

from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.words.defaults import DEFAULTS

pytestmark = pytest.mark.browser
ANSWERS = "**/queue/data*"
LINK = (
    "?corruption=fog&severity=2&batch_size=8&batches=2&steps=2&seed=7"
    "&methods=zero-shot,cliptta&class_names=cat, car, tree"
)

# The page's experiment with another seed: a link says how long its stream is.
CHANGED = urlencode({"batch_size": DEFAULTS.stream.batch_size, "batches": DEFAULTS.stream.batches, "seed": 11})
HOSTILE = ("<img src=x onerror=window.hacked=1>", "<script>window.hacked=1</script>", '"><svg onload=window.hacked=1>')


def open_link(visit, query):
    page = visit(query=query)
    page.wait_for_selector("#message .note")
    return page


def shared_query(page):
    """What Share puts into its field, and into the address bar."""
    page.click("#share")
    page.wait_for_selector(".link-note:not([hidden])")
    assert page.url == page.input_value(".link-note input")
    return urlsplit(page.url).query


def run_at_once(*pages):
    """Presses Run on all of them; what each shows at the end."""
    for page in pages:
        wait_idle(page)
        page.evaluate("document.querySelector('[data-testid=progress]').textContent = ''")
    for page in pages:
        page.click("#run")
    for page in pages:
        page.wait_for_selector(f"{PROGRESS}:has-text('finished')")
    return [picture(page) for page in pages]


def test_two_visitors_of_one_link_see_the_same_run_and_share_gives_the_link(visit) -> None:
    first = open_link(visit, LINK)
    assert first.input_value("#severity input[type=number]") == "2"
    assert first.input_value("#class-names textarea") == "cat, car, tree"
    assert first.input_value("#corruption input") == "Fog"
    assert "press Run" in first.inner_text("#message")
    (alone,) = run_at_once(first)
    shared = shared_query(first)
    assert parse_qs(shared) == parse_qs(urlsplit(LINK).query)
    second = open_link(visit, f"?{shared}")
    assert run_at_once(first, second) == [alone, alone]


def test_a_press_before_the_link_has_filled_the_form_means_the_link(browser, server) -> None:
    page = browser.new_page()
    be_patient(page)
    held = []
    page.route(ANSWERS, lambda route: held.append(route), times=1)
    with page.expect_request(ANSWERS):
        page.goto(server + LINK)
    page.wait_for_selector("#gallery .body > *", state="attached")
    page.click("#step")
    assert page.input_value("#severity input[type=number]") == "4"
    (first,) = held
    first.continue_()
    page.wait_for_function(
        "() => document.querySelector('#gallery .batch-title')?.textContent.startsWith('Batch 1 of 2')"
    )
    assert page.input_value("#severity input[type=number]") == "2"
    page.close()


def test_a_bad_link_says_so_runs_nothing_and_leaves_a_page_whose_changes_make_another(visit) -> None:
    page = open_link(visit, "?" + urlencode(dict(zip(fields(), cycle(HOSTILE), strict=False))))
    assert "This link can't be opened as it is" in page.inner_text("#message")
    assert page.locator("img[src=x], #message img, #message script, [onerror], [onload]").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.input_value("#severity input[type=number]") == "4"
    set_number(page, "seed", 11)
    assert shared_query(page) == CHANGED
    set_number(page, "seed", -1)
    page.click("#share")
    page.wait_for_selector("#message .note:has-text('seed is -1; it must be a whole number')")
    page.wait_for_timeout(300)
    assert urlsplit(page.input_value(".link-note input")).query == CHANGED  # the last good one
