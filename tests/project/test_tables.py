"""The table command: columns, resuming, and what it writes."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, TINY_ADAPTATION, load_backbone
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.backend.variants import parse_variant, parse_variants
from cliptta_demo.cli import main
from cliptta_demo.research.report import to_html
from cliptta_demo.research.runs import Row, Table, TableSettings, cells_here, frame_of, run_stream
from cliptta_demo.research.text import collapse_sentence, numbers_of, to_csv, to_markdown

STREAM = StreamSettings(batches=2, batch_size=8, severity=3)


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    return load_backbone(TINY, "cpu")


def settings_of(**changes: object) -> TableSettings:
    settings = TableSettings("pictures", parse_variants("zero-shot,tent@steps=1"), ("none", "fog"), (0, 1), STREAM)
    return replace(settings, **changes)


def run_all(settings: TableSettings, tiny: Backbone, directory: Path, limit: int | None = None) -> Table:
    table = Table(settings, tiny.info.adaptation, directory)
    for count, _ in enumerate(table.run(cells_here(settings, tiny)), start=1):
        if count == limit:
            break
    return table


def numbers(rows: list[Row]) -> dict:
    """Everything but the times."""
    return {
        (row.corruption, row.seed, name): own | {"seconds_per_batch": 0, "series": own["series"] | {"seconds": 0}}
        for row in rows
        for name, own in row.columns.items()
    }


def test_a_column_is_a_method_with_changed_settings_and_a_wrong_one_is_named() -> None:
    variant = parse_variant("cliptta@lr=3e-4@memory-shots=0@symmetric=true")
    assert variant.method == "cliptta"
    assert variant.changes == {"learning_rate": 3e-4, "memory_shots": 0, "symmetric": True}
    assert variant.title == "CLIPTTA, lr 3e-4, memory shots 0, symmetric true"
    assert parse_variant("tent-regularised").changes == {"tent_regulariser_weight": 1.0}
    for text, part in {
        "tend": "must be one of: zero-shot",
        "tent@speed=2": "after an @ write WORD=VALUE",
        "tent@lr": "after an @ write WORD=VALUE",
        "tent@lr=fast": "learning_rate is 'fast', it must be a number",
        "tent@steps=1.5": "it must be a whole number",
        "tent@lr=7": "learning_rate is 7.0; it must be a number from 0 to 1",
        "cliptta@symmetric=perhaps": "true or false",
        "": "methods is empty",
        "tent,tent": "names one column twice",
    }.items():
        with pytest.raises(UserError, match=re.escape(part)):
            parse_variants(text)


def test_columns_side_by_side_equal_each_alone_and_a_collapse_is_called_one(tiny: Backbone) -> None:
    source, strangers = open_source("pictures"), open_strangers("flags")
    variants = parse_variants("zero-shot,tent,tent@lr=0.05,cliptta")
    stream = replace(STREAM, batches=4, batch_size=16, severity=5, corruption="gaussian_noise", ood_share=0.5)
    together = run_stream(tiny, source, stream, variants, strangers)
    assert list(together) == ["zero-shot", "tent", "tent@lr=0.05", "cliptta"]
    for variant in variants:
        alone = run_stream(tiny, source, stream, (variant,), strangers)[variant.name]
        assert alone["series"]["collapse_entropy"] == together[variant.name]["series"]["collapse_entropy"]
        assert 0 <= alone["auroc"] <= 1  # strangers come with the rows
    assert together["tent"]["series"]["collapse_entropy"] != together["tent@lr=0.05"]["series"]["collapse_entropy"]
    assert together["tent@lr=0.05"]["collapsed"]
    assert not together["zero-shot"]["collapsed"]


def test_a_stopped_table_goes_on_and_equals_an_unbroken_one(
    tiny: Backbone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run_all(settings_of(), tiny, tmp_path / "whole").rows()
    table = run_all(settings_of(), tiny, tmp_path / "broken", limit=2)
    text = table.path.read_text()
    table.path.write_text(text[: len(text) - 40])  # killed in the middle of a line
    assert len(table.rows()) == 1
    capsys.readouterr()
    resumed = run_all(settings_of(), tiny, tmp_path / "broken").rows()
    assert [line[:3] for line in capsys.readouterr().err.splitlines()] == ["2/4", "3/4", "4/4"]
    assert [(row.corruption, row.seed) for row in resumed] == settings_of().jobs()
    assert numbers(resumed) == numbers(whole)
    # further seeds and corruptions join; anything else is another table
    assert len(run_all(settings_of(seeds=(0, 1, 2)), tiny, tmp_path / "broken").rows()) == 6
    with pytest.raises(UserError, match="stream differ"):
        run_all(settings_of(stream=replace(STREAM, severity=4)), tiny, tmp_path / "broken")


def row(corruption: str, seed: int, zero_shot: float, cliptta: float, collapsed: bool = False) -> Row:
    about = {"histogram": [3, 2, 1], "series": {"collapse_entropy": [1.0, 1.0]}, "shift_accuracy": {}}
    columns = {"zero-shot": (zero_shot, False), "cliptta": (cliptta, collapsed)}
    of = {name: about | {"accuracy": value, "collapsed": fell} for name, (value, fell) in columns.items()}
    return Row(corruption, seed, 1.0, of)


ROWS = [row("none", 0, 0.9, 0.91), row("fog", 0, 0.5, 0.7), row("fog", 1, 0.4, 0.8), row("snow", 0, 0.6, 0.5, True)]


def test_csv_and_markdown_say_the_same() -> None:
    variants = parse_variants("zero-shot,cliptta")
    described = settings_of().plain() | {"adaptation": vars(TINY_ADAPTATION), "class_names": ["a", "b", "c"]}
    frame = frame_of(ROWS)
    lines = list(csv.DictReader(io.StringIO(to_csv(frame))))
    assert len(lines) == 8 + 3 * 2 * 2  # mean and standard error of three corruptions and two columns
    fog = [line for line in lines if (line["corruption"], line["method"]) == ("fog", "zero-shot")]
    assert [(line["seed"], line["accuracy"]) for line in fog[2:]] == [("mean", "0.45"), ("standard error", "0.05")]
    assert lines[3] == lines[3] | {"corruption": "fog", "method": "cliptta", "accuracy": "0.7", "auroc": ""}
    text = to_markdown(frame, variants, described)
    assert "| none | 90.0 | 91.0 |" in text
    assert "| snow | 60.0 | 50.0* |" in text
    assert "| fog | 45.0 ± 5.0 | 75.0 ± 5.0 |" in text
    assert "| **mean of 2** | 52.5 | 62.5 |" in text  # over seeds, then corruptions; clean streams are left out
    assert "| mean gain over zero-shot | +0.0 | +10.0 |" in text  # one seed alone has every corruption
    assert "| worst of them | +0.0 | -10.0 |" in text
    assert "| collapsed | 0 of 3 | 1 of 3 |" in text
    both = frame_of([*ROWS, row("snow", 1, 0.7, 0.5)])
    text = to_markdown(both, variants, described)
    assert "| **mean of 2** | 55.0 ± 0.0 | 62.5 ± 2.5 |" in text  # 55 and 55, 60 and 65 with the two seeds
    assert "| mean gain over zero-shot | +0.0 | +7.5 ± 2.5 |" in text
    assert "paper" not in text  # it has no such data set
    for name, line in (("cifar10c:FOLDER", "| CIFAR-10-C | 60.2 | 56.4 | 80.7 |"), ("pacs", "| PACS | 96.1 |")):
        text = to_markdown(both, variants, described | {"dataset": name})
        assert line in text
        assert "ImageNet" not in text
    assert "paper" not in to_markdown(both, variants, described | {"dataset": "folder:cifar10"})
    hostile = {"class_names": ["</script><b>", "b", "c"], "dataset": "<img src=x>"}
    text = to_html(frame, variants, described | hostile)  # which the report escapes
    assert "<img src=x>" not in text
    assert "</script><b>" not in text


def test_the_command_writes_it_all_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A schedule is a row, with its shifts below."""
    out = tmp_path / "table"
    words = ["table", "--out", str(out), "--batches", "2", "--batch-size", "8", "--ood", "flags", "--order", "rotta"]
    words += ["--schedule", "continual", "--shift-batches", "1", "--methods", "zero-shot,cliptta-oce@steps=1"]
    main(words)
    first = capsys.readouterr()
    assert "1/1  continual, seed 0: zero-shot" in first.err
    written = {path.name for path in out.iterdir()}
    assert written == {"runs.jsonl", "settings.json", "table.csv", "table.md", "report.html"}
    text = (out / "table.md").read_text()
    assert text == first.out.removesuffix("\n")
    assert "AUROC / FPR95" in text
    assert "shifts continual (batches of each: 1), order rotta" in text
    assert re.search(r"\n\| shot_noise \| [\d.]+ \| [\d.]+ \|", text)
    main(words)
    again = capsys.readouterr()
    assert "1 streams are there already" in again.err
    assert again.out == first.out
    assert json.loads((out / "settings.json").read_text())["ood"] == "flags"
    with pytest.raises(SystemExit):
        main([*words, "--corruptions", "fog"])


