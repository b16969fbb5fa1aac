"""Gradio's private parts: all in one file, all looked for at the start, and a sentence where one is missing."""

from __future__ import annotations

import ast
import asyncio
import re
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.blocks
import gradio.queueing
import gradio.state_holder
import pytest
from fastapi import FastAPI
from paths import ROOT
from serving import free_port
from starlette.testclient import TestClient
from warm import run_code

from cliptta_demo.page.framework import gradio_part, gradio_parts
from cliptta_demo.page.framework.gradio_part import API_PREFIX, PARTS, REQUIREMENT, Part, check_gradio

PATIENCE = 60  # seconds, for what needs none
PAGE = sorted((ROOT / "cliptta_demo" / "page").rglob("*.py"))
OTHERS = [path for path in [*PAGE, ROOT / "app.py"] if path.stem not in ("gradio_part", "gradio_parts")]


class Without:
    """Whatever it stands for, without one attribute."""

    def __init__(self, whole: Any, name: str) -> None:
        self.whole, self.name = whole, name

    def __getattr__(self, name: str) -> Any:
        if name == self.name:
            raise AttributeError(name)
        return getattr(self.whole, name)


@pytest.fixture(autouse=True)
def one_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app that is looked at is made once for all of these tests: none of them changes it."""
    monkeypatch.setattr(gradio_part._blocks, "cache_clear", lambda: None)


def test_the_installed_gradio_has_all_parts() -> None:
    check_gradio()
    assert len(PARTS) > 20


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.owner}-{part.name}")
@pytest.mark.parametrize("change", ["gone", "another"])
def test_a_part_that_is_missing_or_another_is_named(part: Part, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed from what it is really looked for in; where instances carry it, from the example alone."""
    example = part.example()
    if isinstance(example, type | type(re)):
        if change == "gone":
            monkeypatch.delattr(example, part.name)
        else:
            monkeypatch.setattr(example, part.name, object)
        whole = f"{part.owner}.{part.name}"  # what may look at it
        found = [other for other in PARTS if other.owner == part.owner or other.owner.startswith(whole)]
    else:
        other = Without(example, part.name)
        if change == "another":
            setattr(other, part.name, None if getattr(example, part.name) is not None else object())
        found = [Part(part.owner, part.name, lambda: other, part.fits)]  # nothing else looks at this example
    monkeypatch.setattr(gradio_part, "PARTS", found)
    with pytest.raises(SystemExit) as ended:
        check_gradio()
    words = str(ended.value)
    any_class = change == "another" and part.name in CLASSES
    assert (part.name if any_class else f"{part.name} of {part.owner}") in words
    assert f"Gradio {gr.__version__}" in words
    assert words.endswith(f'pip install "{REQUIREMENT}".')


# Where another is a class too, what they hold is missed.
CLASSES = ("Event", "GradioMultiPartParser", "GradioUploadFile", "LocalContext")


def test_visitors_begin_with_copies_of_how_the_page_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    config = gradio.blocks.BlocksConfig
    monkeypatch.setattr(config, "config_for_block", vars(config)["config_for_block"])  # as it is, afterwards
    with gr.Blocks(analytics_enabled=False) as demo:
        number = gr.Number(1)
    visitors = demo.queue().state_holder
    before = visitors["before"].config_values
    gradio_parts.share_first_looks(demo)
    assert visitors["first"].config_values == before
    with monkeypatch.context() as patch:
        patch.setattr(gr.Number, "get_config", None)  # whoever asks fails
        second = visitors["second"]
    second._update_value_in_config(number._id, 2)
    assert visitors["third"].config_values == visitors["first"].config_values == before
    second[number._id] = gr.Number(3)
    second._update_config(number._id)
    assert second.config_values[number._id]["props"]["value"] == 3


def test_a_call_that_was_cancelled_at_its_very_end_is_taken_out_of_the_list() -> None:
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.on(fn=lambda: None, inputs=[], outputs=[])
    demo.queue()
    tidying, cancelled = threading.Event(), threading.Event()

    def tidy_up(_: object) -> None:
        tidying.set()
        cancelled.wait(PATIENCE)

    demo._queue.compute_analytics_summary = tidy_up
    call = {"session_hash": "ann", "fn_index": 0}
    with TestClient(gr.mount_gradio_app(FastAPI(), demo, "/")) as client, ThreadPoolExecutor(1) as another:
        event = client.post(f"{API_PREFIX}/queue/join", json={**call, "data": []}).json()["event_id"]
        assert tidying.wait(PATIENCE)
        cancelling = another.submit(client.post, f"{API_PREFIX}/cancel", json={**call, "event_id": event})
        time.sleep(0.2)
        cancelled.set()
        assert cancelling.result(PATIENCE).json() == {"success": True}
        assert not gradio_parts.end_events(demo, "ann")
        assert gradio_parts.calls_of(demo, "ann") == []


