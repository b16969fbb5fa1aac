"""Opens a run's images and backbone beside the page, so that a download can be watched, and given up."""

import html
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TypeVar

from cliptta_demo.backend.hub import downloads as hub
from cliptta_demo.backend.hub.downloads import Progress, megabytes
from cliptta_demo.backend.models.offered import label_of
from cliptta_demo.languages import say
from cliptta_demo.page.panels.heads import progress_bar
from cliptta_demo.page.words.defaults import LIVE_INTERVAL

Result = TypeVar("Result")


class GivenUp(BaseException):
    """The visitor stopped the run: nobody waits for the download. Never shown, and nobody's error to handle."""


def watched(work: Callable[[], Result]) -> Iterator[Progress | Result]:
    """Runs ``work`` in a thread; yields how far its downloads are, and last what it returned (or raises its error).

    Closing the iterator in between gives a download up: the waiting ends, and what has begun comes into the cache.
    """
    result: Future[Result] = Future()
    given_up, last = threading.Event(), []

    def watcher(progress: Progress) -> None:
        if given_up.is_set():
            raise GivenUp
        last[:] = [progress]

    def target() -> None:
        try:
            with hub.watch(watcher):
                result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=target, name="preparing", daemon=True).start()
    try:
        while not wait([result], LIVE_INTERVAL).done:
            yield from last
    finally:
        given_up.set()
    yield result.result()


@dataclass
class Loading:
    """Which choice of the form a run is waiting for: the name of its field, "" for none."""

    choice: str = ""


class DownloadLine:
    """The progress bar of a download, with its pace, and the licence that it names."""

    def __init__(self) -> None:
        self.began: tuple[float, int] | None = None

    def html(self, progress: Progress) -> str:
        """Bar and line of text."""
        name, now = html.escape(label_of(progress.name)), time.monotonic()
        if progress.done >= progress.total:
            self.began = None  # what comes next has a pace of its own
            return progress_bar(1.0, say("Opening {name}…", name=name), busy=True)
        if self.began is None or progress.done < self.began[1]:
            self.began = (now, progress.done)
        done, total = megabytes(progress.done), megabytes(progress.total)
        words = [say("Downloading: <b>{done}</b> of {total}", done=done, total=total)]
        seconds, arrived = now - self.began[0], progress.done - self.began[1]
        if seconds > 1 and arrived:
            left = (progress.total - progress.done) * seconds / arrived
            minutes = say("about {minutes:.0f} min left", minutes=left / 60)
            words.append(say("about {seconds:.0f} s left", seconds=left) if left < 90 else minutes)
        if progress.behind:
            words.insert(0, say("{name} comes after another download", name=html.escape(label_of(progress.behind))))
        words.append(html.escape(progress.name))
        if progress.licence:
            words.append(html.escape(say("licence: {name}", name=progress.licence)))
        return progress_bar(progress.done / max(progress.total, 1), " · ".join(words), busy=True)
