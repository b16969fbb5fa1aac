"""Each method's rate and steps, chosen on held-out corruptions."""

import json
from pathlib import Path

import pandas as pd
import pytest
from paths import ROOT

from cliptta_demo.backend.methods.recorded import Chosen, chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.cli import main
from cliptta_demo.research import gallery as module
from cliptta_demo.research.gallery import candidates, choose


def test_the_best_mean_counts_and_of_equals_the_cheapest() -> None:
    gains = {(1.0, 3): [10.0, 12.0, 11.0], (1.0, 1): [10.0, 12.0, 10.5], (0.3, 1): [8.0, 9.0, 8.5]}
    assert choose({name: pd.Series(own) for name, own in gains.items()}) == Chosen(
        rate=1.0, steps=3, gain=11.0, error=0.58
    )
    equals = {
        (3.0, 1): [-0.5, 0.5],
        (0.3, 1): [0.0, 0.0],
        (1.0, 3): [0.0, 0.0],
        (1.0, 1): [-1.0, 1.0],
        (10.0, 1): [-3.0, -1.0],
    }
    assert choose({name: pd.Series(own) for name, own in equals.items()}) == Chosen(
        rate=1.0, steps=1, gain=0.0, error=1.0
    )


def test_the_command_varies_what_a_method_uses_and_writes_what_it_chose_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert candidates("tent", (1.0,), (1, 3)) == candidates("tpt", (1.0,), (1, 3)) == [(1.0, 1), (1.0, 3)]
    assert candidates("watt-p", (1.0, 3.0), (1, 3)) == [(1.0, None), (3.0, None)]
    monkeypatch.setattr(module, "CHOSEN_FILE", tmp_path / "chosen.json")
    said = "choose --datasets pictures --methods tent --rates 0.1,1 --steps 1 --batches 1 --batch-size 4 --record --out"
    main([*said.split(), str(tmp_path)])
    kept = json.loads((tmp_path / "chosen.json").read_text())["methods"]["tent"]
    assert kept["rate"] in (0.1, 1.0)
    assert "| TENT |" in (tmp_path / "chosen.md").read_text()
    main([*said.split(), str(tmp_path)])  # nothing is run again
    assert json.loads((tmp_path / "chosen.json").read_text())["methods"]["tent"] == kept


def test_the_page_of_what_was_chosen_is_of_what_methods_go_by() -> None:
    """Otherwise: cliptta-demo choose --out results/chosen --record; its chosen.md is docs/gallery/chosen.md."""
    page = (ROOT / "docs" / "gallery" / "chosen.md").read_text(encoding="utf-8")
    told = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    of_label = {label: cells for label, *cells in told[2:]}
    assert of_label.keys() == {METHODS[name].label for name in chosen()}
    for name, one in chosen().items():
        rate, steps, gain, tried = of_label[METHODS[name].label]
        counted = "" if one.steps is None else f"{one.steps}"
        assert (rate, steps, gain) == (f"{one.rate:g}", counted, f"{one.gain:+.1f} ± {one.error:.1f}"), name
        assert max(float(part.split(": ")[1]) for part in tried.split(", ")) == pytest.approx(one.gain, abs=0.051)