BROKEN = {  # what is taken away → how it is named
    "del gradio.queueing.Queue.compute_analytics_summary": "compute_analytics_summary",
    "del gradio.context.LocalContext": "event_id of gradio.context.LocalContext",
    "del gradio.utils.get_upload_folder": "get_upload_folder of gradio.utils",
}
STARTS = """
import runpy, sys
import gradio.context, gradio.queueing, gradio.utils
sys.path.insert(0, {root!r})
{change}
runpy.run_path("app.py", run_name="__main__")
"""


@pytest.mark.parametrize("change", BROKEN)
def test_a_server_without_a_part_ends_at_its_start(change: str) -> None:
    status, words = run_code(
        STARTS.format(root=str(ROOT), change=change),
        GRADIO_SERVER_NAME="127.0.0.1",
        GRADIO_SERVER_PORT=free_port(),
        GRADIO_ANALYTICS_ENABLED="False",
    )
    assert status == 1, words[-3000:]
    assert "Traceback" not in words
    assert BROKEN[change] in words
    assert words.rstrip().endswith(f'Install a release that fits: pip install "{REQUIREMENT}".')


def test_the_sentence_names_the_release_that_the_requirements_do() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line.partition("#")[0].strip() for line in lines if line.startswith("gradio")] == [REQUIREMENT]


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_nobody_else_reaches_into_gradio(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & {part.name for part in PARTS if part.name not in OURS}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = ast.unparse(node.value)
            assert not re.search(r"\b(gr|gradio|demo|blocks|request|event)\b", owner), ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("gradio")
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names if alias.name.startswith("gradio")]
            assert modules in ([], ["gradio"])
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.name not in {part.name for part in PARTS if part.name not in OURS}


# Names that are ours or Python's too, or documented (gr.Request.session_hash)
OURS = ("Event", "session_hash", "lock", "fn", "inputs", "traverse", "items", "update", "file", "queue")


def test_the_scripts_look_for_one_thing_of_gradios_in_one_place() -> None:
    scripts = sorted((ROOT / "assets").glob("*.js"))
    found = [path.name for path in scripts for _ in re.finditer("gradio-container", path.read_text(encoding="utf-8"))]
    assert found == ["page.js"]
    for path in scripts:
        assert not re.search(r"data-testid|\.svelte|gradio_config", path.read_text(encoding="utf-8"))


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """What it returns; in a thread, since a browser's loop may be at work in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_an_update_by_parts_is_gradios_own_and_builds_nothing_else_anew() -> None:
    with gradio_parts.OpenBlocks(analytics_enabled=False) as demo:
        parts = [gr.HTML("a"), gr.Button("b"), gr.State("c"), gr.HTML("d"), gr.State("e")]
        gr.on(fn=lambda: None, inputs=[], outputs=parts)
    call = demo.fns[0]
    updates = [
        {parts[0]: "new"},
        {parts[1]: gr.Button("new", interactive=False), parts[2]: {"kept": 1}},
        {parts[3]: "<b>", parts[4]: None, parts[0]: ""},
    ]
    for update in updates:
        own, theirs = (gradio.state_holder.SessionState(demo) for _ in range(2))
        before = dict(own.blocks_config.blocks)
        usual = finished(gr.Blocks.postprocess_data(demo, call, dict(update), theirs))
        named = [part in update or part.stateful for part in parts]
        told = finished(demo.postprocess_data(call, update, own))
        assert told == [value if part else gr.skip() for part, value in zip(named, usual, strict=True)]
        assert own.state_data == theirs.state_data
        unnamed = [part._id for part in parts if part not in update]
        assert all(own.blocks_config.blocks[number] is before[number] for number in unnamed)
    assert finished(demo.postprocess_data(call, ["v", gr.skip(), 1, "w", 2], own))[0] == "v"
