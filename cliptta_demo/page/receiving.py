"""Uploads on their way in: counted as they stream, and what can't be stored is a sentence and leaves nothing.

Gradio removes the beginning of a file only where the request itself was wrong, not where the disk was full or where the
visitor left in the middle; it also keeps for ever what came under another name than ``files``.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from gradio import route_utils, routes

from cliptta_demo.backend.errors import UserError
from cliptta_demo.page.room import ROOM, Arrival
from cliptta_demo.page.texts import NO_ROOM, TOO_LARGE, TOO_SLOW

log = logging.getLogger(__name__)
MOST_FILES = 1  # of one request: the page sends one after the other, and each holds a file open until its end
MOST_FIELD = 65_536  # bytes of what is no file; they stay in memory
_present: ContextVar[list[_Parser]] = ContextVar("parsers of the present upload")
_upload = route_utils.upload_fn


class _Parser(route_utils.GradioMultiPartParser):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"max_files": MOST_FILES, "max_fields": MOST_FILES})
        self.arrivals: list[Arrival] = []
        self._field = 0
        _present.get().append(self)

    def on_headers_finished(self) -> None:
        """Asks for room before the first byte of a file."""
        super().on_headers_finished()
        file = self._current_part.file
        if file is not None:
            try:
                self.arrivals.append(ROOM.arriving(file.filename or "", Path(self.upload_dir)))
            except UserError as error:
                raise routes.MultiPartException(str(error)) from error

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Counts what is about to be written."""
        if self._current_part.file is None:
            self._field += end - start
            if self._field > MOST_FIELD:
                raise routes.MultiPartException(TOO_LARGE)
        else:
            try:
                self.arrivals[-1].add(end - start)
            except UserError as error:
                raise routes.MultiPartException(str(error)) from error
        super().on_part_data(data, start, end)

    def tidy(self, arrived: list[str]) -> None:
        """After the request: files that arrived whole stay, what else was written is deleted."""
        for arrival, path in zip(self.arrivals, arrived, strict=False):
            arrival.done(Path(path).resolve())
        for file in self._files_to_close_on_error:
            with suppress(OSError):  # closing writes what is left
                file.close()
            with suppress(OSError):
                Path(file.name).unlink(missing_ok=True)
        for file in (item for _, item in self.items if not arrived and isinstance(item, route_utils.GradioUploadFile)):
            with suppress(OSError):  # made before the name was looked at
                Path(self.upload_dir, file.sha.hexdigest()).rmdir()
        for arrival in self.arrivals:
            arrival.end()


async def _receive(*args: Any, **options: Any) -> Any:
    parsers: list[_Parser] = []
    _present.set(parsers)
    arrived: list[str] = []
    try:
        async with asyncio.timeout(ROOM.seconds):
            # Nobody asks how far an upload is, and Gradio would keep the answer for ever.
            found = await _upload(*args, **options | {"force_move": True, "upload_progress": None})
        arrived = list(found[0])
        return found
    except TimeoutError as error:
        raise routes.MultiPartException(TOO_SLOW) from error
    except OSError as error:
        log.warning("an upload could not be stored", exc_info=True)
        raise routes.MultiPartException(NO_ROOM) from error
    finally:
        for parser in parsers:
            parser.tidy(arrived)


def guard_uploads() -> None:
    """Makes Gradio's upload route of this process do so."""
    route_utils.GradioMultiPartParser = _Parser
    routes.upload_fn = _receive
