"""Every private or undocumented part of Gradio that the page needs: each is declared once, used here and nowhere else.

:func:`check_gradio` looks for all of them when the server starts, so that a release of Gradio's that lacks one ends the
start with a sentence, and not a visitor's run in the middle.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping, MutableSet
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import gradio as gr

from cliptta_demo.page.server.gradio_part import blocks, check_gradio, in_module, of_type, part, takes, takes_one

__all__ = ["API_PREFIX", "check_gradio"]  # and all functions below

API_PREFIX = "/gradio_api"  # before the paths of all of Gradio's own routes

# The queue of calls, and its letter boxes
_QUEUE = part("gradio.Blocks", "_queue", blocks, lambda queue: queue is not None)
_ANALYTICS = part("gradio.queueing.Queue", "compute_analytics_summary", lambda: _QUEUE.of(blocks()), takes_one)
_EVENTS = part("gradio.queueing.Queue", "event_ids_to_events", lambda: _QUEUE.of(blocks()), of_type(MutableMapping))
_MESSAGES = part(
    "gradio.queueing.Queue", "pending_messages_per_session", lambda: _QUEUE.of(blocks()), of_type(MutableMapping)
)
_EVENT_IDS = part(
    "gradio.queueing.Queue", "pending_event_ids_session", lambda: _QUEUE.of(blocks()), of_type(MutableMapping)
)

# One call in the queue
_EVENT = in_module("gradio.queueing", "Event", callable)


def _event() -> Any:
    return _EVENT.of(import_module("gradio.queueing"))("session", SimpleNamespace(concurrency_id=""), None, None)


_EVENT_SESSION = part("gradio.queueing.Event", "session_hash", _event, lambda value: value == "session")
_EVENT_ALIVE = part("gradio.queueing.Event", "alive", _event, lambda value: value is True)
_EVENT_TIME = part("gradio.queueing.Event", "enqueue_time", _event, of_type(float))
_LOCAL = in_module("gradio.context", "LocalContext", lambda value: value is not None)
_EVENT_ID = part(
    "gradio.context.LocalContext", "event_id", lambda: _LOCAL.of(import_module("gradio.context")), of_type(ContextVar)
)

# What it keeps of every visitor
_HOLDER = part("gradio.Blocks", "state_holder", blocks, lambda holder: holder is not None)
_DELETE_STATE = part(
    "gradio.state_holder.StateHolder", "delete_state", lambda: _HOLDER.of(blocks()), takes("session_id")
)
_SESSIONS = part(
    "gradio.state_holder.StateHolder", "session_data", lambda: _HOLDER.of(blocks()), of_type(MutableMapping)
)
_LAST_USED = part(
    "gradio.state_holder.StateHolder", "time_last_used", lambda: _HOLDER.of(blocks()), of_type(MutableMapping)
)
_HOLDER_LOCK = part(
    "gradio.state_holder.StateHolder",
    "lock",
    lambda: _HOLDER.of(blocks()),
    lambda lock: hasattr(lock, "__enter__") and hasattr(lock, "__exit__"),
)

_HOLDER_UPDATE = part("gradio.state_holder.StateHolder", "update", lambda: _HOLDER.of(blocks()), takes("session_id"))


def _visitor() -> Any:
    return _HOLDER.of(blocks())["visitor"]


_STATE_DATA = part("gradio.state_holder.SessionState", "state_data", _visitor, of_type(MutableMapping))
_SHOWN = part("gradio.state_holder.SessionState", "config_values", _visitor, of_type(Mapping))
_UPLOADED = part("gradio.Blocks", "upload_file_set", blocks, of_type(MutableSet))

# What it does with a call
_VALIDATE = part("gradio.Blocks", "validate_inputs", lambda: gr.Blocks, takes("self", "block_fn", "inputs"))
_PROCESS = part("gradio.Blocks", "process_api", lambda: gr.Blocks, inspect.iscoroutinefunction)
_FUNCTIONS = part("gradio.Blocks", "fns", blocks, lambda value: isinstance(value, Mapping) and len(value) > 0)


def _function() -> Any:
    return next(iter(_FUNCTIONS.of(blocks()).values()))


_FUNCTION = part("gradio.blocks.BlockFunction", "fn", _function, callable)
_INPUTS = part("gradio.blocks.BlockFunction", "inputs", _function, of_type(list, tuple))
_TRAVERSE = in_module("gradio_client.utils", "traverse", takes("json_obj", "func", "is_root"))

# Uploads
_PREFIX = in_module("gradio.route_utils", "API_PREFIX", lambda value: value == API_PREFIX)
_FOLDER = in_module("gradio.utils", "get_upload_folder", lambda value: isinstance(value(), str))
_UPLOAD = in_module("gradio.route_utils", "upload_fn", inspect.iscoroutinefunction)
_UPLOAD_USED = in_module("gradio.routes", "upload_fn", inspect.iscoroutinefunction)
_PARSER = in_module("gradio.route_utils", "GradioMultiPartParser", inspect.isclass)


def _parser() -> Any:
    parser = _PARSER.of(import_module("gradio.route_utils"))
    options = {"max_file_size": 1, "upload_dir": ""}  # the second from some release on
    return parser({}, None, **{name: options[name] for name in options if name in inspect.signature(parser).parameters})


_PARSER_FILES = part("gradio.route_utils.GradioMultiPartParser", "_files_to_close_on_error", _parser, of_type(list))
_PARSER_ITEMS = part("gradio.route_utils.GradioMultiPartParser", "items", _parser, of_type(list))
_HEADERS_FINISHED = part("gradio.route_utils.GradioMultiPartParser", "on_headers_finished", _parser, callable)
_PART_DATA = part("gradio.route_utils.GradioMultiPartParser", "on_part_data", _parser, takes("data", "start", "end"))
_CURRENT = part("gradio.route_utils.GradioMultiPartParser", "_current_part", _parser, lambda value: value is not None)
_CURRENT_FILE = part(
    "gradio.route_utils.MultipartPart", "file", lambda: _CURRENT.of(_parser()), lambda value: value is None
)
_FILE = in_module("gradio.route_utils", "GradioUploadFile", inspect.isclass)


def _file_class() -> type:
    return _FILE.of(import_module("gradio.route_utils"))


_FILE_HASH = part(
    "gradio.route_utils.GradioUploadFile",
    "sha",
    lambda: _file_class()(io.BytesIO()),
    lambda value: callable(value.hexdigest),
)


def calls_of(demo: gr.Blocks, session: str) -> list[Any]:
    """A visitor's calls, at work or in line."""
    return [event for event in tuple(calls_known(demo).values()) if _EVENT_SESSION.of(event) == session]


