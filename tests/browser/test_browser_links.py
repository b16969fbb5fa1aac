"""Links in a real browser: an address fills the form, the run is the sender's, and Share makes such an address.

And what calls do whose answers come late on a slow line.
"""

from itertools import cycle
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from serving import be_patient, wait_drawn, wait_for_streams, watch_streams
from watching import PROGRESS, done, knobs, picture, set_number, wait_idle

from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.words.defaults import DEFAULTS

pytestmark = pytest.mark.browser
JOIN, ANSWERS = "**/queue/join*", "**/queue/data*"
LINK = (
    "?corruption=fog&severity=2&batch_size=8&batches=2&steps=2&seed=7"
    "&methods=zero-shot,cliptta&class_names=cat, car, tree"
)

# The page's experiment with another seed: a link says how long its stream is.
CHANGED = urlencode({"batch_size": DEFAULTS.stream.batch_size, "batches": DEFAULTS.stream.batches, "seed": 11})
HOSTILE = ("<img src=x onerror=window.hacked=1>", "<script>window.hacked=1</script>", '"><svg onload=window.hacked=1>')

# The end of each stream comes only when the page is told so; all before it comes at once.
SLOW_ENDS = """(() => {
    const fetched = window.fetch
    const END = 'data: {"msg":"close_stream"'
    window.held = 0
    window.fetch = async (...request) => {
        const response = await fetched(...request)
        if (!window.slow || !String(request[0].url ?? request[0]).includes("/queue/data")) return response
        const slow = new TransformStream({
            async transform(text, out) {
                const [before, ...end] = text.split(END)
                out.enqueue(before)
                if (!end.length) return
                window.held += 1
                while (window.slow) await new Promise(done => setTimeout(done, 50))
                out.enqueue(END + end.join(END))
            },
        })
        const late = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(slow)
        return new Response(late.pipeThrough(new TextEncoderStream()), response)
    }
})()"""


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
    assert knobs(first)[:2] == ["fog", "2"]
    assert first.input_value("#class-names textarea") == "cat, car, tree"
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
    wait_drawn(page)
    page.click("#step")
    assert knobs(page)[1] == "4"
    (first,) = held
    first.continue_()
    page.wait_for_selector(f"{PROGRESS}:has-text('1 of 2 batches')")
    assert knobs(page)[1] == "2"
    page.close()


def test_a_bad_link_says_so_runs_nothing_and_leaves_a_page_whose_changes_make_another(visit) -> None:
    page = open_link(visit, "?" + urlencode(dict(zip(fields(), cycle(HOSTILE), strict=False))))
    assert "This link can't be opened as it is" in page.inner_text("#message")
    assert page.locator("img[src=x], #message img, #message script, [onerror], [onload]").count() == 0
    assert page.evaluate("window.hacked") is None
    assert knobs(page)[1] == "4"
    set_number(page, "seed", 11)
    assert shared_query(page) == CHANGED
    set_number(page, "seed", -1)
    page.click("#share")
    page.wait_for_selector("#message .note:has-text('seed is -1; it must be a whole number')")
    page.wait_for_timeout(300)
    assert urlsplit(page.input_value(".link-note input")).query == CHANGED  # the last good one


def step_before_the_end(page, batch_size, meanwhile=lambda: None):
    """Presses Step after the server has ended the stream, and before the page knows of that."""
    wait_for_streams(page)
    page.evaluate("[window.slow, window.held] = [true, 0]")
    set_number(page, "batch-size", batch_size)  # which asks for another estimate
    page.wait_for_function("window.held === 1")
    meanwhile()
    with page.expect_response(JOIN):
        page.click("#step")
    page.evaluate("window.slow = false")


def test_a_call_made_before_the_end_of_the_stream_has_come_is_answered_or_its_loss_is_said(browser, server) -> None:
    page = browser.new_page()
    be_patient(page)
    watch_streams(page)
    page.add_init_script(SLOW_ENDS)
    page.goto(server)
    wait_drawn(page)
    step_before_the_end(page, 4)
    page.wait_for_selector("[data-testid=progress]:has-text('paused')")
    assert done(page) == 1
    step_before_the_end(page, 8, lambda: page.route(ANSWERS, lambda route: route.fulfill(status=503), times=1))
    page.wait_for_selector(".toast-body:has-text('Connection to the server was lost')")
    page.close()
