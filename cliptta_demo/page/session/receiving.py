"""Uploads on their way in: counted as they stream, and what can't be stored is a sentence and leaves nothing.

Gradio removes the beginning of a file only where the request itself was wrong, not where the disk was full or where the
visitor left in the middle; it also keeps for ever what came under another name than ``files``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

from starlette.formparsers import MultiPartException

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say
from cliptta_demo.page.framework.gradio_parts import folders, open_files, upload_folder, wrap_uploads
from cliptta_demo.page.session.upload_quota import Arrival, UploadQuota
from cliptta_demo.page.words.texts import NO_ROOM, TOO_LARGE, TOO_SLOW

log = logging.getLogger(__name__)
MOST_FIELD = 65_536  # bytes of what is no file; they stay in memory
_present: ContextVar[list["_Request"]] = ContextVar("requests of the present upload")


class _Request:
    """One request's files, seen while they arrive; an exception of it ends the upload with its words."""

    def __init__(self, quota: UploadQuota, parser: Any) -> None:
        self.quota, self.parser = quota, parser
        self.arrivals: list[Arrival] = []
        self.field = 0
        _present.get().append(self)

    def begins(self, name: str) -> None:
        """Asks for room before the first byte of a file."""
        announced = int(self.parser.headers.get("content-length") or 0)  # of the request, which brings one file
        self._refuse(lambda: self.arrivals.append(self.quota.arriving(name, upload_folder(), announced)))

    def grows(self, count: int, is_file: bool) -> None:
        """Counts what is about to be written."""
        if is_file:
            self._refuse(lambda: self.arrivals[-1].add(count))
            return
        self.field += count
        if self.field > MOST_FIELD:
            raise MultiPartException(say(TOO_LARGE))

    def tidy(self, arrived: list[str]) -> None:
        """After the request: files that arrived whole stay, what else was written is deleted."""
        for arrival, path in zip(self.arrivals, arrived, strict=False):
            arrival.done(Path(path).resolve())
        for file in open_files(self.parser):
            with suppress(OSError):  # closing writes what is left
                file.close()
            with suppress(OSError):
                Path(file.name).unlink(missing_ok=True)
        if not arrived:
            for folder in folders(self.parser):
                with suppress(OSError):  # made before the name was looked at
                    (upload_folder() / folder).rmdir()
        for arrival in self.arrivals:
            arrival.end()

    @staticmethod
    def _refuse(work: Callable[[], object]) -> None:
        try:
            work()
        except UserError as error:
            raise MultiPartException(str(error)) from error


async def _receive(quota: UploadQuota, upload: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
    requests: list[_Request] = []
    _present.set(requests)
    arrived: list[str] = []
    try:
        async with asyncio.timeout(quota.seconds):
            # Nobody asks how far an upload is, and Gradio would keep the answer for ever.
            found = await upload(*args, **options | {"force_move": True, "upload_progress": None})
        arrived = list(found[0])
        return found
    except TimeoutError as error:
        raise MultiPartException(say(TOO_SLOW)) from error
    except OSError as error:
        log.warning("an upload could not be stored", exc_info=True)
        raise MultiPartException(say(NO_ROOM)) from error
    finally:
        for request in requests:
            request.tidy(arrived)


def guard_uploads(quota: UploadQuota) -> None:
    """Makes Gradio's upload route of this process do so."""
    wrap_uploads(partial(_receive, quota), partial(_Request, quota))
