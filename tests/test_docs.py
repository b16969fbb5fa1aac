"""The notebook and the page on the Python API run as they stand."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hub_stand_in import Repository, serve_hub
from test_hub_datasets import table

from cliptta_demo.tables.runs import Row
from cliptta_demo.tables.text import collapse_sentence

ROOT = Path(__file__).parents[1]
CELLS = json.loads((ROOT / "docs" / "adapt_a_folder.ipynb").read_text(encoding="utf-8"))["cells"]
NOTEBOOK = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
PAGE = (ROOT / "docs" / "python_api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What the notebook and the page print, run block by block in one process, with a hub on localhost."""
    code = [f"exec(compile({block!r}, 'block {number}', 'exec'))" for number, block in enumerate(NOTEBOOK + BLOCKS, 1)]
    code.insert(len(NOTEBOOK), "print('=====')")
    labels = list(range(10)) * 30
    files = {f"plain_text/{split}-00000-of-00001.parquet": table(labels, image="img") for split in ("test", "train")}
    with serve_hub({("dataset", "uoft-cs/cifar10"): Repository(files)}) as hub:
        home = str(tmp_path_factory.mktemp("home"))
        environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": home, "HF_HUB_OFFLINE": "0"}
        command = [sys.executable, "-c", "\n".join(code)]
        result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    notebook, _, page = result.stdout.partition("=====\n")
    return notebook, page


def test_the_notebook_adapts_a_folder_in_ten_lines(printed: tuple[str, str]) -> None:
    assert sum(bool(line.strip()) for line in NOTEBOOK[1].splitlines()) <= 10
    lines = printed[0].splitlines()
    assert lines[0] == "car cat dog horse house tree"
    assert [line[0] for line in lines[1:4]] == ["0", "1", "2"]
    assert lines[-1].startswith("fixed ")
    kept = "".join("".join(output["text"]) for cell in CELLS for output in cell.get("outputs", ())).splitlines()
    without_numbers = [[re.sub(r"[\d%]+", "#", line) for line in text] for text in (kept, lines)]
    assert without_numbers[0] == without_numbers[1]  # the outputs in the file are this code's


def test_every_block_of_the_api_page_runs(printed: tuple[str, str]) -> None:
    assert len(BLOCKS) == PAGE.count("```python") >= 10
    assert "severity is 9; it must be a whole number from 1 to 5." in printed[1]
    assert "batch 2 after a pause" in printed[1]
    assert "90 ('cat', 'dog', 'ship') ('a photo of a {}.',)" in printed[1]
    assert re.search(r"uoft-cs/cifar10, train-00000-of-00001.parquet: \d", printed[1])


def test_what_the_api_page_links_to_is_there() -> None:
    for name in re.findall(r"`(cliptta_demo/[\w/]+\.py)`", PAGE):
        assert (ROOT / name).exists(), name


TABLES = ROOT / "docs" / "tables"
SHORT_TABLES = ("pictures-3", "pictures-5", "cifar10-3", "cifar10-5")


def kept_rows(table_name: str) -> list[Row]:
    """The streams of a table in docs/tables, as far as its CSV keeps them."""
    streams: dict[tuple[str, int], dict] = {}
    for line in csv.DictReader((TABLES / table_name / "table.csv").open(encoding="utf-8")):
        summary = {"accuracy": float(line["accuracy"]), "collapsed": line["collapsed"] == "True"}
        streams.setdefault((line["corruption"], int(line["seed"])), {})[line["method"]] = summary
    return [Row(corruption, seed, 0.0, columns) for (corruption, seed), columns in streams.items()]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in TABLES.glob("*/table.csv")))
def test_every_kept_table_says_where_tent_collapses(name: str) -> None:
    sentence = collapse_sentence(kept_rows(name))
    assert bool(sentence) == any("tent" in row.columns and row.corruption != "none" for row in kept_rows(name))
    assert sentence in (TABLES / name / "table.md").read_text(encoding="utf-8")


def test_the_readme_counts_collapses_as_the_tables_do() -> None:
    shifted = [row for name in SHORT_TABLES for row in kept_rows(name) if row.corruption != "none"]
    weak = [row for row in shifted if row.columns["zero-shot"]["accuracy"] < 0.5]
    fallen = sum(row.columns["tent"]["collapsed"] for row in weak)
    others = sum(row.columns["tent"]["collapsed"] for row in shifted) - fallen
    words = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert fallen == len(weak)
    assert (
        f"Of the {len(shifted)} shifted streams of 1,024 images TENT collapses on all {fallen} in which zero-shot "
        f"reads less than half of the images, and on {others} of the {len(shifted) - len(weak)} others"
    ) in words
