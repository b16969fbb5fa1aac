"""Short runs at several values of one setting."""

import json

import pytest
from helpers import faults
from pressing import HOST

from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.figures import KNOBS, Sweep
from cliptta_demo.page.runs import handlers
from cliptta_demo.page.runs.handlers import recipes, sweep, sweep_data

FORM = {"methods": ("zero-shot", "tent"), "batch_size": 4, "steps": 1}


def test_each_run_changes_one_setting_and_reads_as_many_images() -> None:
    recipe = read_form(FORM)
    for knob in KNOBS:
        for value, own in recipes(recipe, knob):
            stream = own.settings.stream
            assert 256 <= stream.batch_size * stream.batches < 256 + stream.batch_size
            before, after = recipe.settings.flat(), own.settings.flat()
            changed = {name for name in before if before[name] != after[name]} - {"batches"}
            assert changed <= {knob}
            assert after[knob] == value


@pytest.mark.browser
def test_a_sweep_tells_each_run_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, figure) -> None:
    monkeypatch.setattr(handlers, "SWEEP_IMAGES", 4)
    updates = list(sweep(HOST, "steps", None, FORM, "somebody"))
    assert ["sweep" in update for update in updates] == [True] * (len(KNOBS["steps"]) + 1)
    data = json.loads(updates[-1]["sweep"])
    assert faults(data, Sweep, "sweep") == []
    accuracy, spread = figure("sweep", data)["facets"]
    assert [len(trace["x"]) for trace in (*accuracy["data"], *spread["data"])] == [len(KNOBS["steps"])] * 4
    assert len(set(accuracy["data"][0]["y"])) == 1  # zero-shot takes no steps: every run saw the same images
    assert "All 6 runs" in updates[-1]["sweep_note"]
    assert HOST.runs.count == 0


@pytest.mark.browser
def test_the_panel_names_the_methods_that_the_knob_changes_nothing_for(figure) -> None:
    for name, rates, still in (
        ("learning_rate", "same", ["lame", "tpt"]),
        ("batch_size", "same", []),
        ("steps", "own", ["tent", "lame", "tpt"]),  # what was chosen goes before the form's
    ):
        recipe = read_form(FORM | {"methods": ["zero-shot", "tent", "tpt", "lame"], "rates": rates})
        runs = recipes(recipe, name)
        data = sweep_data(name, recipe, runs)
        assert data["unmoved"] == still
        assert ("changes nothing for" in figure("sweep", data)["note"]) == bool(still)


def test_a_knob_that_there_is_not_gets_a_sentence() -> None:
    for name in ("nothing", None, ["steps"]):
        (update,) = sweep(HOST, name, None, FORM, "somebody")
        assert "The knob must be one of: learning_rate, steps, batch_size." in update["sweep_note"]
