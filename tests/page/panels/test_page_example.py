"""The shipped example is what the engine makes, and a broken file never stops the page."""

import json
import re
from pathlib import Path
from typing import get_type_hints

import pytest
from claims import RECORD, rounding
from helpers import faults

from cliptta_demo.backend.run.summary import collapsed, summarise
from cliptta_demo.page.lessons.claim import measure, numbers_of
from cliptta_demo.page.lessons.lessons import by_key, lesson_recipe
from cliptta_demo.page.panels.heads import Cards
from cliptta_demo.page.panels.panel import example_file
from cliptta_demo.page.panels.stage import DRAWN, HEADS, PARTS, load_example
from cliptta_demo.research.studies import COMBINATIONS
from tools.make_example import example_stage, make_example

EXAMPLE = example_file("example")


def shares(cards: str) -> list[float]:
    return [own["accuracy"] for own in json.loads(cards)["methods"]]


@pytest.mark.slow
def test_the_shipped_example_is_a_run_of_the_shipped_model() -> None:
    """Another processor rounds otherwise: numbers may differ by as much as rounding was measured to change them."""
    *_, session = make_example()
    made, shipped = example_stage(session), load_example()
    methods = session.snapshot.methods
    deviations = [rounding("lesson-collapse", measure("accuracy", name)) for name in methods]
    words = [[re.sub(r"[\d.]+", "#", parts[name]) for name in HEADS] for parts in (made, shipped)]
    assert words[0] == words[1], "run: make generate"
    assert len(shares(shipped["cards"])) == len(methods)
    for new, old, deviation in zip(shares(made["cards"]), shares(shipped["cards"]), deviations, strict=True):
        assert abs(new - old) <= 5 * deviation + 0.005
    # It is the first lesson's run too, whose recorded numbers lie beyond all rounding's reach.
    study, claims, seed = (
        "lesson-collapse",
        by_key("collapse").claims,
        lesson_recipe(by_key("collapse")).settings.stream.seed,
    )
    assert session.recipe == lesson_recipe(by_key("collapse"))
    recorded = RECORD.runs[study][COMBINATIONS[0].name].xs(seed, level="seed")
    for claim in claims:
        far = claim.distance(claim.quantity.of(recorded).item())
        assert far > 5 * rounding(study, claim.quantity)
    summaries = summarise(session.snapshot)["methods"]
    fresh = {name: numbers_of(summary | {"collapsed": collapsed(summary)}) for name, summary in summaries.items()}
    assert [claim.sentence for claim in claims if not claim.holds(claim.quantity.of(fresh))] == []


def test_it_shows_every_panel_is_marked_as_an_example_and_small() -> None:
    shipped = load_example()
    assert set(json.loads(EXAMPLE.read_text(encoding="utf-8"))) == set(PARTS), "run: make generate"
    assert "Example" in shipped["progress"]
    assert EXAMPLE.stat().st_size < 1_000_000
    assert faults(json.loads(shipped["cards"]), Cards, "cards") == []
    for panel in DRAWN:
        data = {name: value for name, value in json.loads(shipped[panel.name]).items() if name != "history"}
        assert faults(data, get_type_hints(panel.draw)["return"], panel.name) == []


def test_a_panel_of_which_it_tells_nothing_waits_and_takes_nothing_away(tmp_path: Path) -> None:
    kept = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    del kept["drift"], kept["strip"]
    (tmp_path / "example.json").write_text(json.dumps(kept | {"no longer there": "x"}), encoding="utf-8")
    waiting = {panel.name: panel.value(None) for panel in DRAWN if panel.name in ("drift", "strip")}
    assert load_example(tmp_path / "example.json") == load_example() | waiting


@pytest.mark.parametrize("text", ["", "{", "[]", '{"progress": "x"}', '{"progress": 1}'])
def test_a_broken_file_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "example.json").write_text(text)
    assert load_example(tmp_path / "example.json") is None
    assert load_example(tmp_path / "missing.json") is None
