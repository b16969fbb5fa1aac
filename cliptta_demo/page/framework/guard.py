"""What stands between a stranger's request and Gradio, which answers nonsense with status 500 and a traceback."""

import logging
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cliptta_demo.languages import say
from cliptta_demo.page.framework.gradio_parts import API_PREFIX
from cliptta_demo.page.words.texts import BAD_REQUEST, CLOSED, TOO_LARGE

log = logging.getLogger(__name__)
IMAGES = "/images"  # our own door, which bounds what it reads
MAX_BODY = 16 * 2**20  # bytes of any other request; the names of a thousand files take one megabyte
# Calls past the queue, files for Gradio, other hosts' files, a copy of a session on disk, who used what how often,
# Gradio's editor.
UNUSED = (
    *("/api/", "/custom_component", "/deep_link", "/monitoring", "/process_recording", "/profiling", "/proxy="),
    *("/run-history", "/run/", "/stream/", "/undo-vibe", "/upload", "/vibe"),
)


# Values as they were sent: our own checks name the field, Gradio's quote whatever came, markup and all.
RAW: dict[str, Any] = {"preprocess": False}


class _TooLarge(Exception):
    """More bytes came than are read."""


class RequestGuard:
    """ASGI middleware: closes routes that the page doesn't use, bounds what is read, and turns a request that Gradio
    chokes on into status 400 and a sentence.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request through, or answers in a sentence."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.removeprefix(API_PREFIX).startswith(UNUSED):
            await JSONResponse({"detail": say(CLOSED)}, 404)(scope, receive, send)
            return
        came, answering = 0, False

        async def read() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > MAX_BODY and path != IMAGES:
                raise _TooLarge
            return message

        async def answer(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        status, words = 400, BAD_REQUEST
        try:
            if int(dict(scope["headers"]).get(b"content-length", b"0")) > MAX_BODY and path != IMAGES:
                raise _TooLarge
            await self.app(scope, read, answer)
            return
        except _TooLarge:
            status, words = 413, TOO_LARGE
        except Exception:
            log.warning("a request failed", exc_info=True)
        if answering:  # too late for a status
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await JSONResponse({"detail": say(words)}, status)(scope, receive, send)
