"""The server as a process: its log, its health answer, visitors side by side, and a clean end."""

import asyncio
import contextlib
import io
import json
import re
import signal
import socket
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import gradio as gr
import gradio_client
import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, Tool
from serving import PATIENCE, ROOT, run_apart, serve_process
from starlette.requests import Request
from visitors import Server, Visit, visit
from warm import run_code

from cliptta_demo.limits import LIMITS
from cliptta_demo.page.runs.api import SIGNATURE
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.server import serve

pytestmark = pytest.mark.slow
SHORT = {"batches": 2, "batch_size": 8, "steps": 2}
SECRET = "Zanzibar"  # a word of a visitor's


@pytest.fixture(scope="module")
def story() -> dict[str, Any]:
    """One server's life: it starts, serves some visitors at once, is told to stop in the middle of a long run."""
    told: dict[str, Any] = {}
    settings = {"CLIPTTA_RUNS_AT_ONCE": "2", "CLIPTTA_STOP_SECONDS": "300", "GRADIO_MCP_SERVER": "True"}
    with serve_process(**settings) as (address, process, log):
        server = Server(address, process.pid)
        while httpx.get(f"{address}/health").json()["status"] == "starting":
            time.sleep(0.2)
        told["health"] = httpx.get(f"{address}/health")
        told["visits"] = run_apart(_visits(server, told))
        before = server.rests()
        time.sleep(1)
        told["rests"] = server.rests() - before
        told["tools"], told["called"] = run_apart(_as_tool(address))
        told["documented"] = [_documented(address, **change) for change in ({}, {"batches=3": "batches=-1"})]
        client = gradio_client.Client(address, verbose=False)
        told["endpoints"] = {*client.view_api(return_format="dict", print_info=False)["named_endpoints"]}
        run_apart(_stopped(server, process, told))
        told["status"] = process.wait(PATIENCE)
        log.seek(0)
        told["text"] = log.read().decode()
    told["lines"] = [json.loads(line) for line in told["text"].splitlines() if line.startswith("{")]
    return told


async def _visits(server: Server, told: dict[str, Any]) -> list[Visit]:
    told["alone"] = [await visit(server, by_page, seed=1, **SHORT) for by_page in (True, False)]
    names = f"cat = {SECRET}, dog"
    return await asyncio.gather(
        *(visit(server, by_page, seed=1, **SHORT) for by_page in (True, False)),
        visit(server, True, seed=2, class_names=names, **SHORT),
        visit(server, False, seed=2, class_names="cat, unicorn", **SHORT),
    )


async def _as_tool(address: str) -> tuple[list[Tool], list[CallToolResult]]:
    """The tools of the Model Context Protocol, and what a good call and bad ones give."""
    way = streamablehttp_client(f"{address}/gradio_api/mcp/")
    async with way as (read, write, _), ClientSession(read, write) as client:
        await client.initialize()
        calls = [{"batches": 2, "batch_size": 8, "adaptation": {"steps": 2}}, {"batches": -1}, {"dataset": "upload"}]
        return (await client.list_tools()).tools, [await client.call_tool("run", call) for call in calls]