def end_events(demo: gr.Blocks, session: str) -> bool:
    """Tells a visitor's calls, at work or in line, to end at their next step; whether there was any."""
    events = calls_of(demo, session)
    for event in events:
        _EVENT_ALIVE.put(event, False)
    return bool(events)


def calls_known(demo: gr.Blocks) -> Mapping[str, Any]:
    """The calls at work or in line, by their ids."""
    return _EVENTS.of(_QUEUE.of(demo))


def present_call() -> str | None:
    """The id of the call that this thread answers; None outside of the queue."""
    return _EVENT_ID.of(_LOCAL.of(import_module("gradio.context"))).get(None)


def asked_at(demo: gr.Blocks) -> float | None:
    """When the present call was made, on the monotonic clock: it may have waited in line. None where it did not."""
    event = calls_known(demo).get(present_call() or "")
    return _EVENT_TIME.of(event) if event is not None else None


def sessions_known(demo: gr.Blocks) -> list[str]:
    """The visitors of whom something is kept, the longest unused first."""
    holder = _HOLDER.of(demo)
    with _HOLDER_LOCK.of(holder):
        return list(_SESSIONS.of(holder))


def states_of(demo: gr.Blocks, session: str) -> MutableMapping[int, Any]:
    """The values of a visitor's ``gr.State``s, to be read and changed; empty where there is no such visitor."""
    visitor = _SESSIONS.of(_HOLDER.of(demo)).get(session)
    return _STATE_DATA.of(visitor) if visitor is not None else {}


def shown_of(demo: gr.Blocks, session: str) -> Iterable[dict[str, Any]]:
    """What a visitor's page last showed, part by part."""
    visitor = _SESSIONS.of(_HOLDER.of(demo)).get(session)
    return list(_SHOWN.of(visitor).values()) if visitor is not None else []


def when_session_is_used(demo: gr.Blocks, then: Callable[[str], None]) -> None:
    """Calls ``then`` with a visitor's key whenever their session is used; Gradio drops none by count any more."""
    holder = _HOLDER.of(demo)

    def update(session_id: str) -> None:
        with _HOLDER_LOCK.of(holder):
            if session_id in _SESSIONS.of(holder):
                _SESSIONS.of(holder).move_to_end(session_id)
        then(session_id)

    _HOLDER_UPDATE.put(holder, update)


