"""The command line is a promise: its words, and what --json holds."""

import io
import json
import math
import re
import shlex
from pathlib import Path

import pytest
from helpers import labelled_source, small_backbone
from PIL import Image
from tqdm import tqdm

from cliptta_demo import VERSION
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.cli import main
from cliptta_demo.research.gallery_tables import TABLES
from cliptta_demo.run_command import work

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
    "run --backbone ViT-B-16/opnai": "neither a checkpoint file nor a tag",
    "run --backbone ViT-B-16": "neither a checkpoint file nor a tag",
    "run --backbone local-dir:no_such": "no such folder",
    "run --optoin 3": "unrecognized arguments: --optoin 3",
    "run --set tnet.steps=3": "set is 'tnet'",
    "run --classes cat": "One class leaves nothing to choose between",
    "run --classes cat,Cat": "twice",
    "run --classes ,": "at least two class names",
    "run --severity 9": "severity is 9; it must be a whole number from 1 to 5",
    "run --templates none": "{}",
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
    "bench --steps 0": "steps is 0; it must be a whole number from 1 to 1024",
    "choose --out x --methods zero-shot": "methods is 'zero-shot'",
    "claims --out /dev/null/x": "can't be written",
    "claims --lessons colapse": "lessons has 'colapse'; it must be out of: opening, collapse",
    "claims --seeds 0": "seeds is 0: one seed shows no spread",
    "claims --seeds 0,no": "seeds is '0,no'; it must be whole numbers",
    "claims --seeds 0,1 --record x": "--record keeps everything",
}
PROMISED = {
    "accuracy", "histogram", "histogram_entropy", "collapse_entropy", "deterioration", "improvement", "auroc", "fpr95",
    "seconds_per_batch", "series",
}  # fmt: skip


def run(*words: str, path: Path) -> dict:
    main(["run", *words, "--json", str(path), "--quiet"])
    return json.loads(path.read_text())


def test_the_documented_command_with_all_methods(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "--backbone tiny --dataset pictures --corruption fog --severity 5 --methods zero-shot,tent,cliptta,cliptta-oce "
        "--batches 2 --batch-size 16 --seed 0"
    )
    result = run(*words.split(), path=tmp_path / "r.json")
    assert list(result["methods"]) == ["zero-shot", "tent", "cliptta", "cliptta-oce"]
    for method in result["methods"].values():
        assert set(method) >= PROMISED
        assert sum(method["histogram"]) == 32
        assert method["auroc"] is None
        assert method["fpr95"] is None
        assert len(method["series"]["accuracy"]) == 2
        assert 0 <= method["collapse_entropy"] <= math.log(12) + 1e-6
        assert method["seconds_per_batch"] > 0
    assert result["settings"]["stream"]["corruption"] == "fog"
    assert result["settings"]["backbone"] == "tiny"
    printed = capsys.readouterr().out
    assert "cliptta-oce" in printed
    assert "AUROC" not in printed


def test_the_same_seed_gives_the_same_file_and_another_does_not(tmp_path: Path) -> None:
    def numbers(seed: str) -> dict:
        result = run("--batches", "1", "--batch-size", "8", "--steps", "2", "--seed", seed, path=tmp_path / "r.json")
        return {
            name: (method["histogram"], method["collapse_entropy"], method["threshold"])
            for name, method in result["methods"].items()
        }

    assert numbers("3") == numbers("3")
    assert numbers("3") != numbers("4")


def test_strangers_bring_auroc_and_fpr95_and_class_names_are_the_persons_choice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--ood flags --ood-share 0.5 --methods zero-shot,cliptta-oce --batches 1 --batch-size 32 --steps 2"
    result = run("--classes", "dog, car, tree", *words.split(), path=tmp_path / "r.json")
    assert result["settings"]["class_names"] == ["dog", "car", "tree"]
    for method in result["methods"].values():
        assert 0 <= method["auroc"] <= 1
        assert 0 <= method["fpr95"] <= 1
        assert (len(method["histogram"]), sum(method["histogram"])) == (3, 16)
    assert "AUROC" in capsys.readouterr().out


