"""Visitors who stop or leave at all stages of a run; other faults: test_page_faults, test_browser_faults."""

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import PATIENCE, Stillness, run_apart, serve_process
from visitors import API, Server, heartbeat, request, visit

SHORT = {"batches": 3, "batch_size": 3, "steps": 1, "methods": ("zero-shot", "cliptta")}
WAYS = ("cancel", "close", "deaf")  # Pause and leave; close the tab; close it before the page listens
STAGES = 3  # at which a run is cut off, evenly over its updates, the first of them at its start
LONG = 20  # steps a batch of theirs, so that the first batch is still at work when they leave
VISITS, AT_ONCE = 2 * STAGES * len(WAYS), 6  # by the page and by the API
LATEST = 0.6  # seconds from Run to the moment at which who doesn't listen leaves


async def health(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/health")).json()


async def leave_early(client: httpx.AsyncClient, server: Server, number: int, updates: dict[bool, int]) -> str:
    """Presses Run, and stops or leaves, in a way and at a stage that follow from the number. Returns how it ended.

    Who listens counts what the server tells, so that runs are cut off at all their stages on a machine of any speed;
    ``updates`` says how much that is for a whole run, by the page and by the API.
    """
    way, by_page, session = WAYS[number % 3], number // 3 % 2 == 0, f"early{number}"
    stage = number // 6 % STAGES / STAGES
    async with heartbeat(client, session):
        changes = {} if stage else {"steps": LONG}
        function, event = await press_run(client, server, session, by_page, number, **changes)
        if way == "deaf":
            await asyncio.sleep(stage * LATEST)
            return way
        run = Listener(client, session, int(stage * updates[by_page]))
        listening = asyncio.create_task(run.last_word())
        await run.reached.wait()
        if listening.done():
            return f"ended before: {listening.result()}"
        if way == "cancel":
            await client.post(f"{API}/cancel", json={"session_hash": session, "fn_index": function, "event_id": event})
            return f"cancel: {await asyncio.wait_for(listening, PATIENCE)}"
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        return way


async def press_run(
    client: httpx.AsyncClient, server: Server, session: str, by_page: bool, seed: int, **changes: int
) -> tuple[int, str]:
    """(function, event) of a short run, or of one with ``changes``, that has begun or stands in line."""
    function, data = request(server, by_page, seed=seed, **SHORT | changes)
    body = {"data": data, "fn_index": function, "session_hash": session}
    return function, (await client.post(f"{API}/queue/join", json=body)).json()["event_id"]


@dataclass
class Listener:
    """Who watches a run: ``reached`` is set after so many ``updates``, or at its end; ``told`` counts them."""

    client: httpx.AsyncClient
    session: str
    updates: float
    told: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def last_word(self) -> str:
        """Listens to the end: "success", or what went wrong."""
        still = Stillness()
        try:
            async with self.client.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as stream:
                async for line in stream.aiter_lines():
                    still.look(line or still.sign)
                    message = json.loads(line[5:]) if line.startswith("data:") else {"msg": ""}
                    if message["msg"] in ("process_completed", "unexpected_error"):
                        return "success" if message.get("success") else str(message)
                    self.told += message["msg"] == "process_generating"
                    if self.told >= self.updates:
                        self.reached.set()
            return "silence"
        finally:
            self.reached.set()


async def crowd(
    client: httpx.AsyncClient, server: Server, numbers: Iterable[int], updates: dict[bool, int]
) -> Counter[str]:
    """All of them, several at a time, no faster than the server lets go of those before."""
    ends, line = Counter(), iter(numbers)

    async def lane() -> None:
        for number in line:
            ends[await leave_early(client, server, number, updates)] += 1
            while (await health(client))["runs_at_work"] > 2 * AT_ONCE:
                await asyncio.sleep(0.1)

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
    return ends


async def quiet(client: httpx.AsyncClient) -> dict[str, Any]:
    """What the server holds once nobody is there any more (or after a while, if that never comes)."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        state = await health(client)
        held = state["held"]
        busy = ("sessions", "messages", "events", "jobs", "at_work", "turns", "leaving")
        if not state["runs_at_work"] and not any(held[name] for name in busy):
            break
        await asyncio.sleep(0.2)
    return held | {"runs": state["runs_at_work"]}


async def story(server: Server) -> dict[str, Any]:
    """One server before, during and after ``VISITS`` visits that were cut off."""
    limits = httpx.Limits(max_connections=None)  # many at a time
    async with httpx.AsyncClient(base_url=server.address, timeout=PATIENCE, limits=limits) as client:
        while (await health(client))["status"] != "ok":
            await asyncio.sleep(0.1)
        told, updates = {"first": await visit(server, False, seed=1, **SHORT)}, {}
        for by_page in (True, False):
            session = f"whole{by_page}"
            async with heartbeat(client, session):
                await press_run(client, server, session, by_page, 0)
                run = Listener(client, session, math.inf)
                assert await run.last_word() == "success"
                updates[by_page] = run.told
        await crowd(client, server, range(10_000, 10_000 + AT_ONCE), updates)  # threads and files that stay
        told["before"] = await quiet(client)
        told["ends"] = await crowd(client, server, range(VISITS), updates)
        told["after"] = await quiet(client)
        return told | {"last": await visit(server, False, seed=1, **SHORT)}


@pytest.mark.slow
def test_nothing_is_left_of_visits_that_are_cut_off_at_all_stages(tmp_path: Path) -> None:
    settings = {"TMPDIR": str(tmp_path), "GRADIO_TEMP_DIR": f"{tmp_path}/gradio", "CLIPTTA_LEAVE_SECONDS": "1"}
    with serve_process("tests/watched_server.py", **settings) as (address, process, log):
        told = run_apart(story(Server(address, process.pid)))
        log.seek(0)
        text = log.read().decode()
    ends, before, after = told["ends"], told["before"], told["after"]
    assert sum(ends.values()) == VISITS
    assert set(ends) <= {"deaf", "close", "cancel: success", "ended before: success"}
    assert all(ends[end] > VISITS / 10 for end in ("deaf", "close", "cancel: success"))
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    batches = Counter(line["batches"] for line in lines if line["event"] == "run-cancelled")
    assert all(batches[count] for count in range(SHORT["batches"]))
    threads, descriptors = after.pop("threads"), after.pop("descriptors")
    assert after == {name: 0 for name in after} | {"files": before["files"]}, text[-3000:]
    assert descriptors <= before["descriptors"] + AT_ONCE  # our own idle connections
    assert threads.pop("AnyIO worker thread") <= 4 * AT_ONCE  # idle ones, which the next visitors use
    assert threads.pop("next-batch", 0) <= 2
    assert threads == {"MainThread": 1, "Thread": 1, "steps": 1}
    assert told["first"].error == told["last"].error == ""
    assert told["first"].result == told["last"].result  # a fresh run gets the numbers from before
    events = Counter(line["event"] for line in lines)
    assert events["run-started"] == events["run-finished"] + events["run-cancelled"]  # none of them ended badly
    assert "Traceback" not in text
