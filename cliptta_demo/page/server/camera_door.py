"""Where a camera's frames come in: one small picture a request, known by a token that only its own page was told.

The token is in a header of our own, which no browser sends for a page of another host. A frame is read up to its bound,
and answered before the next one is taken.
"""

import logging
from collections.abc import Callable
from functools import cache, partial

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say
from cliptta_demo.page.runs.camera import FRAME_LIMITS, CameraGone, Cameras, Frame, TooSoon
from cliptta_demo.page.words.texts import BAD_REQUEST, CAMERA_GONE, FAILED, TOO_LARGE

log = logging.getLogger(__name__)
PATH, TOKEN = "/camera", "x-camera"


def camera_route(cameras: Cameras) -> Route:
    """The door of a server's cameras, with threads of their own, made in the server's loop."""
    threads = cache(lambda: anyio.CapacityLimiter(max(1, cameras.most)))
    return Route(PATH, partial(_camera, cameras, threads), methods=["POST", "DELETE"])


async def _camera(cameras: Cameras, threads: Callable[[], anyio.CapacityLimiter], request: Request) -> Response:
    """POST: a frame, answered with what the methods say of it, see :meth:`.Camera.answer`. DELETE: the camera ends."""
    token = request.headers.get(TOKEN, "")
    if request.method == "DELETE":
        await anyio.to_thread.run_sync(cameras.end, "", token, limiter=threads())
        return Response(status_code=204)
    if (found := cameras.find(token)) is None:
        return _refusal(CAMERA_GONE, 404)
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > FRAME_LIMITS.max_bytes:
            return _refusal(TOO_LARGE, 413)
    asked = request.query_params
    try:
        numbers = int(asked.get("severity", "3")), int(asked.get("truth", "-1"))
        frame = Frame(bytes(data), asked.get("overlay", "none"), *numbers)
    except ValueError:
        return _refusal(BAD_REQUEST, 400)
    try:
        return JSONResponse(await anyio.to_thread.run_sync(found.answer, frame, limiter=threads()))
    except TooSoon:
        return _refusal("", 429)
    except UserError as error:
        return _refusal(str(error), 404 if isinstance(error, CameraGone) else 400)
    except Exception:
        log.exception("a frame of a camera failed")
        return _refusal(FAILED, 500)


def _refusal(words: str, status: int) -> JSONResponse:
    return JSONResponse({"detail": say(words)}, status)
