"""Tests wait for a run, in a browser or by the API, for as long as its progress moves, and no longer."""

import pytest
import serving
from playwright.sync_api import TimeoutError
from serving import Stillness, be_patient

pytestmark = pytest.mark.browser
BATCH = "() => { const bar = document.querySelector('.progress'); if (++bar.dataset.batch > 3) bar.id = 'finished' }"


def test_a_page_is_waited_for_while_its_progress_moves(browser, monkeypatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0)  # the first wait in which nothing moves is one too many
    page = browser.new_page()
    page.set_content("<div class=progress data-batch=0>step 1 of 10</div>")
    wait, moving = page.wait_for_selector, True

    def wait_during_a_batch(*given, **options):
        if moving:
            page.evaluate(BATCH)
        return wait(*given, **options)

    page.wait_for_selector = wait_during_a_batch
    be_patient(page)
    page.set_default_timeout(50)
    page.wait_for_selector("#finished")
    with pytest.raises(TimeoutError):  # a limit that a test sets itself
        page.wait_for_selector("#other", timeout=50)
    moving = False
    with pytest.raises(AssertionError, match=r"Nothing has moved .*step 1 of 10"):
        page.wait_for_selector("#other")
    page.close()


def test_a_stream_that_only_says_that_it_is_there_stands_still(monkeypatch) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0)
    still = Stillness()
    for batch in ("1", "2"):
        still.look(f'data: {{"msg": "process_generating", "output": {batch}}}')
    still.look('data: {"msg": "heartbeat"}')
    with pytest.raises(AssertionError, match="heartbeat"):
        still.look('data: {"msg": "heartbeat"}')
