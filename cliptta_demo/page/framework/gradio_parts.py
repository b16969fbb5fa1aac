"""The private or undocumented parts of Gradio that the page needs: nobody else uses them.

:func:`check_gradio` looks for them, so that a release that lacks one ends the start and no visitor's run.
"""

import inspect
import json
import logging
import re
from collections.abc import Callable, Mapping, MutableMapping
from copy import copy
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gradio as gr

from cliptta_demo.languages import Language, language, say, speaking
from cliptta_demo.page.framework.visitor_language import language_of
from cliptta_demo.page.words.texts import BAD_REQUEST

log = logging.getLogger(__name__)
REQUIREMENT = "gradio>=6.20,<7"  # as in requirements.txt
API_PREFIX = "/gradio_api"  # before the paths of all of Gradio's own routes
_NAMES = ("elem_id", "elem_classes", "key", "server_fns")  # of a component, in no language
LOOK_SECONDS = 0.02  # between two looks for calls: nobody sees so short a wait


# File of Gradio's → names in it.
PARTS = {
    "blocks": ("_queue", "state_holder", "fns", "mcp_server_obj", "process_api", "validate_inputs", "postprocess_data"),
    "queueing": (
        *("event_ids_to_events", "pending_messages_per_session", "pending_event_ids_session", "session_hash", "alive"),
        *("sleep_when_free", "progress_update_sleep_when_free", "compute_analytics_summary", "enqueue_time", "_id"),
    ),
    "context": ("LocalContext", "event_id"),
    "state_holder": ("delete_state", "session_data", "time_last_used", "lock", "state_data"),
    "block_function": ("fn", "api_name", "inputs", "outputs"),
    "mcp": ("GradioMCPServer", "postprocess_output_data"),
}


def check_gradio() -> None:
    """Ends the program with a sentence and status 1 if the installed Gradio's source lacks a part that is needed."""
    folder = Path(gr.__file__).parent
    texts = {file: path.read_text("utf-8") for file in PARTS if (path := folder / f"{file}.py").exists()}
    missing = [
        f"{name} in gradio/{file}.py"
        for file, names in PARTS.items()
        for name in names
        if not re.search(rf"\b{name}\b", texts.get(file, ""))
    ]
    if missing:
        raise SystemExit(
            f"This page needs {', '.join(missing)}, and Gradio {version('gradio')}, which is installed, has no such "
            f'part. Install a release that fits: pip install "{REQUIREMENT}".'
        )


def calls_known(demo: gr.Blocks) -> Mapping[str, Any]:
    """The calls at work or in line, by their ids."""
    return demo._queue.event_ids_to_events


def calls_of(demo: gr.Blocks, session: str) -> list[Any]:
    """A visitor's calls, at work or in line."""
    return [event for event in tuple(calls_known(demo).values()) if event.session_hash == session]


def end_events(demo: gr.Blocks, session: str) -> bool:
    """Tells a visitor's calls, at work or in line, to end at their next step; whether there was any."""
    calls = calls_of(demo, session)
    for event in calls:
        event.alive = False
    return bool(calls)


def present_call() -> str | None:
    """The id of the call that this thread answers; None outside of the queue."""
    return import_module("gradio.context").LocalContext.event_id.get(None)


def asked_at(demo: gr.Blocks) -> float | None:
    """When the present call was made, on the monotonic clock: it may have waited in line. None where it did not."""
    event = calls_known(demo).get(present_call() or "")
    return event.enqueue_time if event is not None else None


def sessions_known(demo: gr.Blocks) -> list[str]:
    """The visitors of whom something is kept, the longest unused first."""
    holder = demo.state_holder
    with holder.lock:
        return list(holder.session_data)


def states_of(demo: gr.Blocks, session: str) -> MutableMapping[int, Any]:
    """The values of a visitor's ``gr.State``s, to be read and changed; if there is one."""
    visitor = demo.state_holder.session_data.get(session)
    return visitor.state_data if visitor is not None else {}


def forget_session(demo: gr.Blocks, session: str) -> None:
    """Deletes the values of a visitor's ``gr.State``s, by their ``delete_callback``s, and all else of theirs.

    A call that was cancelled while Gradio was tidying up after it would stay in its list for ever: it goes too.
    """
    holder, queue = demo.state_holder, demo._queue
    holder.delete_state(session)
    with holder.lock:
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)
    queue.pending_messages_per_session.pop(session, None)
    queue.pending_event_ids_session.pop(session, None)
    getattr(demo, "spoken", {}).pop(session, None)
    for event in calls_of(demo, session):
        queue.event_ids_to_events.pop(event._id, None)


def mail_waits(demo: gr.Blocks, session: str) -> bool:
    """Whether something waits in a visitor's letter box, for a browser that takes it more slowly than it comes."""
    box = demo._queue.pending_messages_per_session.get(session)
    return box is not None and not box.empty()


