"""Each method's own rate and steps, and starting anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from helpers import labelled_source, small_backbone

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods import chosen as module
from cliptta_demo.backend.methods.chosen import Chosen, with_chosen
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

SETTINGS = RunSettings(
    methods=("tent", "cliptta"),
    stream=StreamSettings(batch_size=4, batches=5),
    adaptation=AdaptationSettings(steps=2, memory_shots=0),
)


def test_own_rate_and_steps_are_used_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "chosen", dict)
    with pytest.raises(UserError, match="none have been chosen"):
        with_chosen(replace(SETTINGS.adaptation, rates="own"), "tent")
    monkeypatch.setattr(module, "chosen", lambda: {"tent": Chosen(rate=0.5, steps=3, gain=1.0, error=0.1)})
    own = replace(SETTINGS, adaptation=replace(SETTINGS.adaptation, rates="own"))
    assert with_chosen(SETTINGS.adaptation, "tent") is SETTINGS.adaptation
    assert with_chosen(own.adaptation, "cliptta") is own.adaptation
    assert with_chosen(own.adaptation, "tent").learning_rate == 0.5 * own.adaptation.learning_rate
    state, _ = next(Experiment(own, small_backbone(), labelled_source()).run())
    assert [int(state.adaptations[name].updates) for name in SETTINGS.methods] == [3, 2]


def test_methods_start_anew_every_so_many_batches() -> None:
    settings = replace(SETTINGS, adaptation=replace(SETTINGS.adaptation, reset_every=2))
    experiment = Experiment(settings, small_backbone(), labelled_source())
    updates = [int(state.adaptations["cliptta"].updates) for state, _ in experiment.run()]
    assert updates == [2, 4, 2, 4, 2]
