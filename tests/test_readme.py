"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.browser
def test_the_example_for_programs_streams_numbers(server: str) -> None:
    (code,) = re.findall(r"```python\n(from gradio_client.*?)```", README, re.S)
    code = code.replace("http://localhost:7860", server)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    lines = [line for line in result.stdout.splitlines() if re.match(r"\d \{", line)]
    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert "'cliptta': 0." in lines[-1]


def test_the_example_in_python_runs() -> None:
    (code,) = re.findall(r"((?:    .*\n|\n)+)", README[README.index("## In Python") :])[:1]
    code = "\n".join(line[4:] for line in code.splitlines())
    code = code.replace('corruption="fog"', 'corruption="fog", batches=1, batch_size=8')
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert re.match(r"0 \{'zero-shot': ", result.stdout)


def test_files_that_the_readme_names_are_there() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)", README):
        assert name.startswith("http") or (ROOT / name).exists(), name
    for name in re.findall(r"`(tests/\w+\.py)`", README):
        assert (ROOT / name).exists(), name
