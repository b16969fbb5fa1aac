"""The app as a visitor would start it, a Chromium to visit it with, and how long either may take."""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import IO, Any, TypeVar

from gradio_client.client import Job
from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLate
from warm import WarmProcess, fits

T = TypeVar("T")
Process = Popen | WarmProcess
Served = tuple[str, Process, IO[bytes]]
ROOT = Path(__file__).parents[1]
STREAM_SECONDS = 20  # for the calls beside a run, which take one or two on an idle machine
START_SECONDS = 300
SYSTEM_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")  # as start.py has them
# Chromium as root in a container, without phoning home.
BROWSER_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE = 120  # seconds without a move, for what makes one every second or two on an idle machine


class Stillness:
    """Fails once the sign of progress that it is shown (a bar, a line, a count) has been the same for that long."""

    def __init__(self) -> None:
        self.sign, self.since = None, time.monotonic()

    def look(self, sign: Any) -> None:
        """Raises :class:`AssertionError` where nothing has moved."""
        if sign != self.sign:
            self.sign, self.since = sign, time.monotonic()
        else:
            assert time.monotonic() - self.since < PATIENCE, f"Nothing has moved for {PATIENCE} s: {str(sign)[:300]}"


def result_of(job: Job) -> Any:
    """What a call of the API ends with, however long it takes while it tells of batches."""
    still = Stillness()
    while True:
        try:
            return job.result(timeout=PATIENCE)
        except TimeoutError:
            still.look(len(job.outputs()))


def free_port() -> str:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def serve_process(script: str = "app.py", **settings: str) -> AbstractContextManager[Served]:
    """As :func:`serve_command`, for a script that is started from the root of the project; warm, where that can be."""
    if not fits(settings):
        return serve_command([sys.executable, script], ROOT, **settings)
    return _served(lambda environment, log: WarmProcess(ROOT / script, ROOT, environment, log.name), settings)


def serve_command(command: Sequence[str | Path], folder: Path, **settings: str) -> AbstractContextManager[Served]:
    """Starts a server on a free port; yields address, process, and the file of what the process writes.

    Args:
        command: what is started; folder: where; settings: environment variables on top.

    Raises:
        RuntimeError: it did not start; the message ends with its output.
    """
    return _served(
        lambda environment, log: Popen(command, cwd=folder, env=environment, stdout=log, stderr=log), settings
    )


@contextmanager
def _served(start: Callable[[dict[str, str], IO[bytes]], Process], settings: Mapping[str, str]) -> Iterator[Served]:
    port = settings.get("GRADIO_SERVER_PORT") or free_port()
    own = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": port, "HF_HUB_OFFLINE": "1"}
    address, began = f"http://127.0.0.1:{port}", time.monotonic()
    with tempfile.NamedTemporaryFile() as log:
        process = start({**os.environ, **own, **settings}, log)
        try:
            while not _answers(address):
                if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                    log.seek(0)
                    raise RuntimeError("The app did not start:\n" + log.read().decode(errors="replace")[-3000:])
                time.sleep(0.05)
            yield address, process, log
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _answers(address: str) -> bool:
    with suppress(OSError):  # URLError among them
        urllib.request.urlopen(address, timeout=PATIENCE).close()
        return True
    return False


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in a thread of its own: the tests' browser, where one is open, has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


PROGRESS = "() => [...document.querySelectorAll('.progress')].map(one => one.outerHTML).join()"


def be_patient(page: Page) -> None:
    """Lets all that the page is waited for take as long as the bars on it move, where no limit is given."""
    page.set_default_timeout(1000 * PATIENCE)
    for name in ("wait_for_selector", "wait_for_function"):
        setattr(page, name, partial(_while_it_moves, page, getattr(page, name)))


def _while_it_moves(page: Page, wait: Callable[..., T], *given: Any, **options: Any) -> T:
    still = Stillness()
    while True:
        try:
            return wait(*given, **options)
        except TooLate:
            if "timeout" in options:
                raise
            still.look(page.evaluate(PROGRESS))


# How many streams of updates the page has open, counted on the page itself: the browser tells its driver of a request
# that begins while the page is left only after it has gone, and never of its end.
COUNT_STREAMS = """
    let open = 0
    const fetched = window.fetch
    const isStream = address => String(address.url ?? address).includes("/queue/data")
    window.fetch = (...request) => (isStream(request[0]) && open++, fetched(...request))
    new PerformanceObserver(ended => (open -= ended.getEntries().filter(entry => isStream(entry.name)).length))
        .observe({ type: "resource" })  // cancelled and broken ones, too
    window.streamsOpen = () => open
"""


def watch_streams(page: Page) -> None:
    """Lets the pages that it will open count their streams of updates, for :func:`wait_for_streams`."""
    page.add_init_script(f"(() => {{{COUNT_STREAMS}}})()")


def wait_for_streams(page: Page) -> None:
    """Until the page's calls have ended for Gradio too, which drops a click on a button before its call has.

    A stream that another call keeps open is not waited for longer than :data:`STREAM_SECONDS`.
    """
    with suppress(TooLate):
        page.wait_for_function("() => window.streamsOpen() === 0", timeout=1000 * STREAM_SECONDS)
    page.evaluate("() => new Promise(done => setTimeout(done, 100))")  # behind what is in line on the page
    page.evaluate("() => window.cliptta?.catchUp?.()")  # what is out of sight is drawn late


def camera_flags(folder: str) -> tuple[str, ...]:
    """A camera that plays a film of this folder, which pages may have without asking."""
    film = Path(folder) / "camera.mjpeg"  # pictures one after the other, 30 a second
    with film.open("wb") as file:
        for colour in ("gold", "navy", "tomato", "olive"):
            for _ in range(15):
                Image.new("RGB", (320, 240), colour).save(file, "JPEG")
    fake = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    return *fake, f"--use-file-for-fake-video-capture={film}", "--host-resolver-rules=MAP plain.test 127.0.0.1"


@contextmanager
def profile() -> Iterator[BrowserContext]:
    """The system's Chromium, or Playwright's own, with a profile on disk, and a camera that shows a few colours.

    What one page has loaded and compiled, the next ones find there, as a returning visitor's do.
    """
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        executable = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
        launch = driver.chromium.launch_persistent_context
        with launch(folder, executable_path=executable, args=[*BROWSER_FLAGS, *camera_flags(folder)]) as context:
            yield context


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


def wait_drawn(page) -> None:
    """The page's scripts have drawn all its panels for the first time; the gallery is one of the last."""
    page.wait_for_selector("#gallery .body > *", state="attached")


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
        wait_drawn(page)
        return page

    yield open_page
    for one in opened:
        one.close()
    errors = [error for watch in watches for error in watch.errors]
    assert errors == [], errors
    assert [url for watch in watches for url in watch.elsewhere] == []
