"""What the README and the pages in docs/ show works as it stands, and what they claim is what was measured."""

import json
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
from claims import RECORD, comparing_sentences, words_of
from hub_stand_in import Repository, serve_hub
from hub_tables import table
from paths import ROOT
from result_tables import kept, statistics_sentence, strangers_table, streams_table, tent_sentence
from warm import run_code

from cliptta_demo.page.words.glossary import GLOSSARY
from cliptta_demo.research.ranking import readme
from cliptta_demo.research.studies import COMBINATIONS, DOCUMENTS, TABLES
from cliptta_demo.research.text import collapse_sentence

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
        settings = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path_factory.mktemp("home")), "HF_HUB_OFFLINE": "0"}
        status, text = run_code("\n".join(code), **settings)
    assert status == 0, text[-3000:]
    notebook, _, page = text.partition("=====\n")
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


@pytest.mark.parametrize("folder", [".", "docs"])
def test_the_notebook_finds_the_project_from_where_jupyter_starts_it(folder: str) -> None:
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", NOTEBOOK[0]]
    ran = subprocess.run(command, cwd=ROOT / folder, env=settings, capture_output=True, text=True)
    assert ran.stdout == "car cat dog horse house tree\n", ran.stderr[-2000:]


def test_every_block_of_the_api_page_runs(printed: tuple[str, str]) -> None:
    assert len(BLOCKS) == PAGE.count("```python") >= 10
    assert "severity is 9; it must be a whole number from 1 to 5." in printed[1]
    assert "batch 2 after a pause" in printed[1]
    assert "90 ('cat', 'dog', 'ship') ('a photo of a {}.',)" in printed[1]
    assert re.search(r"uoft-cs/cifar10: [1-9]", printed[1])


FOLDERS = ROOT / "docs" / "tables"
TEXTS = {
    "README": (ROOT / "README.md").read_text(encoding="utf-8"),
    "What was measured": (ROOT / "docs" / "measured.md").read_text(encoding="utf-8"),
    "Model card": (ROOT / "cliptta_demo" / "weights" / "tiny" / "MODEL_CARD.md").read_text(encoding="utf-8"),
}
# Sentences that name a method beside a word of comparison and claim nothing that a run of the tiny model could show
# (the reason beside each).
NOT_CLAIMED = {
    "TENT and CLIPTTA work on the very same batches": "what the page does",
    "TENT makes each prediction more certain": "its loss, by definition",
    "To corrupt a batch took at most": "time, measured once",
    "How one CLIPTTA batch of the tower before grew, in seconds": "time, measured once",
    "Every sentence above that compares methods has a margin": "what test_claims holds",
}


@pytest.mark.parametrize("name", TABLES)
def test_every_kept_table_is_the_records_and_says_where_tent_collapses(name: str) -> None:
    kept = pd.read_csv(FOLDERS / name / "table.csv", keep_default_na=False)
    kept = kept[~kept.seed.isin(["mean", "standard error"])].astype({"seed": int, "accuracy": float})
    kept["collapsed"] = kept.collapsed == "True"
    recorded = RECORD.runs[name][COMBINATIONS[0].name]
    streams = (
        kept.set_index(["corruption", "seed", "method"])[["accuracy", "collapsed"]].unstack("method").astype(float)
    )
    assert {*streams.index} == {*recorded.index}
    for measure, column in streams:
        assert streams[measure, column].to_dict() == pytest.approx(recorded[column, measure].to_dict(), abs=1e-5)
    sentence = collapse_sentence(kept)
    assert bool(sentence) == any(kept.corruption != "none")
    assert sentence in (FOLDERS / name / "table.md").read_text(encoding="utf-8")


def test_every_folder_of_tables_is_known_with_its_command() -> None:
    assert {path.name for path in FOLDERS.iterdir() if path.is_dir()} == set(TABLES)
    text = (FOLDERS / "README.md").read_text(encoding="utf-8")
    commands = {" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines()}
    for study in TABLES.values():
        assert f"python -m cliptta_demo table {study.words} --out docs/tables/{study.name}" in commands


def test_the_tables_of_results_are_the_records() -> None:
    assert streams_table(RECORD) in TEXTS["README"]
    opening, table, sentences = readme(kept()).split("\n\n")
    assert table in TEXTS["README"]
    assert words_of(opening) in words_of(TEXTS["README"])
    assert words_of(sentences) in words_of(TEXTS["README"])
    assert statistics_sentence() in words_of(TEXTS["Model card"])
    for document in ("README", "What was measured"):
        assert tent_sentence(RECORD) in words_of(TEXTS[document])
    assert strangers_table(RECORD) in TEXTS["What was measured"]


def test_what_zero_shot_has_learnt_from_is_said_beside_the_ranking_and_behind_the_word() -> None:
    behind = next(term.meaning for term in GLOSSARY if term.forms[0] == "zero-shot")
    ranking = (ROOT / "docs" / "gallery" / "ranking.md").read_text(encoding="utf-8")
    for text in (TEXTS["README"], ranking, behind):
        for known in ("has learnt from CIFAR-10's training photos", "Tiny ImageNet's", "picture"):
            assert known in " ".join(text.split())


@pytest.mark.parametrize("document", TEXTS)
def test_every_sentence_that_compares_methods_is_a_claim_with_its_number(document: str) -> None:
    words = words_of(TEXTS[document])
    ranked = words_of(readme(kept()))
    apart = (ranked, statistics_sentence(), tent_sentence(RECORD))
    for measured_apart in apart:
        words = words.replace(measured_apart, "")
    claimed = [
        claim.sentence.replace("{}", RECORD.read(study, claim).words)
        for study, claims in DOCUMENTS[document].items()
        for claim in claims
    ]
    assert [sentence for sentence in claimed if sentence not in words] == []
    unclaimed = [s for s in comparing_sentences(words) if not any(claim in s for claim in claimed)]
    assert [sentence for sentence in unclaimed if not any(known in sentence for known in NOT_CLAIMED)] == []


def test_what_is_excepted_from_the_claims_is_still_there() -> None:
    texts = [*map(words_of, TEXTS.values())]
    assert [known for known in NOT_CLAIMED if not any(known in text for text in texts)] == []


def test_files_that_a_page_names_are_there() -> None:
    others = (ROOT / "cliptta_demo" / "weights" / "tiny" / "MODEL_CARD.md", ROOT / "training" / "README.md")
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *others):
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert name.startswith("http") or (page.parent / name).exists(), (page, name)
        for name in re.findall(r"`(?:python )?((?:tests|cliptta_demo|tools|training)/[\w/]+\.py)`", text):
            assert (ROOT / name).exists(), (page, name)
        for name in re.findall(r"python -m ((?:tools|training)\.\w+)", text):
            assert (ROOT / f"{name.replace('.', '/')}.py").exists(), (page, name)
