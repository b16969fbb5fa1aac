"""The private or undocumented parts of Gradio that the page needs, each declared once; :mod:`.gradio_parts` uses them.

:func:`check_gradio` looks for all of them when the server starts, so that a release of Gradio's that lacks one ends the
start with a sentence, and not a visitor's run in the middle.
"""

import inspect
import io
from collections.abc import Callable, Mapping, MutableMapping, MutableSet
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.metadata import version
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

    def missing(self) -> bool:
        """Whether the installed Gradio lacks it, or has something else of that name."""
        try:
            return not self.fits(getattr(self.example(), self.name))
        except Exception:  # whatever a change of Gradio's leads to on the way there
            return True


def _in(module: str, name: str, fits: Callable[[Any], bool]) -> Part:
    return Part(module, name, partial(import_module, module), fits)


def _of_type(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _takes(*arguments: str) -> Callable[[Any], bool]:
    """Fits callables with these parameters."""
    return lambda value: {*arguments} <= {*inspect.signature(value).parameters}


def _takes_one(value: Any) -> bool:
    """Fits callables with one argument, whatever it is called."""
    return len(inspect.signature(value).parameters) == 1


def _present(value: Any) -> bool:
    return value is not None


@cache
def _blocks() -> gr.Blocks:
    """An app as small as can be, with one function; one for all of a check."""
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.on(fn=lambda: None, inputs=[], outputs=[])
    return demo  # with a queue of its own already


def _queue() -> Any:
    return _blocks()._queue


def _line() -> Any:
    return import_module("gradio.queueing").EventQueue("", 1)


def _event() -> Any:
    return import_module("gradio.queueing").Event("session", SimpleNamespace(concurrency_id=""), None, None)


def _holder() -> Any:
    return _blocks().state_holder


def _visitor() -> Any:
    return _holder()["visitor"]


@cache
def _state() -> Any:
    return gr.State()


def _function() -> Any:
    return next(iter(_blocks().fns.values()))


def _parser() -> Any:
    parser = import_module("gradio.route_utils").GradioMultiPartParser
    options = {"max_file_size": 1, "upload_dir": ""}  # the second from some release on
    return parser({}, None, **{name: options[name] for name in options if name in inspect.signature(parser).parameters})


_MAPPING, _COROUTINE = _of_type(MutableMapping), inspect.iscoroutinefunction
PARTS = [
    # The queue of calls, its letter boxes, and one call in it
    Part("gradio.Blocks", "_queue", _blocks, _present),
    Part(
        "gradio.queueing.Queue",
        "compute_analytics_summary",
        _queue,
        _takes_one,
    ),
    Part("gradio.queueing.Queue", "sleep_when_free", _queue, _of_type(float)),
    Part("gradio.queueing.Queue", "progress_update_sleep_when_free", _queue, _of_type(float)),
    Part("gradio.queueing.Queue", "event_ids_to_events", _queue, _MAPPING),
    Part("gradio.queueing.Queue", "event_queue_per_concurrency_id", _queue, _MAPPING),
    Part("gradio.queueing.EventQueue", "queue", _line, _of_type(list)),
    Part("gradio.queueing.Queue", "active_jobs", _queue, _of_type(list)),
    Part("gradio.queueing.Queue", "pending_messages_per_session", _queue, _MAPPING),
    Part("gradio.queueing.Queue", "pending_event_ids_session", _queue, _MAPPING),
    _in("gradio.queueing", "Event", callable),
    Part("gradio.queueing.Event", "_id", _event, _of_type(str)),
    Part("gradio.queueing.Event", "session_hash", _event, lambda value: value == "session"),
    Part("gradio.queueing.Event", "alive", _event, lambda value: value is True),
    Part("gradio.queueing.Event", "enqueue_time", _event, _of_type(float)),
    _in("gradio.context", "LocalContext", _present),
    Part(
        "gradio.context.LocalContext",
        "event_id",
        lambda: import_module("gradio.context").LocalContext,
        _of_type(ContextVar),
    ),
    # What it keeps of every visitor
    Part("gradio.Blocks", "state_holder", _blocks, _present),
    Part("gradio.state_holder.StateHolder", "delete_state", _holder, _takes("session_id")),
    Part("gradio.state_holder.StateHolder", "session_data", _holder, _MAPPING),
    Part("gradio.state_holder.StateHolder", "time_last_used", _holder, _MAPPING),
    Part("gradio.state_holder.StateHolder", "lock", _holder, lambda lock: hasattr(lock, "__exit__")),
    Part("gradio.state_holder.StateHolder", "update", _holder, _takes("session_id")),
    Part("gradio.state_holder.SessionState", "state_data", _visitor, _MAPPING),
    Part("gradio.state_holder.SessionState", "config_values", _visitor, _of_type(Mapping)),
    Part(
        "gradio.blocks.BlocksConfig",
        "config_for_block",
        lambda: import_module("gradio.blocks").BlocksConfig,
        _takes("_id", "rendered_ids", "block", "renderable"),
    ),
    Part("gradio.Blocks", "upload_file_set", _blocks, _of_type(MutableSet)),
    # What it does with a call
    Part("gradio.routes.App", "iterators", lambda: import_module("gradio.routes").App(), _MAPPING),
    Part("gradio.Blocks", "validate_inputs", lambda: gr.Blocks, _takes("self", "block_fn", "inputs")),
    Part("gradio.Blocks", "process_api", lambda: gr.Blocks, _COROUTINE),
    Part("gradio.Blocks", "fns", _blocks, lambda value: isinstance(value, Mapping) and len(value) > 0),
    Part("gradio.blocks.BlockFunction", "fn", _function, callable),
    Part("gradio.blocks.BlockFunction", "api_name", _function, _of_type(str, bool)),
    Part("gradio.blocks.BlockFunction", "inputs", _function, _of_type(list, tuple)),
    Part("gradio.blocks.BlockFunction", "outputs", _function, _of_type(list, tuple)),
    Part("gradio.Blocks", "postprocess_data", lambda: gr.Blocks, _takes("self", "block_fn", "predictions", "state")),
    Part("gradio.blocks.Block", "_id", _state, _of_type(int)),
    Part("gradio.blocks.Block", "stateful", _state, lambda value: value is True),
    _in("gradio_client.utils", "traverse", _takes("json_obj", "func", "is_root")),
    # Tools for language models
    Part("gradio.Blocks", "mcp_server_obj", _blocks, lambda value: value is None),
    Part(
        "gradio.mcp.GradioMCPServer",
        "postprocess_output_data",
        lambda: import_module("gradio.mcp").GradioMCPServer,
        _takes("self", "data", "root_url"),
    ),
    # Uploads
    _in("gradio.route_utils", "API_PREFIX", lambda value: value == API_PREFIX),
    _in("gradio.utils", "get_upload_folder", lambda value: isinstance(value(), str)),
    _in("gradio.route_utils", "upload_fn", _COROUTINE),
    _in("gradio.routes", "upload_fn", _COROUTINE),
    _in("gradio.route_utils", "GradioMultiPartParser", inspect.isclass),
    Part("gradio.route_utils.GradioMultiPartParser", "_files_to_close_on_error", _parser, _of_type(list)),
    Part("gradio.route_utils.GradioMultiPartParser", "items", _parser, _of_type(list)),
    Part("gradio.route_utils.GradioMultiPartParser", "on_headers_finished", _parser, callable),
    Part("gradio.route_utils.GradioMultiPartParser", "on_part_data", _parser, _takes("data", "start", "end")),
    Part("gradio.route_utils.GradioMultiPartParser", "_current_part", _parser, _present),
    Part("gradio.route_utils.MultipartPart", "file", lambda: _parser()._current_part, lambda value: value is None),
    _in("gradio.route_utils", "GradioUploadFile", inspect.isclass),
    Part(
        "gradio.route_utils.GradioUploadFile",
        "sha",
        lambda: import_module("gradio.route_utils").GradioUploadFile(io.BytesIO()),
        lambda value: callable(value.hexdigest),
    ),
]


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
