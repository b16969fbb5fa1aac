"""The strip says what comes when: the plan of the form, the batch at hand, accuracies by shift."""

import json
from dataclasses import replace

import pytest
from helpers import labelled_source, small_backbone

from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.curves import accuracy_data
from cliptta_demo.page.panels.stage import planned_strip
from cliptta_demo.page.panels.strip import strip_data, strip_of
from cliptta_demo.page.session.state import Session


@pytest.mark.browser
def test_one_shift_is_one_quiet_line(drawn) -> None:
    for later, words in ((False, ""), (True, "Next run: ")):
        data = json.loads(planned_strip(read_form({"corruption": "fog", "severity": 3, "batches": 10}), later))
        assert (data["batches"], data["classes"], data["bursts"]) == (10, [], [])
        text = drawn("strip", data, "p.quiet:only-child")
        assert text == [f"{words}Fog in all 10 batches; severity 3; classes shuffled."]


@pytest.mark.browser
def test_blocks_classes_and_strangers_are_the_plan_s(drawn) -> None:
    settings = StreamSettings(
        schedule="gradual", shift_batches=1, severity=2, batches=5, order="late", ood_share=0.5, ood_bursts=True
    )
    data = strip_of(settings, 4)
    walk = [("gaussian_noise", 1), ("gaussian_noise", 2), ("gaussian_noise", 1), ("shot_noise", 1), ("shot_noise", 2)]
    assert data["shifts"] == [(shift, severity, 1) for shift, severity in walk]
    assert (data["names"]["shot_noise"], data["families"]["shot_noise"]) == ("Shot noise", "noise")
    assert [len(row) for row in data["classes"]] == [5] * 4
    assert data["classes"][3][0] == "0"  # not yet
    assert data["classes"][3].strip("0")
    assert sum(data["bursts"]) == pytest.approx(2.5, abs=0.05)
    assert drawn("strip", data, ".footnote") == [
        "Gaussian noise in batches 1 to 3; Shot noise in batches 4 to 5; severity 1 to 2; half of the classes late; "
        "50% strangers in bursts."
    ]


def test_a_long_plan_stays_small() -> None:
    settings = StreamSettings(corruption="cycle", batches=1000, batch_size=512, order="rotta")
    data = strip_of(settings, 1000)
    assert (len(data["classes"]), len(data["classes"][0])) == (24, 200)
    assert len(json.dumps(data)) < 50_000


@pytest.mark.browser
def test_a_run_has_a_marker_accuracies_by_shift_and_names_on_its_curves(figure, drawn) -> None:
    stream = {"schedule": "continual", "shift_batches": 1, "batches": 3, "batch_size": 10}
    recipe = read_form({"methods": ["tent"], "steps": 1, **stream})
    source = labelled_source(20)  # ends before the third batch
    recipe = replace(recipe, class_names=source.class_names)
    experiment = Experiment(recipe.settings, small_backbone(), source)
    session = Session(recipe, experiment.start())
    assert strip_data(session)["at"] == 0
    for state, snapshot in experiment.run():
        session = session.after(state, snapshot)
        if state.next_batch == 1:
            assert (strip_data(session)["at"], strip_data(session)["methods"]) == (1, [])
    data = strip_data(session)
    assert (data["at"], data["batches"]) == (None, 2)
    assert [entry["method"] for entry in data["methods"]] == ["zero-shot", "tent"]
    names = drawn("strip", data, "tbody th")
    assert names == ["Gaussian noise", "Shot noise"]
    shown = session.snapshot.methods["tent"].shift_accuracy["shot_noise"]
    assert drawn("strip", data, "tbody td")[3] == f"{shown:.1%}"
    notes = figure("accuracy", accuracy_data(session))["facets"][0]["layout"]["annotations"]
    assert [note["text"] for note in notes if note.get("textangle")] == names