def test_mistakes_end_with_one_sentence_before_any_work(capsys: pytest.CaptureFixture[str]) -> None:
    for line, says in WRONG.items():
        with pytest.raises(SystemExit) as caught:
            main(shlex.split(line))
        told = capsys.readouterr().err.strip().splitlines()
        assert caught.value.code == 2, line
        assert says in told[-1]
        assert len(told) == 1 or "usage:" in told[0]


def test_a_file_that_was_there_is_not_touched_by_the_look(tmp_path: Path) -> None:
    kept = tmp_path / "r.json"
    kept.write_text("kept")
    with pytest.raises(SystemExit):
        main(["run", "--json", str(kept), "--csv", str(tmp_path / "new" / "r.csv"), "--set", "tnet.x=1"])
    assert kept.read_text() == "kept"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["r.json"]


@pytest.mark.parametrize("device", ["abacus", "cuda:63"])
def test_a_device_that_there_is_not(device: str) -> None:
    says = rf"^device is '{device}', which can't be used here \(.*\)\. Leave it out: \w+ is"
    with pytest.raises(UserError, match=says):
        load_backbone("tiny", device)


def test_templates_and_a_csv_of_every_image(tmp_path: Path) -> None:
    words = ["--batches", "1", "--batch-size", "8", "--steps", "1", "--csv", str(tmp_path / "images.csv")]
    plain = run(*words, path=tmp_path / "r.json")
    rows = (tmp_path / "images.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rows[0].startswith(
        "image,file,batch,corruption,severity,truth,zero-shot prediction,zero-shot confidence,tent"
    )
    assert len(rows) == 9
    other = run(*words, "--templates", "{}", "an emoji of a {}", path=tmp_path / "r.json")
    assert (plain["settings"]["templates"], other["settings"]["templates"]) == (None, ["{}", "an emoji of a {}"])
    entropy = [result["methods"]["zero-shot"]["collapse_entropy"] for result in (plain, other)]
    assert entropy[0] != entropy[1]


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("--help", "--version"):
        with pytest.raises(SystemExit) as caught:
            main([word])
        assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert "serves the page" in printed
    assert all(re.search(rf"^    {command} +\w", printed, re.M) for command in ("run", "bench", "table"))
    assert printed.splitlines()[-1] == f"cliptta-demo {VERSION}"


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("run", ("cliptta-demo run --corruption fog", "random:", "local-dir:", "parquet:", "adapted:")),
        ("gallery", tuple(TABLES)),
    ],
)
def test_a_commands_help_names_what_it_takes(
    command: str, named: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    printed = "".join(capsys.readouterr().out.split())  # wherever a line was broken
    assert [word for word in named if word.replace(" ", "") not in printed] == []


def test_a_run_says_how_long_it_takes_and_where_images_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(6):
        path = tmp_path / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (40 * number, 0, 0)).save(path)
    words = f"run --dataset folder:{tmp_path} --batches 5 --batch-size 4 --methods tent --steps 1".split()
    main(words)
    told = capsys.readouterr().err
    assert re.match(r"Takes about \d+ s on this machine\.\n", told)
    assert "There are images for 2 of the 5 batches that were asked for." in told
    assert "batch 2/2  tent" in told
    main([*words, "--quiet"])
    assert capsys.readouterr().err == ""


def test_the_bar_moves_within_a_batch() -> None:
    stream = StreamSettings(batch_size=4, batches=2)
    settings = RunSettings(methods=("tent",), stream=stream, adaptation=AdaptationSettings(steps=3))
    drawn = io.StringIO()
    with tqdm(total=2, file=drawn, miniters=0, mininterval=0) as bar:
        reached = [bar.n for _ in work(Experiment(settings, small_backbone(), labelled_source()), bar)]
    assert reached == [1, 2]
    assert {0.25, 0.5, 0.75, 1.25} <= set(map(float, re.findall(r"([\d.]+)/2 ", drawn.getvalue())))
