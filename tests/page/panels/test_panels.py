"""What panels hand over, plain and as their types say; the shipped example, of which a broken file stops nothing."""

import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from claims import RECORD, rounding
from helpers import CLASSES, faults, labelled_source, random_images
from test_page_figures import run

from cliptta_demo.backend.data.sources import OOD_LABEL, GivenImages
from cliptta_demo.backend.run.summary import collapsed, summarise
from cliptta_demo.page.lessons.lesson import measure, numbers_of
from cliptta_demo.page.lessons.lessons import by_key
from cliptta_demo.page.panels.panel import example_file
from cliptta_demo.page.panels.stage import DRAWN, HEADS, SHIPPED, load_example
from cliptta_demo.research.studies import COMBINATIONS, MEASURED, OPENING, README
from tools.make_example import example_stage, make_example

EXAMPLE = example_file("example")
DRAWN_WITH = re.compile(r"[<>@]|&\w*;|%\{|#[0-9a-f]{3,6}\b|\b\d+(px|rem|%)\b|rgba?\(|--\w")  # HTML, CSS and Plotly's


def shares(stage: dict[str, str]) -> list[float]:
    return [own["last"] for own in json.loads(stage["accuracy"])["methods"]]


@pytest.mark.slow
def test_the_shipped_example_is_a_run_of_the_shipped_model() -> None:
    """Another processor rounds otherwise: numbers may differ by as much as rounding was measured to change them."""
    *_, session = make_example()
    made, shipped = example_stage(session), load_example()
    methods = session.snapshot.methods
    deviations = [rounding(OPENING, measure("accuracy", name)) for name in methods]
    words = [[re.sub(r"[\d.]+", "#", parts[name]) for name in HEADS] for parts in (made, shipped)]
    assert words[0] == words[1], "run: make generate"
    assert len(shares(shipped)) == len(methods)
    for new, old, deviation in zip(shares(made), shares(shipped), deviations, strict=True):
        assert abs(new - old) <= 5 * deviation + 0.005
    # What is said of it, and of the first lesson's run, which differs in the noise: its recorded numbers lie beyond all
    # rounding's reach.
    claims = (*by_key("collapse").claims, *README[OPENING], *MEASURED[OPENING])
    recorded = RECORD.runs[OPENING][COMBINATIONS[0].name].xs(session.recipe.settings.stream.seed, level="seed")
    for claim in claims:
        far = claim.distance(claim.quantity.of(recorded).item())
        assert far > 5 * rounding(OPENING, claim.quantity)
    summaries = summarise(session.snapshot)["methods"]
    fresh = {name: numbers_of(summary | {"collapsed": collapsed(summary)}) for name, summary in summaries.items()}
    assert [claim.sentence for claim in claims if not claim.holds(claim.quantity.of(fresh))] == []


def test_it_shows_every_panel_is_marked_as_an_example_and_small() -> None:
    shipped = load_example()
    assert set(json.loads(EXAMPLE.read_text(encoding="utf-8"))) == set(SHIPPED), "run: make generate"
    assert "Recorded example" in shipped["progress"]
    assert EXAMPLE.stat().st_size < 1_000_000
    for panel in DRAWN:
        data = {name: value for name, value in json.loads(shipped[panel.name]).items() if name != "history"}
        assert faults(data, get_type_hints(panel.draw)["return"], panel.name) == []


def test_a_panel_of_which_it_tells_nothing_waits_and_takes_nothing_away(tmp_path: Path) -> None:
    kept = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    del kept["drift"], kept["strip"]
    (tmp_path / "example.json").write_text(json.dumps(kept | {"no longer there": "x"}), encoding="utf-8")
    waiting = {panel.name: panel.value(None) for panel in DRAWN if panel.name in ("drift", "strip")}
    assert load_example(tmp_path / "example.json") == load_example() | waiting


def test_a_broken_file_is_left_out(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"progress": "x"}', '{"progress": 1}'):
        (tmp_path / "example.json").write_text(text)
        assert load_example(tmp_path / "example.json") is None
    assert load_example(tmp_path / "missing.json") is None


def strings(value: Any) -> list[str]:
    """All of them, keys too."""
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value] if isinstance(value, str) else [text for part in parts for text in strings(part)]


@pytest.mark.parametrize("kind", ["labelled", "open", "own"])
def test_a_panels_data_are_of_its_type_and_plain(kind: str) -> None:
    """With labels, with strangers, and without labels."""
    strangers = GivenImages(random_images(20, seed=9), ("x",), labelled_source(20).labels * 0 + OOD_LABEL)
    own = GivenImages(random_images(5), CLASSES, names=tuple("abcde"))
    source, others, share = {
        "labelled": (labelled_source(), None, 0.0),
        "open": (labelled_source(), strangers, 0.5),
        "own": (own, None, 0.0),
    }[kind]
    session, (live, *_), _ = run(source, others, share)
    for panel in DRAWN:
        for step in (None, live) if panel.live else (None,):
            data = json.loads(panel.value(session, step))
            assert faults(data, get_type_hints(panel.draw)["return"], panel.name) == []
            assert [text for text in strings(data) if DRAWN_WITH.search(text)] == []
