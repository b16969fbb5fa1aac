"""Serving the page: its start, a health answer, doors of our own beside Gradio's routes, a clean end.

The doors are for a camera's frames and a visitor's files. Both ask for a header of ours, which no browser sends for a
page of another host, and bound what is read.
"""

import asyncio
import logging
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from functools import cache, partial
from importlib.metadata import version
from types import FrameType
from uuid import uuid4

import anyio
import gradio as gr
import torch
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cliptta_demo import VERSION
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub.downloads import downloading, watch
from cliptta_demo.backend.models.loading import loaded_backbones
from cliptta_demo.backend.models.pieces import give_memory_back
from cliptta_demo.languages import say
from cliptta_demo.log import log_event, start_log
from cliptta_demo.page.form.reading import opening, read_form
from cliptta_demo.page.framework.gradio_parts import Page, answer_in_json
from cliptta_demo.page.framework.guard import IMAGES, RequestGuard
from cliptta_demo.page.framework.theme import build_theme
from cliptta_demo.page.framework.visitor_language import SpokenTo, words_route
from cliptta_demo.page.panels.panel import static_files, stylesheet
from cliptta_demo.page.runs.camera import FRAME_LIMITS, CameraGone, Cameras
from cliptta_demo.page.runs.gpu import ON_ZERO_GPU, prepare
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.runs.machine import set_up
from cliptta_demo.page.runs.registry import Runs
from cliptta_demo.page.runs.runner import warm_up
from cliptta_demo.page.server.first_paint import JOINED_ROUTES, FirstPaint
from cliptta_demo.page.session.state import Asked
from cliptta_demo.page.session.uploads import UploadStore
from cliptta_demo.page.words.texts import BAD_REQUEST, CAMERA_GONE, FAILED, NO_ROOM, TOO_LARGE, TOO_SLOW

log = logging.getLogger(__name__)
SPARE_THREADS = 24  # for everything short, while as many runs as allowed hold a thread each
LAST_WORD_SECONDS = 0.5  # for the sentence that ends a run to reach its visitor


def launch(demo: Page) -> None:
    """Serves the page; host and port come from GRADIO_SERVER_NAME and GRADIO_SERVER_PORT (0.0.0.0:7860).

    Returns after SIGTERM or Ctrl-C, when every run has ended its step; where one doesn't within ``stop_seconds``, the
    process ends with status 1. Beside, the first run's one-time work is done, and what the page opens with fetched.

    Raises:
        UserError: a log level that there is not, or a port that others use.
    """
    port = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    start_log(os.environ)
    host, limits = demo.host, demo.host.limits
    set_up(limits)
    _stop_on_signals(host.runs)
    gr.set_static_paths(static_files())
    start = partial(
        demo.launch,
        server_name=os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0"),
        server_port=port,
        theme=build_theme(),
        # css= would put Gradio's own prefix on every rule
        head=f'<meta name="cliptta-server" content="{uuid4().hex}">' + stylesheet(),  # page.js asks
        show_error=False,
        run_history=False,
        ssr_mode=False,
        footer_links=["api"],
        max_threads=limits.runs_at_once + SPARE_THREADS,
        state_session_capacity=2 * limits.sessions,  # Gradio's own bound, which ours comes before
        app_kwargs={
            "routes": [
                Route("/health", partial(health, host)),
                *doors(host.cameras, host.uploads),
                *JOINED_ROUTES,
                Route("/words/{code}", words_route),
            ],
            "middleware": [Middleware(RequestGuard), Middleware(SpokenTo), Middleware(FirstPaint, demo)],
        },
        prevent_thread_lock=True,
    )
    try:
        _, address, _ = start()
    except OSError as error:
        raise UserError(f"Port {port} is in use, or not to be had: set GRADIO_SERVER_PORT to another one.") from error
    answer_in_json(demo)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    versions = {"python": platform.python_version(), "torch": torch.__version__, "gradio": version("gradio")}
    log_event("start", address=address, limits=asdict(limits), version=VERSION, **versions, device=device)
    held = ExitStack()
    warming = threading.Thread(target=_get_ready, args=[host, held], daemon=True)  # a signal need not wait
    warming.start()
    tidying = (  # what nobody waits for, has taken or needs
        partial(host.runs.close_abandoned, demo),
        host.cameras.sweep,
        host.uploads.sweep,
        host.visitors.sweep,
    )
    host.runs.wait_for_stop(tidying, give_memory_back)
    _close(host, warming, held)


