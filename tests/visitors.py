"""Visitors of a real server over plain HTTP, as a browser makes them: page, heartbeat, queue, stream of updates."""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from gradio_client.utils import apply_diff
from serving import Stillness

sys.path.insert(0, str(Path(__file__).parents[1]))

from cliptta_demo.page.form.reading import usual_values
from cliptta_demo.page.runs.api import SIGNATURE

API = "/gradio_api"


@dataclass
class Visit:
    """What one visitor saw.

    Attributes:
        result: the numbers of the last update, without times; error: what went wrong, empty if nothing.
        joined: when Run was pressed; started: when the run began; first: when its first batch was on the page.
        batches: when each ended, of who uses the API; ended: when the run did.
        place: the highest place in the queue that was told, None when there was none to wait for.
    """

    result: Any = None
    error: str = ""
    joined: float = 0.0
    started: float = 0.0
    first: float = 0.0
    ended: float = 0.0
    batches: list[float] = field(default_factory=list)
    place: int | None = None


class Server:
    """The server under load, as a visitor and as its process see it."""

    def __init__(self, address: str, process_id: int) -> None:
        self.address = address
        self.process = Path(f"/proc/{process_id}")
        config = httpx.get(f"{address}/config", timeout=60).json()
        parts = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
        events = config["dependencies"]
        (self.api,) = [event for event in events if event["api_name"] == "run"]
        (self.page, *_) = [
            event for event in events if [parts["run"], "click"] in event["targets"] and len(event["inputs"]) > 1
        ]
        self.accuracy = self.page["outputs"].index(parts["accuracy"])

    def rests(self) -> int:
        """How often one of its threads had nothing to do so far: each time it was woken before."""
        word = "\nvoluntary_ctxt_switches:"
        stories = [(thread / "status").read_text() for thread in (self.process / "task").iterdir()]
        return sum(int(story.partition(word)[2].split(maxsplit=1)[0]) for story in stories)


def request(server: Server, by_page: bool, **settings: Any) -> tuple[int, list[Any]]:
    """(function index, arguments) of a run with these settings."""
    form = usual_values() | settings
    if by_page:
        return server.page["id"], [*[None] * 4, *form.values()]
    form["adaptation"] = {"steps": settings["steps"]}
    return server.api["id"], [form[name] for name in SIGNATURE.parameters]


@asynccontextmanager
async def heartbeat(client: httpx.AsyncClient, session: str) -> AsyncIterator[None]:
    """What an open tab keeps alive; its end tells the server that the visitor has left."""
    async with client.stream("GET", f"{API}/heartbeat/{session}"):
        yield


async def visit(server: Server, by_page: bool, together: asyncio.Barrier | None = None, **settings: Any) -> Visit:
    """Opens the page, presses Run, with others where it is to be ``together``, watches to the end, and leaves."""
    seen, session = Visit(), uuid.uuid4().hex[:12]
    async with httpx.AsyncClient(base_url=server.address, timeout=600) as client:
        await client.get("/")
        async with heartbeat(client, session):
            function, data = request(server, by_page, **settings)
            if together:
                await together.wait()
            seen.joined = time.monotonic()
            body = {"data": data, "fn_index": function, "session_hash": session}
            answer = await client.post(f"{API}/queue/join", json=body)
            if answer.status_code != 200:
                seen.error = answer.text
                return seen
            async with client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as stream:
                await _watch(stream, seen, server, by_page)
    return seen


async def _watch(stream: httpx.Response, seen: Visit, server: Server, by_page: bool) -> None:
    outputs: list[Any] | None = None
    still = Stillness()
    async for line in stream.aiter_lines():
        if not line.startswith("data:"):
            continue
        still.look(line)
        message = json.loads(line[5:])
        if message["msg"] == "estimation" and message.get("rank") is not None:
            seen.place = max(seen.place or 0, message["rank"] + 1)
        elif message["msg"] == "process_starts":
            seen.started = time.monotonic()
        elif message["msg"] == "process_generating":
            data = message["output"].get("data")
            outputs = data if outputs is None else [apply_diff(a, b) for a, b in zip(outputs, data, strict=True)]
            _keep(seen, outputs, server, by_page)
        elif message["msg"] == "process_completed":
            seen.ended = time.monotonic()
            if not message.get("success"):
                seen.error = str(message["output"].get("error") or message["output"])
            return
        elif message["msg"] == "unexpected_error":
            seen.error = str(message.get("message"))
            return


def _keep(seen: Visit, outputs: list[Any], server: Server, by_page: bool) -> None:
    if not by_page:
        seen.batches.append(time.monotonic())
        seen.result = _without_times(outputs[0])
    elif isinstance(outputs[server.accuracy], str) and outputs[server.accuracy] != seen.result:
        seen.result = outputs[server.accuracy]
        begun = any(own["series"] for own in json.loads(seen.result).get("methods", []))
        seen.first = seen.first or (time.monotonic() if begun else 0.0)


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(part) for name, part in value.items() if "seconds" not in name}
    return value
