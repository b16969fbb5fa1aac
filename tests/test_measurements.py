"""The measuring itself: the same images for every variant, gains, and what counts as a collapse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cliptta_demo.backend.backbone import Backbone
from cliptta_demo.backend.backbones import TINY, load_backbone
from cliptta_demo.backend.catalog import open_source
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.training import measure
from cliptta_demo.training.measurements import CLIPTTA, ZERO_SHOT, Variant, run, shift_means
from cliptta_demo.training.photos import CIFAR10_CLASSES, PHOTO_CLASSES

STREAM = StreamSettings(batches=4, batch_size=16, corruption="gaussian_noise")


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    return load_backbone(TINY, "cpu")


def test_every_variant_sees_the_same_images_and_a_collapse_is_called_one(tiny: Backbone) -> None:
    wild = Variant("wild TENT", "tent", {"learning_rate": 0.05})
    still = Variant("still TENT", "tent", {"learning_rate": 0.0})
    result = run(tiny, open_source("pictures"), STREAM, (ZERO_SHOT, still, wild))
    assert result["still TENT"]["accuracy"] == result["zero-shot"]["accuracy"]
    assert result["wild TENT"]["collapsed"]
    assert not result["zero-shot"]["collapsed"]


def test_means_are_over_the_streams() -> None:
    def row(zero_shot: float, cliptta: float, collapsed: bool) -> dict:
        return {
            ZERO_SHOT.title: {"accuracy": zero_shot, "collapsed": False},
            CLIPTTA.title: {"accuracy": cliptta, "collapsed": collapsed},
        }

    means = shift_means({"fog": row(0.5, 0.7, False), "snow": row(0.6, 0.5, True)})[CLIPTTA.title]
    assert means["accuracy"] == pytest.approx(0.6)
    assert means["mean gain"] == pytest.approx(0.05)
    assert means["worst gain"] == pytest.approx(-0.1)
    assert means["collapsed"] == 0.5


def test_the_photo_mapping_names_cifars_ten_and_all_of_them() -> None:
    assert set(PHOTO_CLASSES.values()) == set(CIFAR10_CLASSES)
    assert len(PHOTO_CLASSES) == 25


def test_the_command_prints_tables_and_writes_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "measured.json"
    words = ["--only", "accuracy", "--images", "200", "--json", str(path)]
    monkeypatch.setattr("sys.argv", ["measure", *words])
    measure.main()
    assert "| pictures, trained styles (76 classes) |" in capsys.readouterr().out
    measured = json.loads(path.read_text())["accuracy"]
    assert 0.5 < measured["clean"]["pictures, trained styles (76 classes)"] <= 1
