"""The measuring of clean accuracies: the photographs' mapping and the command."""

import json
from pathlib import Path

import pytest

from training import measure
from training.photos import CIFAR10_CLASSES, NEAR_PHOTO_CLASSES, PHOTO_CLASSES


def test_the_photo_mapping_names_cifars_ten() -> None:
    assert set(PHOTO_CLASSES.values()) == set(CIFAR10_CLASSES) - {"deer"}  # none of the photographs shows a deer
    assert set(NEAR_PHOTO_CLASSES.values()) <= set(CIFAR10_CLASSES)
    assert not set(PHOTO_CLASSES) & set(NEAR_PHOTO_CLASSES)
    assert len(PHOTO_CLASSES) == 22


def test_the_command_prints_tables_and_writes_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "measured.json"
    words = ["--images", "200", "--corrupted", "8", "--json", str(path)]
    monkeypatch.setattr("sys.argv", ["measure", *words])
    measure.main()
    assert "| pictures, trained styles (76 classes) |" in capsys.readouterr().out
    measured = json.loads(path.read_text())["accuracy"]
    assert 0.5 < measured["clean"]["pictures, trained styles (76 classes)"] <= 1
