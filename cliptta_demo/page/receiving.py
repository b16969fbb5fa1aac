"""Uploads that can't be stored: a sentence instead of an error 500, and nothing half-written stays.

Gradio removes the beginning of a file only where the request itself was wrong, not where the disk was full or where the
visitor left in the middle.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from gradio import route_utils, routes

from cliptta_demo.page.texts import NO_ROOM

log = logging.getLogger(__name__)
_begun: ContextVar[list[Any]] = ContextVar("files of the present upload")
_upload = route_utils.upload_fn


class _Parser(route_utils.GradioMultiPartParser):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _begun.set(self._files_to_close_on_error)


async def _receive(*args: Any, **options: Any) -> Any:
    _begun.set([])
    try:
        return await _upload(*args, **options)
    except BaseException as error:
        for file in _begun.get():
            with suppress(OSError):  # closing writes what is left
                file.close()
            with suppress(OSError):
                Path(file.name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            log.warning("an upload could not be stored", exc_info=True)
            raise routes.MultiPartException(NO_ROOM) from error
        raise


def guard_uploads() -> None:
    """Makes Gradio's upload route of this process do so."""
    route_utils.GradioMultiPartParser = _Parser
    routes.upload_fn = _receive
