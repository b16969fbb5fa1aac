"""All methods on all corruptions and schedules: the command, and the order that it makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.cli import main
from cliptta_demo.tables import gallery
from cliptta_demo.tables.kept import Kept, read_csv, to_csv
from cliptta_demo.tables.ranking import Outcome, outcome_of, standings, winners
from cliptta_demo.tables.runs import Row

GALLERY = ROOT / "docs" / "gallery"


def rows(method: str, gains: list[tuple[float, float]]) -> list[Outcome]:
    """For each seed the gains under fog and under snow, over 0.5; five images in half a second."""

    def summary(value: float) -> dict[str, Any]:
        about = {"accuracy": value, "calibration_error": 0.1, "seconds_per_batch": 0.5, "kept_bytes": 0}
        return about | {"collapsed": value < 0.2, "histogram": [3, 2], "series": {"seconds": [0.5]}}

    return [
        outcome_of(Row(corruption, seed, 1.0, {"zero-shot": summary(0.5), method: summary(0.5 + gain)}), method)
        for seed, pair in enumerate(gains)
        for corruption, gain in zip(("fog", "snow"), pair, strict=True)
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
    record = tmp_path / "kept"

    def command(out: str, methods: str) -> str:
        words = f"gallery --out {tmp_path / out} --tables pictures-3,pictures-in-runs --methods {methods}"
        main([*words.split(), "--record", str(record)])
        return capsys.readouterr().err

    assert "pictures-3, rlcf: 4/4" in command("first", "tda,rlcf")
    page = (record / "ranking.md").read_text()
    assert page.count("| RLCF |") == 2  # its rank and its gains; no schedule matters to a method for single images
    assert page.count("| TDA |") == 4
    kept = read_csv(record / "streams.csv")
    found = [(table, method, len(one.outcomes)) for table, of in kept.items() for method, one in of.items()]
    assert found == [("pictures-3", "tda", 4), ("pictures-3", "rlcf", 4), ("pictures-in-runs", "tda", 2)]
    ran = command("elsewhere", "tda,lame")  # what is kept is not run again, and stays
    assert "lame: 4/4" in ran
    assert "tda" not in ran
    after = read_csv(record / "streams.csv")
    assert list(after["pictures-3"]) == ["tda", "lame", "rlcf"]
    assert after["pictures-3"]["rlcf"] == kept["pictures-3"]["rlcf"]
    monkeypatch.setattr(gallery, "weights_digest", lambda: "others")
    assert "pictures-3, tda: 4/4" in command("third", "tda")
    assert read_csv(record / "streams.csv")["pictures-3"]["tda"].digest != kept["pictures-3"]["tda"].digest


def test_outcomes_survive_their_file(tmp_path: Path) -> None:
    tables = {"pictures-3": {"tent": Kept("abc", rows("tent", [(0.1, -0.4)]))}}
    (tmp_path / "streams.csv").write_text(to_csv(tables))
    assert read_csv(tmp_path / "streams.csv") == tables
    assert read_csv(tmp_path / "none.csv") == {}


def test_every_table_can_be_run_and_holds_to_the_fifteen() -> None:
    assert len(gallery.TABLES) == 16
    for table in gallery.TABLES.values():
        settings = gallery.settings_of_run(table, "tent")
        assert len(settings.jobs()) == (45 if table.group == "corruptions" else 3)
        assert "speckle_noise" not in settings.corruptions
    batches = {name: gallery.TABLES["pictures-3"].stream_of(name).batches for name in ("tent", "tpt", "watt-s")}
    assert batches["tpt"] == batches["watt-s"] < batches["tent"]


def test_the_page_of_the_gallery_is_of_what_was_kept_and_that_is_of_today() -> None:
    """Otherwise: cliptta-demo gallery --out results/gallery --record docs/gallery."""
    kept = read_csv(GALLERY / gallery.STREAMS_FILE)
    assert (GALLERY / "ranking.md").read_text(encoding="utf-8") == gallery.page_of(kept)
    opened = {table.dataset: open_source(table.dataset) for table in map(gallery.TABLES.get, kept) if built_in(table)}
    for name, of_methods in kept.items():
        table = gallery.TABLES[name]
        for method, streams in of_methods.items():
            assert len(streams.outcomes) == len(gallery.settings_of_run(table, method).jobs())
            if built_in(table):
                assert streams.digest == gallery.digest_of_run(table, method, opened[table.dataset].class_names), method


def built_in(table: gallery.GalleryTable) -> bool:
    """Whether its images are in the package."""
    return table.dataset == "pictures"
