"""Gradio's private parts: all in one file, all looked for at the start, and a sentence where one is missing."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.queueing
import gradio.state_holder
import pytest
from paths import ROOT
from serving import free_port

from cliptta_demo.page.server import (
    gradio_part,
    gradio_parts,
)
from cliptta_demo.page.server.gradio_part import PARTS, REQUIREMENT, Part, check_gradio

PAGE = sorted((ROOT / "cliptta_demo" / "page").glob("*.py"))
OTHERS = [path for path in [*PAGE, ROOT / "app.py"] if path.stem not in ("gradio_part", "gradio_parts")]


class Without:
    """Whatever it stands for, without one attribute."""

    def __init__(self, whole: Any, name: str) -> None:
        self.whole, self.name = whole, name

    def __getattr__(self, name: str) -> Any:
        if name == self.name:
            raise AttributeError(name)
        return getattr(self.whole, name)


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


BROKEN = {  # what is taken away → how it is named
    "del gradio.queueing.Queue.compute_analytics_summary": "compute_analytics_summary",
    "del gradio.context.LocalContext": "event_id of gradio.context.LocalContext",
    "del gradio.utils.get_upload_folder": "get_upload_folder of gradio.utils",
}
# Starts app.py without each of them, in a process of its own that has imported what others made, and nothing of ours.
STARTS = """
import os, runpy, sys
import gradio, gradio.context, gradio.queueing, gradio.utils, open_clip, plotly.graph_objects, timm
for change in sys.argv[1:]:
    if child := os.fork():
        print("status", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=sys.stderr, flush=True)
        continue
    exec(change)
    runpy.run_path("app.py", run_name="__main__")
    sys.exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system copies no process")
def test_a_server_without_a_part_ends_at_its_start() -> None:
    settings = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": free_port()}
    environment = {**os.environ, **settings, "GRADIO_ANALYTICS_ENABLED": "False"}  # as app.py sets it in time
    command = [sys.executable, "-c", STARTS, *BROKEN]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "Traceback" not in ended.stderr
    *told, rest = ended.stderr.split("status 1\n")
    assert (len(told), rest) == (len(BROKEN), "")
    for words, named in zip(told, BROKEN.values(), strict=True):
        assert named in words
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
OURS = ("Event", "session_hash", "lock", "fn", "inputs", "traverse", "items", "update", "file")


def test_the_scripts_look_for_one_thing_of_gradios_in_one_place() -> None:
    scripts = sorted((ROOT / "assets").glob("*.js"))
    found = [path.name for path in scripts for _ in re.finditer("gradio-container", path.read_text(encoding="utf-8"))]
    assert found == ["page.js"]
    for path in scripts:
        assert not re.search(r"data-testid|\.svelte|gradio_config", path.read_text(encoding="utf-8"))


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
        usual = asyncio.run(gr.Blocks.postprocess_data(demo, call, dict(update), theirs))
        named = [part in update or part.stateful for part in parts]
        told = asyncio.run(demo.postprocess_data(call, update, own))
        assert told == [value if part else gr.skip() for part, value in zip(named, usual, strict=True)]
        assert own.state_data == theirs.state_data
        unnamed = [part._id for part in parts if part not in update]
        assert all(own.blocks_config.blocks[number] is before[number] for number in unnamed)
    assert asyncio.run(demo.postprocess_data(call, ["v", gr.skip(), 1, "w", 2], own))[0] == "v"