def api_arguments(demo: gr.Blocks, name: str) -> list[Any]:
    """The arguments of an endpoint of the API, in order."""
    return next(function.inputs for function in demo.fns.values() if function.api_name == name)


def answer_in_json(demo: gr.Blocks) -> None:
    """Has the server of the Model Context Protocol, where it is on, answer in JSON in place of Python's own writing."""
    server = demo.mcp_server_obj
    if server is not None:
        plain = server.postprocess_output_data
        server.postprocess_output_data = lambda data, root_url: plain(
            [json.dumps(one) if isinstance(one, dict) else one for one in data], root_url
        )


class Page(gr.Blocks):
    """Gradio's app whose functions can be called with anything by anybody, and which draws what changes alone.

    Attributes:
        opening: HTML of its parts as it opens, for :class:`.FirstPaint`.
        host: what its visitors share, a :class:`.runs.host.Host`.
        build: builds the same page once more.
    """

    opening: Mapping[str, str]
    host: Any
    build: Callable[[], "Page"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.spoken: dict[str, Language] = {}  # session → the language of its newest call
        self._worded: dict[str, Page] = {language().code: self}
        self._config: Any = None
        super().__init__(*args, **kwargs)

    def worded(self) -> "Page":
        """This page as it is built in the context's language: for its words alone."""
        code = language().code
        if code not in self._worded:
            self._worded[code] = self.build()
        return self._worded[code]

    @property
    def config(self) -> Any:
        """What the browser builds the page of, in the context's language."""
        other = self.worded()
        if other is self or self._config is None:
            return self._config
        parts = zip(self._config["components"], other.get_config_file()["components"], strict=True)
        said = [own | {"props": own["props"] | _words(its["props"])} for own, its in parts]
        return self._config | {"components": said, "title": other.title}

    @config.setter
    def config(self, config: Any) -> None:
        self._config = config

    def queue(self, *args: Any, **kwargs: Any) -> gr.Blocks:
        """As Gradio's, but looking for calls and progress less often, which took 8 % of a core, and without statistics.

        One session's broken Unicode made those fail at the end of every later call, before its data were let go.
        """
        super().queue(*args, **kwargs)
        self._queue.sleep_when_free = self._queue.progress_update_sleep_when_free = LOOK_SECONDS
        self._queue.compute_analytics_summary = lambda records: {}
        return self

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Does a call in its visitor's language; what goes wrong is a sentence for them, and a line in the log."""
        request = kwargs.get("request")
        session = getattr(request, "session_hash", None) or ""
        if request is not None and not kwargs.get("iterator"):
            self.spoken[session] = language_of(request)
        try:
            with speaking(self.spoken.get(session, language())):
                return await super().process_api(*args, **kwargs)
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception:
            log.warning("a call failed", exc_info=True)
            raise gr.Error(say(BAD_REQUEST), print_exception=False) from None

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """Refuses a call with too few values, or with a file or an address that Gradio would open."""
        names = list(inspect.signature(block_fn.fn).parameters) if block_fn.fn else []
        if len(names) != len(block_fn.inputs):
            names = [part.label or say("A value") for part in block_fn.inputs]
        if len(inputs) < len(names):
            words = say("This call brings {count} values; it takes {asked}.", count=len(inputs), asked=len(names))
            raise gr.Error(words, print_exception=False)
        for name, value in zip(names, inputs, strict=False):
            if _holds_file(value):
                words = say(
                    "{name} holds a file, and none is read there: add images on the page, under Your images.", name=name
                )
                raise gr.Error(words, print_exception=False)

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Gradio's, of those outputs alone that an update by parts names: the others would cost some 10 ms a time."""
        if not (isinstance(predictions, dict) and predictions) or not all(hasattr(part, "_id") for part in predictions):
            return await super().postprocess_data(block_fn, predictions, state)
        named, smaller = {part._id for part in predictions}, copy(block_fn)
        smaller.outputs = [part for part in block_fn.outputs if part._id in named]
        values = iter(await super().postprocess_data(smaller, predictions, state))
        unchanged = [None if part.stateful else gr.skip() for part in block_fn.outputs]
        return [
            next(values) if part._id in named else rest for part, rest in zip(block_fn.outputs, unchanged, strict=True)
        ]


def _words(props: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in props.items() if isinstance(value, str | list) and name not in _NAMES}


def _holds_file(value: Any) -> bool:
    """Whether anything in a JSON value looks like a file to fetch; a little more does than Gradio takes for one."""
    inside = [value]
    while inside:
        one = inside.pop()
        if isinstance(one, dict):
            if "path" in one and "meta" in one:
                return True
            inside += one.values()
        elif isinstance(one, list):
            inside += one
    return False
