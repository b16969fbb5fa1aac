"""Uploads that can't be stored: a sentence instead of an error 500, and nothing half-written stays.

Gradio removes the beginning of a file only where the request itself was wrong, not where the disk was full or where the
visitor left in the middle.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from starlette.formparsers import MultiPartException

from cliptta_demo.page.gradio_parts import wrap_uploads
from cliptta_demo.page.texts import NO_ROOM

log = logging.getLogger(__name__)
_begun: ContextVar[list[Any]] = ContextVar("files of the present upload")


async def _receive(upload: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
    _begun.set([])
    try:
        return await upload(*args, **options)
    except BaseException as error:
        for file in _begun.get():
            with suppress(OSError):  # closing writes what is left
                file.close()
            with suppress(OSError):
                Path(file.name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            log.warning("an upload could not be stored", exc_info=True)
            raise MultiPartException(NO_ROOM) from error
        raise


def guard_uploads() -> None:
    """Makes Gradio's upload route of this process do so."""
    wrap_uploads(_receive, _begun.set)