def test_cifar_c_brings_its_own_corruptions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "CIFAR-10-C"
    data.mkdir()
    labels = np.tile(np.arange(10, dtype=np.int64), 5000)
    np.save(data / "labels.npy", labels)
    for name, value in (("fog", 200), ("snow", 90)):
        images = np.lib.format.open_memmap(data / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(50_000, 32, 32, 3))
        images[20_000:30_000] = value  # severity 3
        images.flush()
    words = ["--methods", "zero-shot", "--severity", "3", "--batches", "1", "--batch-size", "16"]
    words = ["table", "--dataset", f"cifar10c:{data}", *words, "--out"]
    main([*words, str(tmp_path / "out"), "--corruptions", "fog,snow"])
    assert "| fog |" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*words, str(tmp_path / "all")])
    assert "gaussian_noise" in capsys.readouterr().err


def test_where_tent_collapses_is_told_against_how_often_zero_shot_is_right() -> None:
    def stream(corruption: str, zero_shot: float | None, fallen: bool) -> Row:
        return Row(corruption, 0, 1.0, {"zero-shot": {"accuracy": zero_shot}, "tent": {"collapsed": fallen}})

    weak = [stream("fog", 0.4, True), stream("snow", 0.49, False)]
    strong = [stream("frost", 0.5, True), stream("contrast", 0.8, False)]
    assert collapse_sentence(numbers_of(frame_of([stream("none", 0.3, True), *weak, *strong]))) == (
        "TENT collapses on 1 of the 2 shifted streams in which zero-shot reads less than half of the images, and on "
        "1 of the 2 others."
    )
    untold = [stream("none", 0.9, False), stream("snow", None, True), ROWS[1]]
    assert collapse_sentence(numbers_of(frame_of(untold))) == ""