def health(host: Host, request: Request) -> JSONResponse:
    """What a load balancer or a container asks: status 200 while it is ready, 503 while it starts or stops."""
    runs, remote = host.runs, host.remote
    status = "stopping" if runs.stopping else "ok" if runs.ready else "starting"
    body = {
        "status": status,
        "version": VERSION,
        "uptime_seconds": runs.uptime,
        "runs_at_work": runs.count,
        "cameras_at_work": host.cameras.count,
        "loaded_backbones": list(loaded_backbones()),
        **({"workers": len(remote.reports)} if remote is not None else {}),
        "undeleted_sessions": host.visitors.undeleted,
        "undeleted_files": host.uploads.undeleted,
    }
    return JSONResponse(body, 200 if status == "ok" else 503, {"Cache-Control": "no-store"})


def doors(cameras: Cameras, store: UploadStore) -> list[Route]:
    """Both; cameras have threads of their own, made in the server's loop."""
    threads = cache(lambda: anyio.CapacityLimiter(max(1, cameras.most)))
    return [
        Route("/camera", partial(_camera, cameras, threads), methods=["POST", "DELETE"]),
        Route(IMAGES, partial(_image, store), methods=["POST"]),
    ]


async def _camera(cameras: Cameras, threads: Callable[[], anyio.CapacityLimiter], request: Request) -> Response:
    """POST: a frame, answered with what the methods say of it, see :meth:`.Camera.answer`. DELETE: the camera ends.

    It is known by a token that only its own page was told. A frame is answered before the next one is taken.
    """
    token = request.headers.get("x-camera", "")
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
        owner, announced = request.headers["x-visitor"], int(request.headers.get("content-length", "0"))
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


def _get_ready(host: Host, held: ExitStack) -> None:
    runs = host.runs
    if host.remote is not None:  # workers get ready by themselves
        try:
            if not host.remote.start():
                log_event("no-worker", logging.WARNING, seconds=host.limits.worker_wait_seconds)
            held.callback(host.remote.stop)
        except UserError as error:
            log_event("no-cluster", logging.ERROR, reason=str(error))
            sys.stderr.flush()
            os._exit(1)
    elif not ON_ZERO_GPU:  # there is no GPU outside of a visitor's run
        try:
            with suppress(UserError):  # without the built-in model the page still stands; a run says what is wrong
                warm_up(host.machine)
        except Exception:  # a server that can't do a run must not look as if it were still starting
            log.exception("the first run failed")
            sys.stderr.flush()
            os._exit(1)
    if runs.stopping:
        return
    runs.ready = True
    log_event("ready", seconds=runs.uptime)
    if host.remote is not None:
        return
    try:
        with watch(lambda progress: runs.check()):  # a visitor who presses Run meanwhile waits for the same download
            prepare(Asked(read_form(opening())), host.limits)
    except UserError as error:
        if not runs.stopping:
            log_event("opening-not-loaded", logging.WARNING, reason=str(error))


def _stop_on_signals(runs: Runs) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        runs.stop()
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process at once

    if threading.current_thread() is threading.main_thread():  # elsewhere Python takes no handlers
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)


def _close(host: Host, warming: threading.Thread, held: ExitStack) -> None:
    runs, count = host.runs, host.runs.count
    log_event("stopping", runs=count)
    host.cameras.end()
    ended = runs.wait_for_end(host.limits.stop_seconds)
    if count:
        time.sleep(LAST_WORD_SECONDS)
    host.demo.close(verbose=False)
    held.close()
    host.uploads.close()
    log_event("stopped", runs=runs.count, seconds=runs.uptime)
    # A step in the middle of a kernel or a download can't be interrupted, and would crash the interpreter's end.
    if not ended or warming.is_alive() or downloading():
        sys.stderr.flush()
        os._exit(0 if ended else 1)
