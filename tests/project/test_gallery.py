"""All methods on all corruptions and schedules: the command, the order that it makes, and Student's t behind it."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from helpers import faults
from paths import ROOT

from cliptta_demo.backend.methods.recorded import Measured, measured
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.cli import main
from cliptta_demo.page.form.links import open_link
from cliptta_demo.page.layout.own_widgets import build_picker
from cliptta_demo.research import gallery, page_ranking
from cliptta_demo.research.gallery_tables import RANKED
from cliptta_demo.research.ranking import (
    apart,
    beyond,
    gains_table,
    group_of,
    lead,
    machines,
    outcomes_of,
    ranking,
    ranking_page,
    readme,
    winners,
)
from cliptta_demo.research.runs import machine
from cliptta_demo.research.text import interval_words, is_told, margin_of, read_streams, t_quantile

GALLERY = ROOT / "docs" / "gallery"
KEPT = read_streams(GALLERY / gallery.STREAMS_FILE)
ONE, TWO, PHOTOGRAPHS = "pictures-3", "pictures-5", "tiny-imagenet-3"
TITLE = gallery.TABLES[ONE].title


def rows(method: str, gains: list[tuple[float, float]], table: str = ONE, before: float = 0.5) -> pd.DataFrame:
    """For each seed the gains under fog and under snow, over 0.5; five images in half a second."""
    about = {"calibration_error": 0.1, "seconds_per_batch": 0.5, "kept_bytes": 0, "histogram": [3, 2]}
    about |= {"series": {"seconds": [0.5]}, "device": "here"}
    found = [
        about | {"corruption": corruption, "seed": seed, "method": name, "accuracy": value, "collapsed": value < 0.2}
        for seed, pair in enumerate(gains)
        for corruption, gain in zip(("fog", "snow"), pair, strict=True)
        for name, value in (("zero-shot", before), (method, before + gain))
    ]
    return pd.DataFrame(outcomes_of(pd.DataFrame(found), method)).assign(table=table, method=method, settings="")


def grouped(*parts: pd.DataFrame, group: str = "corruptions") -> pd.DataFrame:
    return group_of(pd.concat(parts, ignore_index=True), group)


FIRST = (
    rows("cliptta", [(0.1, 0.2), (0.1, 0.22)]),
    rows("tent", [(-0.4, -0.1), (-0.4, -0.12)]),
    rows("tent-reg", [(0.1, 0.2), (0.1, 0.18)]),
)


def test_methods_stand_in_the_order_of_their_gains_and_are_told_apart_by_students_t() -> None:
    streams = grouped(*FIRST)
    ranked = ranking(streams)
    assert list(ranked.index) == ["cliptta", "tent-reg", "tent"]
    assert ranked.words["cliptta"] == "+15.5 ± 0.5"
    assert ranked.worst["tent"] == f"-40.0 ({TITLE}, fog)"
    assert (ranked.collapsed["tent"], ranked.streams["tent"]) == (2, 4)
    assert ranked.seconds["cliptta"] == pytest.approx(0.1)  # five images in half a second
    first, level, told_apart, nobody, last = winners(streams, ranked).split(". ")
    assert first == "CLIPTTA gains most, +15.5 ± 0.5 points"
    assert level == (  # a hundredth and nothing: one degree of freedom
        "On the same streams it is ahead of TENT + regulariser by 1.0 points (95 %: -11.7 to 13.7), on 25 % of the 4, "
        "at 1.0 times its time"
    )
    assert told_apart == "TENT + regulariser can't be told from it"
    assert nobody == "On no table can another method be told to be ahead of CLIPTTA"
    assert last == "TENT (-25.5 ± 0.5) ends below zero-shot."
    assert beyond(streams, "cliptta", "tent").tolist() == pytest.approx([0.4, 0.42])
    assert len(apart(streams, "cliptta", "tent")) == 4
    # What has not run on every table is not ranked, and yet shown.
    both = grouped(*FIRST, rows("cliptta", [(0.1, 0.2), (0.1, 0.22)], TWO))
    assert list(ranking(both).index) == ["cliptta"]
    assert gains_table(both).method.tolist() == ["CLIPTTA", "TENT + regulariser", "TENT"]
    # Gains are told apart by how much zero-shot reads.
    lost, read = rows("cliptta", [(0.3, 0.3)] * 2, before=0.3), rows("cliptta", [(-0.1, 0.0)] * 2, TWO, before=0.9)
    (line,) = ranking(grouped(lost, read)).itertuples()
    assert (line.lost, line.read, line.words) == ("+30.0 ± 0.0", "-5.0 ± 0.0", "+12.5 ± 0.0")


def test_two_standard_errors_of_three_seeds_tell_nothing() -> None:
    ahead = rows("cliptta", [(0.2, 0.2), (0.2, 0.2), (0.2, 0.2)])
    for gains, told in (((0.199, 0.198, 0.197), False), ((0.19, 0.19, 0.189), True)):  # 3.5 and 29 standard errors
        second = rows("tent-reg", [(gain, gain) for gain in gains]).assign(machine="there")
        streams = grouped(ahead, second)
        words = winners(streams, ranking(streams))
        assert ("can't be told" not in words) == told
        assert "times its time" not in words  # on another machine
    assert "by 1.0 points (95 %: 0.9 to 1.2), on 100 % of the 6" in words
    assert machines(ahead) == "Measured on: here."
    assert machines(streams) == (
        "Measured on: here; there: TENT + regulariser. Times on different machines don't compare."
    )


def test_what_saw_fewer_images_is_marked_and_not_compared_and_where_another_is_ahead_is_said() -> None:
    few = rows("watt-p", [(0.4, 0.4), (0.4, 0.4)]).assign(images=1)
    streams = grouped(*FIRST, few)
    ranked = ranking(streams)
    words = winners(streams, ranked)
    assert words.startswith("CLIPTTA gains most, +15.5")
    assert " WATT-P* (+40.0 ± 0.0) saw fewer images: not compared. " in words
    assert words.count("WATT-P") == 1
    page = ranking_page(pd.concat([*FIRST, few]))
    assert page.count("| WATT-P* |") == 2
    assert "| CLIPTTA |" in page
    second = (
        rows("cliptta", [(0.1, 0.2), (0.1, 0.22)], TWO),
        rows("tent", [(0.3, 0.3), (0.3, 0.32)], TWO),
        rows("tent-reg", [(0.1, 0.2), (0.1, 0.22)], TWO),
    )
    streams = grouped(*FIRST, *second)
    ahead = f"Ahead of CLIPTTA: TENT on {gallery.TABLES[TWO].title} by 15.0 points (95 %: 15.0 to 15.0)."
    assert ahead in winners(streams, ranking(streams))


def test_the_readme_shows_six_with_tent_and_two_sentences() -> None:
    others = [rows(name, [(0.01, 0.02), (0.02, 0.02)]) for name in ("eata", "eta", "sar", "tda")]
    photographs = [one.assign(table=PHOTOGRAPHS) for one in FIRST]
    opening, table, words = readme(pd.concat([*FIRST, *others, *photographs])).split("\n\n")
    assert opening.startswith("**CLIPTTA gains most: +15.5 points of accuracy over zero-shot.** Of 7 methods")
    shown = [line.split(" |")[0].strip("| ") for line in table.splitlines()[2:]]
    assert (len(shown), shown[:2], shown[-1]) == (6, ["CLIPTTA", "TENT + regulariser"], "TENT")
    ahead = "CLIPTTA is ahead of TENT + regulariser by 1.0 points (95 %: -11.7 to 13.7), on 25 % of the 4"
    assert words.startswith(
        f"On the same streams {ahead}, at 1.0 times its time; with Tiny ImageNet's 200 classes by 1.0"
    )
    assert words.count(". ") == 4
    streams = grouped(*FIRST, *others)
    assert lead(streams, ranking(streams), "cliptta", "tent-reg") in words


def test_the_command_runs_what_is_missing_and_records_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, corruptions in ((ONE, ("fog", "contrast")), ("pictures-in-runs", ("continual",))):
        table = gallery.TABLES[name]
        short = replace(table.stream, batches=1, batch_size=4)
        monkeypatch.setitem(gallery.TABLES, name, replace(table, stream=short, corruptions=corruptions))
    monkeypatch.setattr(gallery, "SEEDS", (0, 1))
    monkeypatch.setattr(gallery, "MEASURED_FILE", tmp_path / "measured.json")
    monkeypatch.setattr(gallery, "RANKING", tmp_path / "ranking.json")
    record = tmp_path / "kept"

    def command(out: str, methods: str, tables: str = "pictures-3,pictures-in-runs", record: Path = record) -> str:
        words = f"gallery --out {tmp_path / out} --tables {tables} --methods {methods}"
        main([*words.split(), "--record", str(record)])
        said = capsys.readouterr()
        assert tables == "pictures-in-runs" or "| method | points gained |" in said.out  # the README's
        return said.err

    def kept(table: str) -> pd.DataFrame:
        streams = read_streams(record / gallery.STREAMS_FILE)
        return streams[streams.table == table]

    assert "pictures-3, rlcf: 4/4" in command("first", "tda,rlcf")
    page = (record / "ranking.md").read_text()
    assert page.count("| RLCF |") == 2  # its rank and its gains; no schedule matters to a method for single images
    assert page.count("| TDA |") == 4
    before = kept(ONE)
    assert before.method.tolist() == 4 * ["tda"] + 4 * ["rlcf"]
    assert kept("pictures-in-runs").method.tolist() == 2 * ["tda"]
    assert {*before.images} == {4}
    assert {*before.machine} == {machine(load_backbone(TINY))}
    assert f"Measured on: {before.machine[0]}." in page
    ran = command("elsewhere", "tda,lame")  # what is kept is not run again, and stays
    assert "lame: 4/4" in ran
    assert "tda" not in ran
    assert json.loads((tmp_path / "measured.json").read_text())["methods"].keys() == {"tda", "lame", "rlcf"}
    parts = json.loads((tmp_path / "ranking.json").read_text())["parts"]
    assert {part["stream"]: {*part["methods"]} for part in parts} == {
        "corruptions": {"tda", "lame", "rlcf"},
        "in runs": {"tda", "lame"},
    }
    after = kept(ONE)
    assert [*after.method.unique()] == ["tda", "lame", "rlcf"]
    assert after[after.method != "lame"].values.tolist() == before.values.tolist()
    monkeypatch.setattr(gallery, "weights_digest", lambda: "others")
    assert "pictures-3, tda: 4/4" in command("third", "tda")
    assert kept(ONE).settings.tolist()[0] != before.settings[0]
    command("first", "tda", tables="pictures-in-runs", record=tmp_path / "schedules")
    assert "Fifteen corruptions" not in (tmp_path / "schedules" / "ranking.md").read_text()


def test_every_table_can_be_run_and_what_was_kept_of_it_is_of_today() -> None:
    """Otherwise: cliptta-demo gallery --out results/gallery --record docs/gallery."""
    assert len(RANKED) == 16
    for name, table in gallery.TABLES.items():
        settings = gallery.settings_of_run(name, "tent")
        assert len(settings.jobs()) == 3 * (
            15 if name in RANKED and table.group != "schedules" else len(table.corruptions)
        )
        assert "speckle_noise" not in settings.corruptions
    batches = {name: gallery.settings_of_run(ONE, name).stream.batches for name in ("tent", "tpt", "watt-s")}
    assert batches["tpt"] == batches["watt-s"] < batches["tent"]
    sizes = [gallery.settings_of_run(PHOTOGRAPHS, name).stream.batch_size for name in ("tent", "watt-s", "tpt", "rlcf")]
    assert sizes == [64, 64, 16, 16]
    for (name, method), streams in KEPT.groupby(["table", "method"]):
        assert len(streams) == len(gallery.settings_of_run(name, method).jobs())
        if gallery.TABLES[name].dataset == "pictures":  # these images are in the package
            assert {*streams.settings} == {gallery.digest_of(name, method)}, method
    # What the docs say of two hundred kinds of photographs.
    more = beyond(group_of(KEPT, "photographs"), "cliptta", "tent-reg")
    assert is_told(more)
    text = " ".join((ROOT / "docs" / "methods" / "captions.md").read_text(encoding="utf-8").split())
    assert f"ahead of it by {interval_words(more)}](../gallery/ranking.md)" in text


def test_the_page_calls_only_what_its_interval_allows_a_gain_or_a_loss_and_rounds_as_the_ranking_does() -> None:
    told = [
        Measured(*words, 640, 1.0).told for words in ((10.5, 1.6), (-3.8, 0.4), (0.6, 1.7), (-2.6, 3.0), (0.02, 0.0))
    ]
    assert told == [1, -1, 0, 0, 0]
    picker = build_picker(["zero-shot"]).html_template
    ranked = ranking(group_of(KEPT, "corruptions"))
    assert measured().keys() == {*ranked.index}
    for name, found in measured().items():
        assert f"{found.gain:+.1f}" == ranked.words[name].split()[0]
        row = picker[picker.index(f'value="{name}"') :]
        assert f">{found.gain:+.1f}</span>".replace("-", "−") in row[: row.index("</div>")]
    assert "+0.0" not in picker[: picker.index('value="tent"')]  # the yardstick gains nothing by itself


# Every printed table's: degrees of freedom → how far 95 % reach.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 19: 2.093, 30: 2.042, 120: 1.980}


def test_intervals_are_students_and_few_seeds_reach_further_than_two_standard_errors() -> None:
    assert {degrees: round(t_quantile(degrees), 3) for degrees in STUDENT} == STUDENT
    three, one = pd.Series([0.001, 0.002, 0.003]), pd.Series([0.5])  # 3.5 standard errors above 0; tells nothing
    assert margin_of(three) == pytest.approx(4.3027 * 0.001 / math.sqrt(3), rel=1e-4)
    assert not is_told(three)
    assert is_told(pd.concat([three, three]))
    assert not is_told(one)
    assert interval_words(three) == "0.2 points (95 %: 0.0 to 0.4)"
    assert interval_words(one) == "50.0 points"


def test_the_pages_ranking_says_what_the_documents_say() -> None:
    data = page_ranking.ranking_data(KEPT)
    assert faults(data, page_ranking.Ranked, "") == []
    whole = data["parts"][0]
    assert whole["methods"] == [*measured()]
    for own, gains in zip(measured().values(), whole["gains"], strict=True):
        assert own.gain == pytest.approx(sum(gains) / len(gains), abs=0.001)
        assert own.margin == pytest.approx(data["t"] * pd.Series(gains).sem(), abs=0.005)
    assert whole["few"] == [name for name, own in measured().items() if own.images == 64]
    photographs = next(part for part in data["parts"] if part["datasets"] == ["tiny-imagenet"])
    assert [pair for pair in photographs["easy"] if pair] == []  # zero-shot reads none of them so well
    for part in data["parts"]:
        link = {"methods": f"zero-shot,{part['methods'][-1]}", "rates": "own", "dataset": part["datasets"][0]}
        recipe = open_link(link | {name: str(value) for name, value in part["settings"].items()})
        stream = replace(recipe.settings.stream, corruption="none")  # each of a table's streams has its own
        tables = [name for name, own in RANKED.items() if (own.dataset, own.stream) == (recipe.dataset, stream)]
        assert [page_ranking.kind_of(table) for table in tables] == [part["stream"]]