def delete_states(demo: gr.Blocks, session: str) -> None:
    """Deletes the values of a visitor's ``gr.State``s, whose own ``delete_callback``s are called."""
    _DELETE_STATE.of(_HOLDER.of(demo))(session)


def delete_page(demo: gr.Blocks, session: str) -> None:
    """Deletes what a visitor's page last showed."""
    holder = _HOLDER.of(demo)
    with _HOLDER_LOCK.of(holder):
        _SESSIONS.of(holder).pop(session, None)
        _LAST_USED.of(holder).pop(session, None)


def delete_letter_box(demo: gr.Blocks, session: str) -> None:
    """Deletes what the queue keeps of a visitor."""
    queue = _QUEUE.of(demo)
    _MESSAGES.of(queue).pop(session, None)
    _EVENT_IDS.of(queue).pop(session, None)


def upload_folder() -> Path:
    """Where uploaded files lie."""
    return Path(_FOLDER.of(import_module("gradio.utils"))())


class UploadWatcher(Protocol):
    """What sees one upload request while it arrives; an exception of it ends the upload."""

    def begins(self, name: str) -> None:
        """A file of this name begins."""

    def grows(self, count: int, is_file: bool) -> None:
        """So many bytes are about to be written, of a file or of something else."""


class UploadParts:
    """What Gradio's parser of a request has made so far."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def open_files(self) -> list[Any]:
        """The files that were begun, open."""
        return list(_PARSER_FILES.of(self._parser))

    def folders(self) -> list[str]:
        """Names of the folders that whole files were meant for."""
        files = [item for _, item in _PARSER_ITEMS.of(self._parser) if isinstance(item, _file_class())]
        return [_FILE_HASH.of(file).hexdigest() for file in files]


def wrap_uploads(receive: Callable[..., Awaitable[Any]], watch: Callable[[UploadParts], UploadWatcher]) -> None:
    """Changes the upload route of this process; a request may bring one file.

    Args:
        receive: called in place of Gradio's own, with that as first argument; watch: makes a request's watcher.
    """
    utils, routes = import_module("gradio.route_utils"), import_module("gradio.routes")
    upload = _UPLOAD.of(utils)
    base = _PARSER.of(utils)

    class Parser(base):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options | {"max_files": 1, "max_fields": 1})
            self.watcher = watch(UploadParts(self))

        def on_headers_finished(self) -> None:
            _HEADERS_FINISHED.of(super())()
            file = _CURRENT_FILE.of(_CURRENT.of(self))
            if file is not None:
                self.watcher.begins(file.filename or "")

        def on_part_data(self, data: bytes, start: int, end: int) -> None:
            self.watcher.grows(end - start, _CURRENT_FILE.of(_CURRENT.of(self)) is not None)
            _PART_DATA.of(super())(data, start, end)

    async def wrapped(*args: Any, **options: Any) -> Any:
        return await receive(upload, *args, **options)

    _PARSER.put(utils, Parser)
    _UPLOAD_USED.put(routes, wrapped)


def forget_uploaded(demo: gr.Blocks, known: Collection[str], most: int) -> None:
    """Takes files that are not ``known`` from the list of those to delete when the app ends, once it is longer."""
    files = _UPLOADED.of(demo)
    if len(files) > most:
        files.intersection_update(known)


def parts_like(value: Any, like: Callable[[Any], bool]) -> list[Any]:
    """What there is inside a JSON value that Gradio could find with the same question."""
    found: list[Any] = []
    _TRAVERSE.of(import_module("gradio_client.utils"))(value, found.append, like)
    return found


class OpenBlocks(gr.Blocks):
    """Gradio's app, with two places to look at every call: :meth:`check` and :meth:`answer`."""

    def check(self, function: Callable[..., Any] | None, inputs: list[Any], values: list[Any]) -> None:
        """Sees the ``values`` of a call before Gradio does, with the components that they are meant for."""

    async def answer(self, call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """Does a call."""
        return await call

    def queue(self, *args: Any, **kwargs: Any) -> gr.Blocks:
        """As Gradio's, without its statistics of calls.

        One call in the name of a session with broken Unicode made them fail at the end of every later call, before
        its data were let go.
        """
        super().queue(*args, **kwargs)
        _ANALYTICS.put(_QUEUE.of(self), lambda records: {})
        return self

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Gradio's, through :meth:`answer`."""
        return await self.answer(_PROCESS.of(super())(*args, **kwargs))

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """In Gradio's place: :meth:`check`."""
        self.check(_FUNCTION.of(block_fn), _INPUTS.of(block_fn), inputs)
