"""All that the page does with Gradio's private parts, and nobody else does: :mod:`.gradio_part` declares them."""

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import gradio as gr

LOOK_SECONDS = 0.02  # between two looks for calls: nobody sees so short a wait


def calls_of(demo: gr.Blocks, session: str) -> list[Any]:
    """A visitor's calls, at work or in line."""
    return [event for event in tuple(calls_known(demo).values()) if event.session_hash == session]


def end_events(demo: gr.Blocks, session: str) -> bool:
    """Tells a visitor's calls, at work or in line, to end at their next step; whether there was any.

    One that was cancelled while Gradio was tidying up after it stays in Gradio's list for ever: it is taken out.
    """
    waiting = False
    for event in calls_of(demo, session):
        event.alive = False
        if _in_hand(demo, event):
            waiting = True
        else:
            demo._queue.event_ids_to_events.pop(event._id, None)
    return waiting


def _in_hand(demo: gr.Blocks, event: Any) -> bool:
    """Whether a call is really at work, in line, or has a generator that is still to be closed."""
    queue = demo._queue
    lines = [tuple(line.queue) for line in tuple(queue.event_queue_per_concurrency_id.values())]
    at_work = [tuple(job) for job in tuple(queue.active_jobs) if job]
    return event._id in demo.app.iterators or any(event in events for events in lines + at_work)


def calls_known(demo: gr.Blocks) -> Mapping[str, Any]:
    """The calls at work or in line, by their ids."""
    return demo._queue.event_ids_to_events


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
    """The values of a visitor's ``gr.State``s, to be read and changed; empty where there is no such visitor."""
    visitor = demo.state_holder.session_data.get(session)
    return visitor.state_data if visitor is not None else {}


def shown_of(demo: gr.Blocks, session: str) -> Iterable[dict[str, Any]]:
    """What a visitor's page last showed, part by part."""
    visitor = demo.state_holder.session_data.get(session)
    return list(visitor.config_values.values()) if visitor is not None else []


def when_session_is_used(demo: gr.Blocks, then: Callable[[str], None]) -> None:
    """Calls ``then`` with a visitor's key whenever their session is used; Gradio drops none by count any more."""
    holder = demo.state_holder

    def update(session_id: str) -> None:
        with holder.lock:
            if session_id in holder.session_data:
                holder.session_data.move_to_end(session_id)
        then(session_id)

    holder.update = update


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


def share_first_looks(demo: gr.Blocks) -> None:
    """Has visitors begin with copies of how the page's parts look.

    Gradio asks every part anew at each visitor's first call: 30 ms of its one event loop, in which all others stand
    still. Copies take less than one.
    """
    config = import_module("gradio.blocks").BlocksConfig
    ask, parts, looks = config.config_for_block, dict(demo.blocks), {}

    def config_for_block(_id: int, rendered_ids: list[int], block: Any, renderable: Any = None) -> dict[str, Any]:
        if parts.get(_id) is not block or renderable:  # a visitor's own
            return ask(_id, rendered_ids, block, renderable)
        if _id not in looks:
            looks[_id] = ask(_id, rendered_ids, block)
        return looks[_id] | {"props": dict(looks[_id]["props"])}  # Gradio writes a visitor's values into the props

    config.config_for_block = staticmethod(config_for_block)


def delete_states(demo: gr.Blocks, session: str) -> None:
    """Deletes the values of a visitor's ``gr.State``s, whose own ``delete_callback``s are called."""
    demo.state_holder.delete_state(session)


def delete_page(demo: gr.Blocks, session: str) -> None:
    """Deletes what a visitor's page last showed."""
    holder = demo.state_holder
    with holder.lock:
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)


def delete_letter_box(demo: gr.Blocks, session: str) -> None:
    """Deletes what the queue keeps of a visitor."""
    queue = demo._queue
    queue.pending_messages_per_session.pop(session, None)
    queue.pending_event_ids_session.pop(session, None)


def mail_waits(demo: gr.Blocks, session: str) -> bool:
    """Whether something waits in a visitor's letter box, for a browser that takes it more slowly than it comes."""
    box = demo._queue.pending_messages_per_session.get(session)
    return box is not None and not box.empty()


