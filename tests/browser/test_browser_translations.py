"""The languages that are shipped: each visitor's own, changed in the middle of a run; and whether they fit."""

import httpx
import pytest
from watching import CUT, PROGRESS, picture, show, wait_done, wait_idle

from cliptta_demo.languages import codes

pytestmark = pytest.mark.browser
QUERY = "batch_size=16&batches=6&steps=1"


@pytest.fixture(autouse=True)
def forgotten(known_browser):
    """The browser that all tests share forgets which language was chosen here."""
    yield
    known_browser.clear_cookies(name="cliptta-language")


def test_two_visitors_read_two_languages_and_one_changes_it_in_the_middle_of_a_run(visit) -> None:
    english, other = visit(1366, 768, f"?{QUERY}"), visit(1366, 768, f"?{QUERY}&lang=de")
    assert [page.inner_text("#tab-why") for page in (english, other)] == ["Why", "Warum"]
    other.click("#run")
    wait_done(other, 1)
    other.select_option("#language select", "fr")
    other.wait_for_selector("#tab-why:has-text('Pourquoi')")
    english.click("#run")
    for page in (english, other):
        wait_done(page, 6)
        wait_idle(page)
    assert "finished" in english.inner_text(PROGRESS)
    other.wait_for_selector(f"{PROGRESS}:has-text('terminé')")
    assert "lang=fr" in other.url
    assert "chat" in other.locator("#words .truth").all_inner_texts()
    assert picture(other)["curves"] == picture(english)["curves"]


def test_an_address_a_cookie_and_the_browser_say_the_language_in_that_order(server: str) -> None:
    def spoken(query: str = "", **about) -> str:
        return httpx.get(server + query, timeout=60, **about).text.partition('id="first-paint" lang="')[2][:9]

    german, japanese = {"accept-language": "de-CH,en;q=0.5"}, {"cookie": "cliptta-language=ja"}
    assert spoken().startswith('en"')
    assert spoken(headers=german).startswith('de"')
    assert spoken(headers=german | japanese).startswith('ja"')
    assert spoken("?lang=ar", headers=german | japanese) == 'ar" dir="'
    assert httpx.get(f"{server}/words/xx", timeout=60).status_code == 404


def test_each_language_fits_wide_and_on_a_phone(visit) -> None:
    page = visit(1366, 768)
    wait_idle(page)
    beyond = []
    for code in codes()[1:]:
        page.set_viewport_size({"width": 1366, "height": 768})
        page.select_option("#language select", code)
        page.wait_for_function("code => document.documentElement.lang === code", arg=code)
        for width in (1366, 390):
            page.set_viewport_size({"width": width, "height": 768})
            for depth in ("why", "explore", "watch"):
                show(page, depth)
                page.wait_for_timeout(300)  # scripts draw a moment later
                beyond += [[code, width, depth, *one] for one in page.evaluate(CUT)]
    print("\n".join(map(str, beyond)))
    assert beyond == []
