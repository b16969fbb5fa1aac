"""The stream of updates between the page and its server, on a slow line."""

from __future__ import annotations

import pytest
from serving import PATIENCE, wait_for_streams, watch_streams
from test_browser_run import done, set_number

pytestmark = pytest.mark.browser
JOIN = "**/queue/join*"
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


def test_a_call_made_before_the_end_of_the_stream_has_come_is_answered(browser, server) -> None:
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    watch_streams(page)
    page.add_init_script(SLOW_ENDS)
    page.goto(server)
    page.wait_for_selector("#gallery .body > *", state="attached")
    wait_for_streams(page)
    page.evaluate("window.slow = true")
    set_number(page, "batch-size", 4)  # which asks for another estimate
    page.wait_for_function("window.held === 1")
    with page.expect_response(JOIN):
        page.click("#step")
    page.evaluate("window.slow = false")
    page.wait_for_selector("[data-testid=progress]:has-text('paused')")
    assert done(page) == 1
    page.close()
