"""A real server and a real browser, for the tests marked ``browser``."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["CLIPTTA_ANY_DATASET"] = "1"  # as on loopback; has to come before the limits are read
import cliptta_demo  # noqa: F401  (sets how OpenMP's threads wait: has to come before torch)

# isort: split
import pytest
import torch
from playwright.sync_api import Browser, BrowserContext, Page
from serving import profile, serve_process, visits


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: whoever of several processes is done early then finds short ones to do."""
    weight: dict[Path, int] = {}
    for item in items:
        here = 2 if item.get_closest_marker("browser") else 1 if item.get_closest_marker("slow") else 0
        weight[item.path] = max(here, weight.get(item.path, 0))
    items.sort(key=lambda item: -weight[item.path])


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


@pytest.fixture(scope="session")
def scripts(browser: Browser) -> Iterator[Callable[..., Any]]:
    """``scripts(work, …)``: what a function of JavaScript makes of data beside the page's scripts."""
    from cliptta_demo.page.panels.declare import to_json  # Gradio is slow to come, and few tests draw
    from cliptta_demo.page.panels.panel import joined

    page = browser.new_page()
    page.set_content('<div class="gradio-container"><section class="panel"></section></div>')
    page.add_script_tag(content=joined("page.js"))
    yield lambda work, *data: page.evaluate(f"texts => ({work})(...texts.map(JSON.parse))", [*map(to_json, data)])
    page.close()


@pytest.fixture(scope="session")
def figure(scripts: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """``figure(name, data, …)``: what Plotly is given for a panel's numbers."""
    return lambda name, *data: scripts(f"cliptta.figures.{name}", *data)


@pytest.fixture(scope="session")
def drawn(scripts: Callable[..., Any]) -> Callable[..., list[str]]:
    """``drawn(name, data, parts)``: the texts of those parts of what a panel draws of its numbers."""
    return lambda name, data, parts: scripts(
        f"""(data, parts) => {{
            const body = cliptta.make("div", {{ className: "body" }});
            document.querySelector(".panel").replaceChildren(body);
            cliptta.kinds.{name}(body, data);
            return [...body.querySelectorAll(parts)].map((part) => part.textContent);
        }}""",
        data,
        parts,
    )


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
