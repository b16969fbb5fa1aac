"""A wrong word on the command line is refused in a sentence, and what can't be written before any work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone

WRONG = {
    "run --methods tnet": "methods is 'tnet'",
    "run --corruption rain": "corruption is 'rain'",
    "run --score best": "score is 'best'",
    "run --dataset picturs": "dataset is 'picturs'",
    "run --dataset folder:no_such_folder": "no_such_folder",
    "run --dataset parquet:no_such.parquet": "no_such.parquet",
    "run --ood martians": "ood is 'martians'",
    "run --backbone ViT-B-61/openai": "has no architecture 'ViT-B-61'",
    "run --backbone vit-b-16/openai": "Did you mean ViT-B-16?",
    "run --backbone ViT-B-16/opnai": "neither a file nor a tag",
    "run --backbone local-dir:no_such": "no such folder",
    "run --optoin 3": "unrecognized arguments: --optoin 3",
    "run --set tnet.steps=3": "set is 'tnet'",
    "run --classes cat": "One class leaves nothing to choose between",
    "run --json /dev/null/r.json": "'/dev/null/r.json' can't be written",
    "run --csv /": "can't be written",
    "run --weights /dev/null": "can't be written",
    "bench --methods tnet": "methods is 'tnet'",
    "bench --json /dev/null/r.json": "can't be written",
    "table --out x --methods zero-shot,tnet": "methods is 'tnet'",
    "table --out x --corruptions rain": "corruptions is 'rain'",
    "table --out x --backbone tyni": "has no architecture 'tyni'",
    "table --out /dev/null/x": "can't be written",
    "choose --out x --methods tnet": "methods is 'tnet'",
    "choose --out /dev/null/x": "can't be written",
    "gallery --out x --tables pictures-9": "tables is 'pictures-9'; it must be one of: pictures-3, pictures-5",
    "gallery --out /dev/null/x": "can't be written",
    "claims --out /dev/null/x": "can't be written",
    "claims --precisions float32": "leave 1 among --threads and bfloat16 among --precisions",
    "claims --threads 2": "leave 1 among --threads",
    "claims --seeds 0": "seeds is '0': one seed shows no spread",
    "claims --seeds 0,no": "seeds has 'no'",
    "claims --seeds 0,1 --record x": "--record keeps everything",
}
# Runs each of the lines it is given, and says as JSON how each ended.
REFUSED = """
import contextlib, io, json, shlex, sys
from cliptta_demo.cli import main
ends = []
for line in sys.argv[1:]:
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        try:
            main(shlex.split(line))
            code = 0
        except SystemExit as end:
            code = end.code
    ends.append([code, told.getvalue().splitlines()[-1]])
print(json.dumps(ends))
"""


def refusals(*lines: str) -> list[tuple[int, str]]:
    """Exit status and last sentence of each line in a process of their own."""
    result = subprocess.run([sys.executable, "-c", REFUSED, *lines], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_wrong_word_is_refused() -> None:
    for (line, says), (code, sentence) in zip(WRONG.items(), refusals(*WRONG), strict=True):
        assert code == 2, line
        assert says in sentence


def test_a_file_that_was_there_is_not_touched_by_the_look(tmp_path: Path) -> None:
    kept = tmp_path / "r.json"
    kept.write_text("kept")
    refusals(f"run --json {kept} --csv {tmp_path}/new/r.csv --set tnet.x=1")
    assert kept.read_text() == "kept"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["r.json"]


@pytest.mark.parametrize("device", ["abacus", "cuda:63"])
def test_a_device_that_there_is_not(device: str) -> None:
    with pytest.raises(
        UserError, match=rf"^device is '{device}', which can't be used here \(.*\)\. Leave it out: \w+ is"
    ):
        load_backbone("tiny", device)
