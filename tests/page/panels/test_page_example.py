"""The shipped example is what the engine makes, and a broken file never stops the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from claims import RECORD

from cliptta_demo.claims.claim import measure
from cliptta_demo.page.panels.example import EXAMPLE, load_example
from cliptta_demo.page.panels.make_example import example_stage, make_example
from cliptta_demo.page.panels.stage import PARTS


def shares(cards: str) -> list[float]:
    return [float(number) for number in re.findall(r">(\d+\.\d)<small>%", cards)]


@pytest.mark.slow
def test_the_shipped_example_is_a_run_of_the_shipped_model() -> None:
    """Another processor rounds otherwise: numbers may differ by as much as rounding was measured to change them."""
    *_, session = make_example()
    made, shipped = example_stage(session), load_example()
    methods = session.snapshot.methods
    rounding = [RECORD.rounding("lesson-collapse", measure("accuracy", name)) for name in methods]
    assert len(shares(shipped["cards"])) == len(methods)
    for new, old, deviation in zip(shares(made["cards"]), shares(shipped["cards"]), rounding, strict=True):
        assert abs(new - old) <= 100 * (5 * deviation + 0.005)
    for name in ("accuracy", "entropy", "histogram", "scores"):
        new, old = json.loads(made[name]), json.loads(shipped[name])
        assert [len(facet["data"]) for facet in new["facets"]] == [len(facet["data"]) for facet in old["facets"]]
    accuracies = {name: method.accuracy for name, method in methods.items()}
    assert accuracies["tent"] < accuracies["zero-shot"] < accuracies["cliptta"]  # what the page is about


def test_it_is_marked_as_an_example_and_small() -> None:
    shipped = load_example()
    assert set(shipped) == set(PARTS)
    assert "Example" in shipped["progress"]
    assert EXAMPLE.stat().st_size < 1_000_000


@pytest.mark.parametrize("text", ["", "{", "[]", '{"progress": "x"}', '{"progress": 1}'])
def test_a_broken_file_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "example.json").write_text(text)
    assert load_example(tmp_path / "example.json") is None
    assert load_example(tmp_path / "missing.json") is None
