"""Visits to the page that are watched for what none of them may do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, Page
from serving import be_patient, watch_streams

# Gradio's own upload widget warns about this; nothing on the page depends on it.
HARMLESS = ("Method not implemented.",)


class Watch:
    """What no visit may do: errors in the console, and requests to another host."""

    def __init__(self, page, address: str) -> None:
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        own = (address, "data:", "blob:")
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self._line(line))
        page.on("request", lambda request: request.url.startswith(own) or self.elsewhere.append(request.url))
        page.on("websocket", lambda socket: self.elsewhere.append(socket.url))

    def _line(self, line) -> None:
        if line.type == "error" and line.text not in HARMLESS:
            self.errors.append(line.text)


@contextmanager
def visits(known_browser: BrowserContext, server: str) -> Iterator[Callable[..., Page]]:
    """``visit(width, height, query)`` opens the page as a new visitor; all visits are checked at the end.

    A ``phone`` has a touch screen; ``scheme`` is "light" or "dark". Only the first page is in the known browser: of
    several pages in one window all but one stand still.
    """
    opened, watches = [], []

    def open_page(width: int = 1440, height: int = 900, query: str = "", phone: bool = False, scheme: str = "light"):
        anew = phone or bool(opened)
        context = known_browser.browser.new_context(has_touch=phone, is_mobile=phone) if anew else known_browser
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        be_patient(page)
        watch_streams(page)
        opened.append(context if anew else page)
        watches.append(Watch(page, server))
        page.goto(server + query)
        page.wait_for_selector("#gallery .body > *", state="attached")
        return page

    yield open_page
    for one in opened:
        one.close()
    assert [error for watch in watches for error in watch.errors] == []
    assert [url for watch in watches for url in watch.elsewhere] == []