def upload_folder() -> Path:
    """Where uploaded files lie."""
    return Path(import_module("gradio.utils").get_upload_folder())


def open_files(parser: Any) -> list[Any]:
    """The files that a request's parser has begun, open."""
    return list(parser._files_to_close_on_error)


def folders(parser: Any) -> list[str]:
    """Names of the folders that its whole files were meant for."""
    kind = import_module("gradio.route_utils").GradioUploadFile
    return [item.sha.hexdigest() for _, item in parser.items if isinstance(item, kind)]


def wrap_uploads(receive: Callable[..., Awaitable[Any]], watch: Callable[[Any], Any]) -> None:
    """Changes the upload route of this process; a request may bring one file.

    Args:
        receive: called in place of Gradio's own, with that as first argument.
        watch: makes of a request's parser who sees it arrive: ``begins(name)`` of a file, ``grows(count, is_file)`` of
            bytes to be written; an exception of theirs ends the upload.
    """
    utils, routes = import_module("gradio.route_utils"), import_module("gradio.routes")
    upload = utils.upload_fn

    class Parser(utils.GradioMultiPartParser):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options | {"max_files": 1, "max_fields": 1})
            self.watcher = watch(self)

        def on_headers_finished(self) -> None:
            super().on_headers_finished()
            file = self._current_part.file
            if file is not None:
                self.watcher.begins(file.filename or "")

        def on_part_data(self, data: bytes, start: int, end: int) -> None:
            self.watcher.grows(end - start, self._current_part.file is not None)
            super().on_part_data(data, start, end)

    async def wrapped(*args: Any, **options: Any) -> Any:
        return await receive(upload, *args, **options)

    utils.GradioMultiPartParser = Parser
    routes.upload_fn = wrapped


def forget_uploaded(demo: gr.Blocks, known: Collection[str], most: int) -> None:
    """Takes files that are not ``known`` from the list of those to delete when the app ends, once it is longer."""
    files = demo.upload_file_set
    if len(files) > most:
        files.intersection_update(known)


def parts_like(value: Any, like: Callable[[Any], bool]) -> list[Any]:
    """What there is inside a JSON value that Gradio could find with the same question."""
    found: list[Any] = []
    import_module("gradio_client.utils").traverse(value, found.append, like)
    return found


class OpenBlocks(gr.Blocks):
    """Gradio's app, with two places to look at every call: :meth:`check` and :meth:`answer`. It draws what changes."""

    def check(self, function: Callable[..., Any] | None, inputs: list[Any], values: list[Any]) -> None:
        """Sees the ``values`` of a call before Gradio does, with the components that they are meant for."""

    async def answer(self, call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """Does a call."""
        return await call

    def queue(self, *args: Any, **kwargs: Any) -> gr.Blocks:
        """As Gradio's, at rest while nobody calls, and without its statistics of calls.

        It looks for calls a thousand times a second, and for progress a hundred times: 8 % of a core, for nothing.
        One call in the name of a session with broken Unicode made the statistics fail at the end of every later call,
        before its data were let go.
        """
        super().queue(*args, **kwargs)
        self._queue.sleep_when_free = self._queue.progress_update_sleep_when_free = LOOK_SECONDS
        self._queue.compute_analytics_summary = lambda records: {}
        return self

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Gradio's, through :meth:`answer`."""
        return await self.answer(super().process_api(*args, **kwargs))

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Gradio's, of those outputs alone that an update by parts names: it would build each of the others anew."""
        if not (isinstance(predictions, dict) and predictions) or not all(hasattr(part, "_id") for part in predictions):
            return await super().postprocess_data(block_fn, predictions, state)
        named, smaller = {part._id for part in predictions}, copy(block_fn)
        smaller.outputs = [part for part in block_fn.outputs if part._id in named]
        values = iter(await super().postprocess_data(smaller, predictions, state))
        unchanged = [None if part.stateful else gr.skip() for part in block_fn.outputs]
        return [
            next(values) if part._id in named else rest for part, rest in zip(block_fn.outputs, unchanged, strict=True)
        ]

    def validate_inputs(self, block_fn: Any, inputs: list[Any]) -> None:
        """In Gradio's place: :meth:`check`."""
        self.check(block_fn.fn, block_fn.inputs, inputs)
