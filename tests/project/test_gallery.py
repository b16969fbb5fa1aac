"""All methods on all corruptions and schedules: the command, and the order that it makes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from paths import ROOT

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.methods.measured import Measured, measured
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.cli import main
from cliptta_demo.page.layout.picker import build_picker
from cliptta_demo.research import gallery
from cliptta_demo.research.kept import Kept, read_csv, to_csv
from cliptta_demo.research.ranking import Outcome, outcome_of, standings
from cliptta_demo.research.ranking_page import (
    cost,
    duel_words,
    duels,
    first_screen,
    first_table,
    gain_words,
    machines,
    of_all,
    ranking_page,
    where,
    winners,
)
from cliptta_demo.research.ranking_picture import ranking_picture
from cliptta_demo.research.runs import Row, machine
from cliptta_demo.research.student import interval_words, is_told

GALLERY = ROOT / "docs" / "gallery"


def rows(method: str, gains: list[tuple[float, float]]) -> list[Outcome]:
    """For each seed the gains under fog and under snow, over 0.5; five images in half a second."""

    def summary(value: float) -> dict[str, Any]:
        about = {"accuracy": value, "calibration_error": 0.1, "seconds_per_batch": 0.5, "kept_bytes": 0}
        return about | {"collapsed": value < 0.2, "histogram": [3, 2], "series": {"seconds": [0.5]}}

    return [
        outcome_of(Row(corruption, seed, 1.0, {"zero-shot": summary(0.5), method: summary(0.5 + gain)}, "here"), method)
        for seed, pair in enumerate(gains)
        for corruption, gain in zip(("fog", "snow"), pair, strict=True)
    ]


FIRST = {
    "cliptta": rows("cliptta", [(0.1, 0.2), (0.1, 0.22)]),
    "tent": rows("tent", [(-0.4, -0.1), (-0.4, -0.12)]),
    "tent-reg": rows("tent-reg", [(0.1, 0.2), (0.1, 0.18)]),
}


def test_methods_stand_in_the_order_of_their_gains_and_are_told_apart_by_students_t() -> None:
    ranked = standings({"one": FIRST, "two": {"cliptta": FIRST["cliptta"]}})
    assert [standing.method for standing in ranked] == ["cliptta", "tent-reg", "tent"]
    assert ranked[0].by_seed == pytest.approx({0: 0.15, 1: 0.16})
    assert ranked[2].worst == (pytest.approx(-0.4), "one, fog")
    assert (ranked[2].collapsed, ranked[2].streams) == (2, 4)
    assert ranked[0].seconds == pytest.approx(0.1)  # five images in half a second
    first, level, told_apart, last = winners(ranked).split(". ")
    assert first == "CLIPTTA gains most, +15.5 ± 0.5 points"
    assert level == (  # a hundredth and nothing: one degree of freedom
        "On the same streams it is ahead of TENT + regulariser by 1.0 points (95 %: -11.7 to 13.7), on 25 % of the 4, "
        "at 1.0 times its time"
    )
    assert told_apart == "TENT + regulariser can't be told from it"
    assert last == "TENT (-25.5 ± 0.5) ends below zero-shot."
    assert ranked[0].beyond(ranked[2]) == pytest.approx([0.4, 0.42])
    assert [standing.method for standing in of_all(ranked)] == ["cliptta"]


def test_cliptta_is_set_beside_tent_with_its_regulariser_wherever_they_stand() -> None:
    best = rows("eata", [(0.3, 0.3), (0.3, 0.3)])
    words = first_screen({"corruptions": {"one": FIRST | {"eata": best}}})
    assert "EATA is ahead of CLIPTTA by 14.5 points" in words
    assert "CLIPTTA is ahead of TENT + regulariser by 1.0 points" in words
    page = ranking_page({"corruptions": {"one": FIRST | {"eata": best}}})
    assert page.count("ahead of TENT + regulariser by") == page.count("ahead of CLIPTTA by") == 1


def three(*gains: float) -> list[Outcome]:
    return [replace(one, machine="there") for one in rows("tent-reg", [(gain, gain) for gain in gains])]


def test_two_standard_errors_of_three_seeds_tell_nothing() -> None:
    ahead = rows("cliptta", [(0.2, 0.2), (0.2, 0.2), (0.2, 0.2)])
    for gains, told in (((0.199, 0.198, 0.197), False), ((0.19, 0.19, 0.189), True)):  # 3.5 and 29 standard errors
        words = winners(standings({"one": {"cliptta": ahead, "tent-reg": three(*gains)}}))
        assert ("can't be told" not in words) == told
        assert "times its time" not in words  # on another machine
    assert "by 1.0 points (95 %: 0.9 to 1.2), on 100 % of the 6" in words


def test_what_saw_fewer_images_is_marked_and_not_compared() -> None:
    few = [replace(one, images=1) for one in rows("watt-p", [(0.4, 0.4), (0.4, 0.4)])]
    ranked = standings({"one": FIRST | {"watt-p": few}})
    assert winners(ranked).startswith("CLIPTTA gains most, +15.5")
    assert " WATT-P* (+40.0 ± 0.0) saw fewer images: not compared. " in winners(ranked)
    assert "WATT-P" not in where(ranked) + cost(ranked) + duel_words(*duels(ranked))
    page = ranking_page({"corruptions": {"one": FIRST | {"watt-p": few}}})
    assert page.count("| WATT-P* |") == 2
    assert "| CLIPTTA |" in page
    texts = [text.text for text in ElementTree.fromstring(ranking_picture(ranked, "")).findall(".//{*}text")]
    assert {"WATT-P*", "CLIPTTA", "* saw 1 images of a stream, not 5"} <= set(texts)


def test_what_the_streams_ran_on_is_told_and_recorded() -> None:
    here, there = {"cliptta": FIRST["cliptta"]}, {"tent": FIRST["tent"], "tent-reg": three(0.1)}
    assert machines({"a": {"one": here}}) == "Measured on: here."
    assert machines({"a": {"one": here}, "b": {"two": there}}) == (
        "Measured on: here; there: TENT + regulariser. Times on different machines don't compare."
    )


def test_who_is_ahead_where_and_what_it_costs_is_said_as_the_numbers_allow() -> None:
    nobody = "On no table can another method be told to be ahead of CLIPTTA."
    assert where(standings({"one": FIRST})) == nobody
    slower = [replace(one, seconds=0.2, calibration=0.3, calibration_before=0.1) for one in FIRST["cliptta"]]
    second = {
        "cliptta": slower,
        "tent": rows("tent", [(0.3, 0.3), (0.3, 0.32)]),
        "tent-reg": rows("tent-reg", [(0.1, 0.2), (0.1, 0.22)]),
    }
    ranked = standings({"one": FIRST, "two": second})
    assert where(ranked) == "Ahead of CLIPTTA: TENT on two by 15.0 points (95 %: 15.0 to 15.0)."
    assert cost(ranked) == (
        "CLIPTTA takes 150.0 ms an image. Of those that bring at least half as much TENT + regulariser is the "
        "cheapest: +15.0 ± 0.0 at 100.0 ms. The expected calibration error of CLIPTTA is 20.0 %, zero-shot's 10.0 %; "
        "1 of 3 methods end with a larger one than zero-shot's."
    )
    picture = ElementTree.fromstring(ranking_picture(ranked, "all & sundry"))
    assert len(picture.findall(".//{*}circle")) == 2 * (1 + 3)  # of the legend, of the methods
    assert "+15.5 ± 0.5" in [text.text for text in picture.findall(".//{*}text")]


def test_gains_are_told_apart_by_how_much_zero_shot_reads() -> None:
    def parted(method: str, gains: tuple[float, float]) -> list[Outcome]:
        before = {"fog": 0.3, "snow": 0.9}
        found = rows(method, [gains, gains])
        return [
            replace(one, before=before[one.corruption], accuracy=before[one.corruption] + one.gain) for one in found
        ]

    ranked = standings({"one": {"cliptta": parted("cliptta", (0.3, -0.1)), "tent": parted("tent", (-0.2, 0.05))}})
    assert where(ranked).startswith(
        "Where zero-shot reads less than 50 % CLIPTTA gains +30.0 ± 0.0, where it reads 80 % or more -10.0 ± 0.0 "
        "(there TENT gains 15.0 points (95 %: 15.0 to 15.0) more). On no table"
    )


def test_only_what_has_run_on_every_table_is_ranked() -> None:
    page = ranking_page({"corruptions": {"one": FIRST, "two": {"tent": FIRST["tent"]}}})
    assert "TENT gains most" in page
    assert page.count("| CLIPTTA |") == 1  # its gains on the one
    two = {"cliptta": FIRST["cliptta"], "tent-reg": FIRST["tent-reg"]}
    first = first_screen({"corruptions": {"one": FIRST}, "photographs": {"two": two}})
    assert first.startswith(
        "On the same streams CLIPTTA is ahead of TENT + regulariser by 1.0 points (95 %: -11.7 to 13.7)"
    )
    assert "held out for the choice of rates: CLIPTTA +" in first
    assert first.endswith(
        " With Tiny ImageNet's 200 classes CLIPTTA is ahead by 1.0 points (95 %: -11.7 to 13.7). Measured on: here."
    )
    assert [line.split(" |")[0] for line in first_table({"corruptions": {"one": FIRST}}).splitlines()[2:]] == [
        "| CLIPTTA",
        "| TENT + regulariser",
        "| TENT",
    ]


def test_the_command_runs_what_is_missing_and_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, corruptions in (("pictures-3", ("fog", "contrast")), ("pictures-in-runs", ("continual",))):
        table = gallery.TABLES[name]
        short = replace(table.stream, batches=1, batch_size=4)
        monkeypatch.setitem(gallery.TABLES, name, replace(table, stream=short, corruptions=corruptions))
    monkeypatch.setattr(gallery, "SEEDS", (0, 1))
    monkeypatch.setattr(gallery, "MEASURED_FILE", tmp_path / "measured.json")
    record = tmp_path / "kept"

    def command(out: str, methods: str, tables: str = "pictures-3,pictures-in-runs", record: Path = record) -> str:
        words = f"gallery --out {tmp_path / out} --tables {tables} --methods {methods}"
        main([*words.split(), "--record", str(record)])
        said = capsys.readouterr()
        assert tables == "pictures-in-runs" or "| method | gain | where zero-shot" in said.out  # the README's
        return said.err

    assert "pictures-3, rlcf: 4/4" in command("first", "tda,rlcf")
    page = (record / "ranking.md").read_text()
    assert page.count("| RLCF |") == 2  # its rank and its gains; no schedule matters to a method for single images
    assert page.count("| TDA |") == 4
    kept = read_csv(record / "streams.csv")
    found = [(table, method, len(one.outcomes)) for table, of in kept.items() for method, one in of.items()]
    assert found == [("pictures-3", "tda", 4), ("pictures-3", "rlcf", 4), ("pictures-in-runs", "tda", 2)]
    ran_on = {(one.images, one.machine) for one in kept["pictures-3"]["tda"].outcomes}
    assert ran_on == {(4, machine(load_backbone(TINY)))}
    assert f"Measured on: {ran_on.pop()[1]}." in page
    ran = command("elsewhere", "tda,lame")  # what is kept is not run again, and stays
    assert "lame: 4/4" in ran
    assert "tda" not in ran
    assert json.loads((tmp_path / "measured.json").read_text())["methods"].keys() == {"tda", "lame", "rlcf"}
    after = read_csv(record / "streams.csv")
    assert list(after["pictures-3"]) == ["tda", "lame", "rlcf"]
    assert after["pictures-3"]["rlcf"] == kept["pictures-3"]["rlcf"]
    monkeypatch.setattr(gallery, "weights_digest", lambda: "others")
    assert "pictures-3, tda: 4/4" in command("third", "tda")
    assert read_csv(record / "streams.csv")["pictures-3"]["tda"].digest != kept["pictures-3"]["tda"].digest
    assert (record / "ranking.svg").exists()
    command("first", "tda", tables="pictures-in-runs", record=tmp_path / "schedules")
    assert not (tmp_path / "schedules" / "ranking.svg").exists()  # it draws the fifteen corruptions


def test_outcomes_survive_their_file(tmp_path: Path) -> None:
    tables = {"pictures-3": {"tent": Kept("abc", rows("tent", [(0.1, -0.4)]))}}
    (tmp_path / "streams.csv").write_text(to_csv(tables))
    assert read_csv(tmp_path / "streams.csv") == tables
    assert read_csv(tmp_path / "none.csv") == {}


def test_every_table_can_be_run_and_holds_to_the_fifteen() -> None:
    assert len(gallery.TABLES) == 16
    for table in gallery.TABLES.values():
        settings = gallery.settings_of_run(table, "tent")
        assert len(settings.jobs()) == (3 if table.group == "schedules" else 45)
        assert "speckle_noise" not in settings.corruptions
    batches = {
        name: gallery.settings_of_run(gallery.TABLES["pictures-3"], name).stream.batches
        for name in ("tent", "tpt", "watt-s")
    }
    assert batches["tpt"] == batches["watt-s"] < batches["tent"]
    photographs = gallery.TABLES["tiny-imagenet-3"]
    sizes = [gallery.settings_of_run(photographs, name).stream.batch_size for name in ("tent", "watt-s", "tpt", "rlcf")]
    assert sizes == [64, 64, 16, 16]


def test_what_the_gallery_kept_is_of_today() -> None:
    """Otherwise: cliptta-demo gallery --out results/gallery --record docs/gallery."""
    kept = read_csv(GALLERY / gallery.STREAMS_FILE)
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


def test_the_page_calls_only_what_its_interval_allows_a_gain_or_a_loss_and_rounds_as_the_ranking_does() -> None:
    told = [Measured(*words, 640).told for words in ((10.5, 1.6), (-3.8, 0.4), (0.6, 1.7), (-2.6, 3.0), (0.02, 0.0))]
    assert told == [1, -1, 0, 0, 0]
    picker = build_picker(["zero-shot"]).html_template
    groups = gallery.groups_of(read_csv(GALLERY / gallery.STREAMS_FILE))
    ranked = {standing.method: standing for standing in of_all(standings(groups["corruptions"]))}
    assert measured().keys() == ranked.keys()
    for name, found in measured().items():
        assert f"{found.gain:+.1f}" == gain_words(ranked[name]).split()[0]
        row = picker[picker.index(f'value="{name}"') :]
        assert f">{found.gain:+.1f}</span>".replace("-", "−") in row[: row.index("</div>")]
    assert "+0.0" not in picker[: picker.index('value="tent"')]  # the yardstick gains nothing by itself


def test_what_the_docs_say_of_two_hundred_kinds_of_photographs() -> None:
    photographs = gallery.groups_of(read_csv(GALLERY / gallery.STREAMS_FILE))["photographs"]
    of_method = {standing.method: standing for standing in standings(photographs)}
    more = of_method["cliptta"].beyond(of_method["tent-reg"])
    assert is_told(more)
    text = " ".join((ROOT / "docs" / "methods" / "captions.md").read_text(encoding="utf-8").split())
    assert f"ahead of it by {interval_words(more)}](../gallery/ranking.md)" in text
