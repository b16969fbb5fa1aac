"""A real server and a real browser, for the tests marked ``browser``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cliptta_demo  # noqa: F401  (sets how OpenMP's threads wait: has to come before torch)

# isort: split
import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Page
from serving import PATIENCE, profile, serve_process, watch_streams


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: whoever of several processes is done early then finds short ones to do."""
    weight: dict[Path, int] = {}
    for item in items:
        here = 2 if item.get_closest_marker("browser") else 1 if item.get_closest_marker("slow") else 0
        weight[item.path] = max(here, weight.get(item.path, 0))
    items.sort(key=lambda item: -weight[item.path])


# Gradio's own upload widget warns about this; nothing on the page depends on it.
HARMLESS = ("Method not implemented.",)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Many small operations run faster on one thread than on several that share a busy core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the app keeps what visitors send."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="session")
def server(uploads: Path) -> Iterator[str]:
    """The address of the app, started once for all browser tests; it soon forgets who has left."""
    with serve_process(GRADIO_TEMP_DIR=str(uploads), CLIPTTA_LEAVE_SECONDS="2") as (address, _, _):
        yield address


@pytest.fixture(scope="session")
def known_browser() -> Iterator[BrowserContext]:
    """One Chromium for all tests, in which the page has been before."""
    with profile() as context:
        yield context


@pytest.fixture(scope="session")
def browser(known_browser: BrowserContext) -> Browser:
    """The same one, for contexts with an empty cache or other equipment."""
    return known_browser.browser


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
        page.set_default_timeout(1000 * PATIENCE)
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


@pytest.fixture
def visit(known_browser: BrowserContext, server: str) -> Iterator[Callable[..., Page]]:
    """Visits of one test."""
    with visits(known_browser, server) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def page(known_browser: BrowserContext, server: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """One visit for all tests of a file, in their order; the file's ``QUERY`` is in its address."""
    with visits(known_browser, server) as open_page:
        yield open_page(query=getattr(request.module, "QUERY", ""))
