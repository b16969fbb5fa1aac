"""Every private or undocumented part of Gradio that the page needs: each is declared once, used here and nowhere else.

:func:`check_gradio` looks for all of them when the server starts, so that a release of Gradio's that lacks one ends the
start with a sentence, and not a visitor's run in the middle.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

REQUIREMENT = "gradio>=6.20,<7"  # as in requirements.txt
API_PREFIX = "/gradio_api"  # before the paths of all of Gradio's own routes


@dataclass(frozen=True)
class Part:
    """A name of Gradio's that its documentation does not promise.

    Attributes:
        owner: what it is looked for in, in words; name: of the attribute.
        example: makes an owner to look at; fits: whether a value is what we use.
    """

    owner: str
    name: str
    example: Callable[[], Any]
    fits: Callable[[Any], bool]

    def of(self, owner: Any) -> Any:
        """The part of an owner."""
        return getattr(owner, self.name)

    def put(self, owner: Any, value: Any) -> None:
        """Puts something of ours in its place."""
        setattr(owner, self.name, value)

    def missing(self) -> bool:
        """Whether the installed Gradio lacks it, or has something else of that name."""
        try:
            return not self.fits(self.of(self.example()))
        except Exception:  # whatever a change of Gradio's leads to on the way there
            return True


PARTS: list[Part] = []


def _part(owner: str, name: str, example: Callable[[], Any], fits: Callable[[Any], bool]) -> Part:
    PARTS.append(Part(owner, name, example, fits))
    return PARTS[-1]


def _in_module(module: str, name: str, fits: Callable[[Any], bool]) -> Part:
    return _part(module, name, lambda: import_module(module), fits)


def _of_type(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _takes(*arguments: str) -> Callable[[Any], bool]:
    """Fits callables with these parameters."""

    def fits(value: Any) -> bool:
        parameters = inspect.signature(value).parameters
        return {*arguments} <= {*parameters}

    return fits


def _takes_one(value: Any) -> bool:
    """Fits callables with one argument, whatever it is called."""
    return len(inspect.signature(value).parameters) == 1


@cache
def _blocks() -> gr.Blocks:
    """An app as small as can be, with one function; one for all of a check."""
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.on(fn=lambda: None, inputs=[], outputs=[])
    return demo.queue()


# The queue of calls, and its letter boxes
_QUEUE = _part("gradio.Blocks", "_queue", _blocks, lambda queue: queue is not None)
_ANALYTICS = _part("gradio.queueing.Queue", "compute_analytics_summary", lambda: _QUEUE.of(_blocks()), _takes_one)
_EVENTS = _part("gradio.queueing.Queue", "event_ids_to_events", lambda: _QUEUE.of(_blocks()), _of_type(MutableMapping))
_MESSAGES = _part(
    "gradio.queueing.Queue", "pending_messages_per_session", lambda: _QUEUE.of(_blocks()), _of_type(MutableMapping)
)
_EVENT_IDS = _part(
    "gradio.queueing.Queue", "pending_event_ids_session", lambda: _QUEUE.of(_blocks()), _of_type(MutableMapping)
)

# One call in the queue
_EVENT = _in_module("gradio.queueing", "Event", callable)


def _event() -> Any:
    return _EVENT.of(import_module("gradio.queueing"))("session", SimpleNamespace(concurrency_id=""), None, None)


_EVENT_SESSION = _part("gradio.queueing.Event", "session_hash", _event, lambda value: value == "session")
_EVENT_ALIVE = _part("gradio.queueing.Event", "alive", _event, lambda value: value is True)
_EVENT_TIME = _part("gradio.queueing.Event", "enqueue_time", _event, _of_type(float))
_LOCAL = _in_module("gradio.context", "LocalContext", lambda value: value is not None)
_EVENT_ID = _part(
    "gradio.context.LocalContext", "event_id", lambda: _LOCAL.of(import_module("gradio.context")), _of_type(ContextVar)
)

# What it keeps of every visitor
_HOLDER = _part("gradio.Blocks", "state_holder", _blocks, lambda holder: holder is not None)
_DELETE_STATE = _part(
    "gradio.state_holder.StateHolder", "delete_state", lambda: _HOLDER.of(_blocks()), _takes("session_id")
)
_SESSIONS = _part(
    "gradio.state_holder.StateHolder", "session_data", lambda: _HOLDER.of(_blocks()), _of_type(MutableMapping)
)
_LAST_USED = _part(
    "gradio.state_holder.StateHolder", "time_last_used", lambda: _HOLDER.of(_blocks()), _of_type(MutableMapping)
)
_HOLDER_LOCK = _part(
    "gradio.state_holder.StateHolder",
    "lock",
    lambda: _HOLDER.of(_blocks()),
    lambda lock: hasattr(lock, "__enter__") and hasattr(lock, "__exit__"),
)

# What it does with a call
_VALIDATE = _part("gradio.Blocks", "validate_inputs", lambda: gr.Blocks, _takes("self", "block_fn", "inputs"))
_PROCESS = _part("gradio.Blocks", "process_api", lambda: gr.Blocks, inspect.iscoroutinefunction)
_FUNCTIONS = _part("gradio.Blocks", "fns", _blocks, lambda value: isinstance(value, Mapping) and len(value) > 0)


def _function() -> Any:
    return next(iter(_FUNCTIONS.of(_blocks()).values()))


_FUNCTION = _part("gradio.blocks.BlockFunction", "fn", _function, callable)
_INPUTS = _part("gradio.blocks.BlockFunction", "inputs", _function, _of_type(list, tuple))
_TRAVERSE = _in_module("gradio_client.utils", "traverse", _takes("json_obj", "func", "is_root"))

# Uploads
_PREFIX = _in_module("gradio.route_utils", "API_PREFIX", lambda value: value == API_PREFIX)
_FOLDER = _in_module("gradio.utils", "get_upload_folder", lambda value: isinstance(value(), str))
_UPLOAD = _in_module("gradio.route_utils", "upload_fn", inspect.iscoroutinefunction)
_UPLOAD_USED = _in_module("gradio.routes", "upload_fn", inspect.iscoroutinefunction)
_PARSER = _in_module("gradio.route_utils", "GradioMultiPartParser", inspect.isclass)


def _parser() -> Any:
    parser = _PARSER.of(import_module("gradio.route_utils"))
    options = {"max_file_size": 1, "upload_dir": ""}  # the second from some release on
    return parser({}, None, **{name: options[name] for name in options if name in inspect.signature(parser).parameters})


_PARSER_FILES = _part("gradio.route_utils.GradioMultiPartParser", "_files_to_close_on_error", _parser, _of_type(list))


def check_gradio() -> None:
    """Ends the program with a sentence and status 1 if the installed Gradio lacks a part that the page needs."""
    _blocks.cache_clear()
    missing = list(dict.fromkeys(f"{part.name} of {part.owner}" for part in PARTS if part.missing()))
    _blocks.cache_clear()
    if missing:
        raise SystemExit(
            f"This page needs {', '.join(missing)}, and Gradio {version('gradio')}, which is installed, has no such "
            f'part, or another of that name. Install a release that fits: pip install "{REQUIREMENT}".'
        )


def end_events(demo: gr.Blocks, session: str) -> bool:
    """Tells a visitor's calls, at work or in line, to end at their next step; whether there was any."""
    events = [event for event in tuple(calls_known(demo).values()) if _EVENT_SESSION.of(event) == session]
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


def wrap_uploads(receive: Callable[..., Awaitable[Any]], begun: Callable[[list[Any]], None]) -> None:
    """Changes the upload route of this process.

    Args:
        receive: called in place of Gradio's own, with that as first argument; begun: is told the list of open files
            that an upload in this context will fill.
    """
    utils, routes = import_module("gradio.route_utils"), import_module("gradio.routes")
    upload = _UPLOAD.of(utils)

    class Parser(_PARSER.of(utils)):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            begun(_PARSER_FILES.of(self))

    async def wrapped(*args: Any, **options: Any) -> Any:
        return await receive(upload, *args, **options)

    _PARSER.put(utils, Parser)
    _UPLOAD_USED.put(routes, wrapped)


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
