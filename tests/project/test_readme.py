"""What the README and the pages in docs/ show works as it stands there."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from paths import ROOT

PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "cliptta_demo" / "weights" / "tiny" / "MODEL_CARD.md",
    ROOT / "training" / "README.md",
]


@pytest.mark.browser
def test_the_example_for_programs_streams_numbers(server: str) -> None:
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from gradio_client.*?)```", page, re.S)
    code = code.replace("http://localhost:7860", server)
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "the example", "exec"), {})
    lines = [line for line in printed.getvalue().splitlines() if re.match(r"\d \{", line)]
    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert "'cliptta': 0." in lines[-1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert name.startswith("http") or (page.parent / name).exists(), name
    for name in re.findall(r"`(?:python )?((?:tests|cliptta_demo|tools|training)/[\w/]+\.py)`", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"python -m ((?:tools|training)\.\w+)", text):
        assert (ROOT / f"{name.replace('.', '/')}.py").exists(), name
