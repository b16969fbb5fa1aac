"""All methods on all corruptions and schedules: the command, and the order that it makes."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.cli import main
from cliptta_demo.tables import gallery
from cliptta_demo.tables.ranking import standings, winners
from cliptta_demo.tables.runs import Row


def row(corruption: str, seed: int, method: str, accuracy: float, before: float) -> Row:
    def summary(value: float) -> dict[str, Any]:
        about = {"accuracy": value, "calibration_error": 0.1, "seconds_per_batch": 0.5, "kept_bytes": 0}
        return about | {"collapsed": value < 0.2, "histogram": [3, 2], "series": {"seconds": [0.5]}}

    return Row(corruption, seed, 1.0, {"zero-shot": summary(before), method: summary(accuracy)})


def rows(method: str, gains: list[tuple[float, float]]) -> list[Row]:
    """For each seed the gains under fog and under snow, over 0.5."""
    corruptions = ("fog", "snow")
    return [
        row(c, seed, method, 0.5 + g, 0.5)
        for seed, pair in enumerate(gains)
        for c, g in zip(corruptions, pair, strict=True)
    ]


def test_methods_stand_in_the_order_of_their_gains_and_are_told_apart_by_two_standard_errors() -> None:
    first = {
        "cliptta": rows("cliptta", [(0.1, 0.2), (0.1, 0.22)]),
        "tent": rows("tent", [(-0.4, -0.1), (-0.4, -0.12)]),
        "tent-reg": rows("tent-reg", [(0.1, 0.2), (0.1, 0.18)]),
    }
    ranked = standings({"one": first, "two": {"cliptta": first["cliptta"]}})
    assert [standing.method for standing in ranked] == ["cliptta", "tent-reg", "tent"]
    assert ranked[0].by_seed == pytest.approx({0: 0.15, 1: 0.16})
    assert ranked[2].worst == (pytest.approx(-0.4), "one, fog")
    assert (ranked[2].collapsed, ranked[2].streams) == (2, 4)
    assert ranked[0].seconds == pytest.approx(0.1)  # five images in half a second
    first, level, last = winners(ranked).split(". ")
    assert first == "CLIPTTA gains most, +15.5 ± 0.5 points"
    assert level == f"{METHODS['tent-reg'].label} can't be told from it (no more than two standard errors behind)"
    assert last == "TENT ends below zero-shot."
    assert ranked[2].behind(ranked[0]) == pytest.approx((0.41, 0.01))


def test_the_command_runs_what_is_missing_and_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, corruptions in (("pictures-3", ("fog", "contrast")), ("pictures-in-runs", ("continual",))):
        table = gallery.TABLES[name]
        short = replace(table.stream, batches=1, batch_size=4)
        monkeypatch.setitem(gallery.TABLES, name, replace(table, stream=short, corruptions=corruptions))
    monkeypatch.setattr(gallery, "SEEDS", (0, 1))
    monkeypatch.setattr(gallery, "FORGETFUL_BATCHES", 1)
    words = f"gallery --out {tmp_path} --tables pictures-3,pictures-in-runs --methods tda,rlcf --record {tmp_path}/kept"
    main(words.split())
    assert "pictures-3, rlcf: 4/4" in capsys.readouterr().err
    page = (tmp_path / "kept" / "ranking.md").read_text()
    assert page.count("| RLCF |") == 2  # its rank and its gains; no schedule matters to a method for single images
    assert page.count("| TDA |") == 4
    with (tmp_path / "kept" / "means.csv").open() as file:
        found = [(line["table"], line["corruption"], line["method"]) for line in csv.DictReader(file)]
    assert found[:3] == [
        ("pictures-3", "fog", "tda"),
        ("pictures-3", "contrast", "tda"),
        ("pictures-3", "fog", "rlcf"),
    ]
    assert found[-1] == ("pictures-in-runs", "continual", "tda")
    main(words.split())
    assert "4/4" not in capsys.readouterr().err  # nothing is run again


def test_every_table_can_be_run_and_holds_to_the_fifteen() -> None:
    assert len(gallery.TABLES) == 16
    for table in gallery.TABLES.values():
        settings = gallery.settings_of_run(table, "tent")
        assert len(settings.jobs()) == (45 if table.group == "corruptions" else 3)
        assert "speckle_noise" not in settings.corruptions
    batches = {name: gallery.TABLES["pictures-3"].stream_of(name).batches for name in ("tent", "tpt", "watt-s")}
    assert batches["tpt"] == batches["watt-s"] < batches["tent"]
