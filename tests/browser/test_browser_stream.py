"""The stream of updates between the page and its server, on a slow line."""

import pytest
from serving import be_patient, wait_for_streams, watch_streams
from test_browser_run import done, set_number

pytestmark = pytest.mark.browser
JOIN, STREAM = "**/queue/join*", "**/queue/data*"
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


@pytest.fixture(scope="module")
def page(browser, server):
    """One visit, in the order of the tests."""
    page = browser.new_page()
    be_patient(page)
    watch_streams(page)
    page.add_init_script(SLOW_ENDS)
    page.goto(server)
    page.wait_for_selector("#gallery .body > *", state="attached")
    yield page
    page.close()


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


def test_a_call_made_before_the_end_of_the_stream_has_come_is_answered(page) -> None:
    step_before_the_end(page, 4)
    page.wait_for_selector("[data-testid=progress]:has-text('paused')")
    assert done(page) == 1


def test_a_stream_that_can_not_go_on_is_said(page) -> None:
    step_before_the_end(page, 8, lambda: page.route(STREAM, lambda route: route.fulfill(status=503), times=1))
    page.wait_for_selector(".toast-body:has-text('Connection to the server was lost')")
