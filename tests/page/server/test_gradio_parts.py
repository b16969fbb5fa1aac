"""Gradio's private parts: all in one file, all looked for at the start, and a sentence where one is missing."""

import ast
import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import gradio.state_holder
from paths import ROOT
from serving import free_port
from warm import run_code

from cliptta_demo.page.framework.gradio_parts import PARTS, REQUIREMENT, Page

PAGE = sorted((ROOT / "cliptta_demo" / "page").rglob("*.py"))
OTHERS = [path for path in [*PAGE, ROOT / "app.py"] if path.stem != "gradio_parts"]
NAMES = {name for names in PARTS.values() for name in names}
# Names that are ours or Python's too, or documented (gr.Request.session_hash)
OURS = {"session_hash", "lock", "fn", "inputs"}


BROKEN = """
import runpy, sys
sys.path.insert(0, ".")
from cliptta_demo.page.framework.gradio_parts import PARTS
PARTS["context"] += ("elsewhere",)
PARTS["gone"] = ("whatever",)
runpy.run_path("app.py", run_name="__main__")
"""


def test_a_server_without_a_part_ends_at_its_start() -> None:
    status, words = run_code(BROKEN, GRADIO_SERVER_NAME="127.0.0.1", GRADIO_SERVER_PORT=free_port())
    assert status == 1, words[-3000:]
    assert "Traceback" not in words
    assert "This page needs elsewhere in gradio/context.py, whatever in gradio/gone.py, and" in words
    assert f"Gradio {gr.__version__}" in words
    assert words.rstrip().endswith(f'Install a release that fits: pip install "{REQUIREMENT}".')


def test_the_sentence_names_the_release_that_the_requirements_do() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line.partition("#")[0].strip() for line in lines if line.startswith("gradio")] == [REQUIREMENT]


def test_nobody_else_reaches_into_gradio() -> None:
    for path in OTHERS:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        for node in nodes:
            if isinstance(node, ast.Attribute):
                assert node.attr not in NAMES - OURS, path
                if node.attr.startswith("_") and not node.attr.startswith("__"):
                    assert not re.search(r"\b(gr|gradio|demo|blocks|request|event)\b", ast.unparse(node.value)), path
            elif isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("gradio"), path
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names if alias.name.startswith("gradio")]
                assert modules in ([], ["gradio"]), path
            elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.name not in NAMES - OURS, path


def test_the_scripts_look_for_one_thing_of_gradios_in_one_place() -> None:
    scripts = sorted((ROOT / "assets").glob("*.js"))
    found = [path.name for path in scripts for _ in re.finditer("gradio-container", path.read_text(encoding="utf-8"))]
    assert found == ["page.js"]
    for path in scripts:
        assert not re.search(r"data-testid|\.svelte|gradio_config", path.read_text(encoding="utf-8"))


def test_an_update_by_parts_is_gradios_own_and_builds_nothing_else_anew() -> None:
    with Page(analytics_enabled=False) as demo:
        parts = [gr.HTML("a"), gr.Button("b"), gr.State("c"), gr.HTML("d"), gr.State("e")]
        gr.on(fn=lambda: None, inputs=[], outputs=parts)
    call = demo.fns[0]

    def told(kind: type[gr.Blocks], update: object, visitor: gradio.state_holder.SessionState) -> list[object]:
        with ThreadPoolExecutor(1) as pool:  # a browser's loop may be at work in this thread
            return pool.submit(asyncio.run, kind.postprocess_data(demo, call, update, visitor)).result()

    updates = [
        {parts[0]: "new"},
        {parts[1]: gr.Button("new", interactive=False), parts[2]: {"kept": 1}},
        {parts[3]: "<b>", parts[4]: None, parts[0]: ""},
    ]
    for update in updates:
        own, theirs = (gradio.state_holder.SessionState(demo) for _ in range(2))
        before = dict(own.blocks_config.blocks)
        usual = told(gr.Blocks, dict(update), theirs)
        named = [part in update or part.stateful for part in parts]
        assert told(Page, update, own) == [
            value if part else gr.skip() for part, value in zip(named, usual, strict=True)
        ]
        assert own.state_data == theirs.state_data
        unnamed = [part._id for part in parts if part not in update]
        assert all(own.blocks_config.blocks[number] is before[number] for number in unnamed)
    assert told(Page, ["v", gr.skip(), 1, "w", 2], own)[0] == "v"
