"""Doors of our own beside Gradio's routes, for bytes: a camera's frames, and a visitor's files.

Both ask for a header of ours, which no browser sends for a page of another host, and bound what is read.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import cache, partial

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say
from cliptta_demo.page.framework.guard import IMAGES
from cliptta_demo.page.runs.camera import FRAME_LIMITS, CameraGone, Cameras
from cliptta_demo.page.session.uploads import UploadStore
from cliptta_demo.page.words.texts import BAD_REQUEST, CAMERA_GONE, FAILED, NO_ROOM, TOO_LARGE, TOO_SLOW

log = logging.getLogger(__name__)
CAMERA, TOKEN = "/camera", "x-camera"
VISITOR = "x-visitor"


def doors(cameras: Cameras, store: UploadStore) -> list[Route]:
    """Both; cameras have threads of their own, made in the server's loop."""
    threads = cache(lambda: anyio.CapacityLimiter(max(1, cameras.most)))
    return [
        Route(CAMERA, partial(_camera, cameras, threads), methods=["POST", "DELETE"]),
        Route(IMAGES, partial(_image, store), methods=["POST"]),
    ]


async def _camera(cameras: Cameras, threads: Callable[[], anyio.CapacityLimiter], request: Request) -> Response:
    """POST: a frame, answered with what the methods say of it, see :meth:`.Camera.answer`. DELETE: the camera ends.

    It is known by a token that only its own page was told. A frame is answered before the next one is taken.
    """
    token = request.headers.get(TOKEN, "")
    if request.method == "DELETE":
        await anyio.to_thread.run_sync(cameras.end, lambda camera: camera.token == token, limiter=threads())
        return Response(status_code=204)
    if (found := cameras.known.get(token)) is None:
        return _refusal(CAMERA_GONE, 404)
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > FRAME_LIMITS.max_bytes:
            return _refusal(TOO_LARGE, 413)
    asked = request.query_params
    try:
        numbers = int(asked.get("severity", "3")), int(asked.get("truth", "-1"))
        work = partial(found.answer, bytes(data), asked.get("overlay", "none"), *numbers)
    except ValueError:
        return _refusal(BAD_REQUEST, 400)
    try:
        answer = await anyio.to_thread.run_sync(work, limiter=threads())
        return JSONResponse(answer) if answer is not None else _refusal("", 429)
    except UserError as error:
        return _refusal(str(error), 404 if isinstance(error, CameraGone) else 400)
    except Exception:
        log.exception("a frame of a camera failed")
        return _refusal(FAILED, 500)


async def _image(store: UploadStore, request: Request) -> Response:
    """POST: one file as it is, answered with the ``path`` by which its page can take it; else nothing of it stays."""
    name, arrived = "", False
    try:
        owner, announced = request.headers[VISITOR], int(request.headers.get("content-length", "0"))
        name = store.begin(owner, announced)
        async with (
            asyncio.timeout(60.0 * store.limits.upload_minutes),
            await anyio.open_file(store.folder / name, "xb") as file,
        ):
            async for piece in request.stream():
                store.grow(name, len(piece))
                await file.write(piece)
        arrived = True
        store.arrived(name)
        return JSONResponse({"path": name})
    except UserError as error:
        return _refusal(str(error), 413)
    except (KeyError, ValueError, ClientDisconnect):
        return _refusal(BAD_REQUEST, 400)
    except TimeoutError:
        return _refusal(TOO_SLOW, 408)
    except OSError:
        log.warning("an upload could not be stored", exc_info=True)
        return _refusal(NO_ROOM, 507)
    finally:
        if not arrived:
            store.remove(name)


def _refusal(words: str, status: int) -> JSONResponse:
    return JSONResponse({"detail": say(words)}, status)