def _documented(address: str, **changes: str) -> tuple[list[int], str]:
    """The loop of docs/command_line.md: the batches that it prints, and the error that it ends with."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "command_line.md").read_text("utf-8"), re.S)
    for old, new in {"http://localhost:7860": address, **changes}.items():
        assert old in code
        code = code.replace(old, new)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, {})
    except Exception as error:
        return [], str(error)
    return [int(line.split()[0]) for line in printed.getvalue().splitlines() if line[0].isdigit()], ""


async def _stopped(server: Server, process: Any, told: dict[str, Any]) -> None:
    run = asyncio.create_task(visit(server, False, seed=3, **{**SHORT, "batches": 200, "steps": 10}))
    while not run.done() and httpx.get(f"{server.address}/health").json()["runs_at_work"] == 0:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)  # into the middle of it, most likely
    told["busy"] = httpx.get(f"{server.address}/health").json()
    process.send_signal(signal.SIGTERM)
    told["cut"] = await run


def test_it_is_a_tool_with_the_same_limits(story: dict[str, Any]) -> None:
    (tool,) = story["tools"]
    assert tool.name == "run"
    described = {name: about["description"] for name, about in tool.inputSchema["properties"].items()}
    assert set(described) == set(SIGNATURE.parameters)
    assert all(text.endswith(".") for text in described.values()), described
    good, bad, other = story["called"]
    assert not good.isError
    assert json.loads(good.content[0].text)["batch"] == 2
    schema = tool.inputSchema["properties"]
    assert (schema["batches"]["minimum"], schema["batches"]["maximum"]) == (1, LIMITS.max_batches)
    assert f"1 to {LIMITS.max_batches}." in schema["batches"]["description"]
    assert "fog" in schema["corruption"]["enum"]
    assert schema["methods"]["maxItems"] == LIMITS.max_methods
    known = schema["adaptation"]["oneOf"][1]["properties"]
    assert known["memory_sample"] == {"type": "integer", "minimum": 1, "maximum": 1024}
    assert (bad.isError, other.isError) == (True, True)
    assert "-1 is less than the minimum of 1" in bad.content[0].text  # the protocol's own check of the schema
    assert "images of your own are added on the page, not here" in other.content[0].text


def test_the_documented_loop_ends_with_the_servers_sentence(story: dict[str, Any]) -> None:
    (batches, nothing), (none, sentence) = story["documented"]
    assert (batches, nothing, none) == ([1, 2, 3], "", [])
    assert story["endpoints"] == {"/run"}
    assert "batches is -1; it must be a whole number from 1 to" in sentence


def test_it_says_how_it_is_and_rests_while_nobody_calls(story: dict[str, Any]) -> None:
    told = {"status": "ok", "loaded_backbones": ["tiny"], "undeleted_sessions": 0, "undeleted_files": 0}
    assert story["health"].status_code == 200
    answer = story["health"].json()
    assert answer.items() >= told.items()
    assert set(answer) == {*told, "version", "uptime_seconds", "runs_at_work", "cameras_at_work"}
    assert story["busy"]["runs_at_work"] == 1
    start = story["lines"][0]
    assert (start["event"], start["limits"]["runs_at_once"], start["limits"]["stop_seconds"]) == ("start", 2, 300)
    assert 0 < story["rests"] < 500  # Gradio's own way: a thousand for its queue alone


def test_its_code_says_whether_it_is_ready() -> None:
    host = Host.of(gr.Blocks())
    for said, change in (
        ("starting", lambda: None),
        ("ok", lambda: setattr(host.runs, "ready", True)),
        ("stopping", host.runs.stop),
    ):
        change()
        answer = serve.health(host, Request({"type": "http"}))
        assert (json.loads(answer.body)["status"], answer.status_code) == (said, 200 if said == "ok" else 503)


def test_visitors_side_by_side_get_the_numbers_of_a_lone_run(story: dict[str, Any]) -> None:
    page, program = story["alone"]
    *two, renamed, wrong = story["visits"]
    assert [one.error for one in (page, program, *two, renamed)] == [""] * 5
    assert [one.result for one in two] == [page.result, program.result]
    assert "unicorn" in wrong.error
    assert any(one.place for one in story["visits"])  # more than allowed at once are told their place


def test_every_run_is_written_down_from_its_beginning_to_its_end(story: dict[str, Any]) -> None:
    lines = story["lines"]
    begun = {line["run"]: line for line in lines if line["event"] == "run-started"}
    ended = {line["run"]: line for line in lines if line["event"].startswith("run-") and line["run"] in begun}
    assert len(begun) == len(ended) == 9
    kinds = Counter(line["event"] for line in ended.values())
    assert kinds == {"run-finished": 7, "run-refused": 1, "run-stopped": 1}
    finished = [line for line in ended.values() if line["event"] == "run-finished"]
    assert sorted({line["batches"] for line in finished}) == [2, 3]  # the documented loop runs three
    assert all(line["seconds"] > 0 for line in finished)
    assert not [line for line in lines if line["level"] == "error"]
    assert SECRET not in story["text"]  # nothing of a visitor
    assert "unicorn" not in story["text"]
    assert "127.0.0.1" not in story["text"].replace(story["lines"][0]["address"].rstrip("/"), "")


def test_told_to_stop_it_ends_the_step_and_then_itself(story: dict[str, Any]) -> None:
    assert story["status"] == 0
    assert "being restarted" in story["cut"].error
    assert "nothing of it is kept. The same settings and seed give the same numbers" in story["cut"].error
    assert [line["event"] for line in story["lines"][-3:]] == ["stopping", "run-stopped", "stopped"]
    assert story["lines"][-2]["batches"] < 200
    assert len(story["cut"].batches) == story["lines"][-2]["batches"]
    assert all(later >= earlier for earlier, later in pairwise(story["cut"].batches))


def test_told_to_stop_before_it_is_ready_it_waits_for_nothing() -> None:
    with serve_process() as (_, process, log):
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        log.seek(0)
        events = [json.loads(line)["event"] for line in log.read().decode().splitlines() if line.startswith("{")]
    assert events[0] == "start"
    assert events[-2:] == ["stopping", "stopped"]  # it was ready before, or never


def test_a_port_that_is_not_to_be_had_ends_the_program_with_a_sentence() -> None:
    start = 'import runpy, sys\nsys.path.insert(0, ".")\nrunpy.run_path("app.py", run_name="__main__")'
    with socket.create_server(("0.0.0.0", 0)) as taken:
        for port in (str(taken.getsockname()[1]), "many"):
            status, words = run_code(start, GRADIO_SERVER_PORT=port)
            assert status == 1
            assert "Traceback" not in words
            last = words.splitlines()[-1]
            assert last.startswith((f"error: Port {port} is in use", f"error: GRADIO_SERVER_PORT is '{port}'"))
