"""What stands between a stranger's request and Gradio, which answers nonsense with status 500 and a traceback.

:class:`RequestGuard` sees every HTTP request: it closes what the page doesn't use, bounds what is read, and turns a
request that Gradio chokes on into status 400 and a sentence. :class:`Page` sees every call of a function: it refuses
files and addresses inside a call before Gradio fetches them, and lets no error into the log with what was sent.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import gradio as gr
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cliptta_demo.languages import say
from cliptta_demo.page.framework.gradio_part import API_PREFIX
from cliptta_demo.page.framework.gradio_parts import OpenBlocks, parts_like
from cliptta_demo.page.words.texts import BAD_REQUEST, CLOSED, TOO_LARGE

log = logging.getLogger(__name__)
UPLOADS = f"{API_PREFIX}/upload"  # has Gradio's own limit, max_file_size
MAX_BODY = 16 * 2**20  # bytes of any other request; the names of a thousand files take one megabyte
# Calls past the queue, other hosts' files, a copy of a session on disk, who used what how often, Gradio's editor.
UNUSED = (
    "/api/",
    "/custom_component",
    "/deep_link",
    "/monitoring",
    "/process_recording",
    "/profiling",
    "/proxy=",
    "/run-history",
    "/run/",
    "/stream/",
    "/undo-vibe",
    "/vibe",
)


# Values as they were sent: our own checks name the field, Gradio's quote whatever came, markup and all.
RAW: dict[str, Any] = {"preprocess": False}


class _TooLarge(Exception):
    """More bytes came than are read."""


class RequestGuard:
    """ASGI middleware around all of Gradio's own routes and ours."""

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
        left, answering = MAX_BODY, False

        async def read() -> Message:
            nonlocal left
            message = await receive()
            if path.rstrip("/") != UPLOADS:
                left -= len(message.get("body", b""))
                if left < 0:
                    raise _TooLarge
            return message

        async def answer(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        status, words = 400, BAD_REQUEST
        try:
            if int(dict(scope["headers"]).get(b"content-length", b"0")) > MAX_BODY and path.rstrip("/") != UPLOADS:
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


class Page(OpenBlocks):
    """Gradio's app whose functions can be called with anything by anybody.

    Attributes:
        opening: HTML of its parts as it opens, for :class:`.FirstPaint`.
        host: what its visitors share, a :class:`.runs.host.Host`.
    """

    opening: Mapping[str, str]
    host: Any

    async def answer(self, call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """Does a call; whatever goes wrong is a sentence for the caller, and a line without their words in the log."""
        try:
            return await call
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception:
            log.warning("a call failed", exc_info=True)
            raise gr.Error(say(BAD_REQUEST), print_exception=False) from None

    def check(self, function: Callable[..., Any] | None, inputs: list[Any], values: list[Any]) -> None:
        """Refuses a call with too few values, or with a file or an address that Gradio would open."""
        names = list(inspect.signature(function).parameters) if function else []
        named = len(names) == len(inputs)
        if len(values) < len(inputs):
            about = {"count": len(values), "asked": len(inputs)}
            words = say("This call brings {count} values; it takes {asked}.", **about)
            if named:
                about["names"] = ", ".join(names)
                words = say("This call brings {count} values; it takes {asked}: {names}.", **about)
            raise gr.Error(words, print_exception=False)
        for index, value in enumerate(values[: len(inputs)]):
            if parts_like(value, _looks_like_file):
                name = names[index] if named else inputs[index].label or say("A value")
                words = say(
                    "{name} holds a file, and none is read there: add images on the page, under Your images.", name=name
                )
                raise gr.Error(words, print_exception=False)


def _looks_like_file(value: Any) -> bool:
    """Whether Gradio could take it for a file to fetch; a little more than it does."""
    return isinstance(value, dict) and "path" in value and "meta" in value
