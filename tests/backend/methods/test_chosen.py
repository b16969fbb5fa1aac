"""Each method's own rate and steps, and starting anew."""

from dataclasses import replace

import pytest
from helpers import labelled_source, small_backbone

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods import chosen as module
from cliptta_demo.backend.methods.chosen import Chosen, with_chosen
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.own_settings import name_for
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

SETTINGS = RunSettings(
    methods=("tent", "cliptta"),
    stream=StreamSettings(batch_size=4, batches=5),
    adaptation=AdaptationSettings(steps=2, memory_shots=0),
)


def test_own_rate_and_steps_are_used_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "chosen", dict)
    own = replace(SETTINGS, adaptation=replace(SETTINGS.adaptation, rates="own"))
    with pytest.raises(UserError, match="none have been chosen"):
        with_chosen(own, "tent")
    monkeypatch.setattr(module, "chosen", lambda: {"tent": Chosen(rate=0.5, steps=3, gain=1.0, error=0.1)})
    assert with_chosen(SETTINGS, "tent") is SETTINGS
    assert with_chosen(own, "cliptta") is own
    assert with_chosen(own, "tent").adaptation.learning_rate == 0.5 * own.adaptation.learning_rate
    state, _ = next(Experiment(own, small_backbone(), labelled_source()).run())
    assert [int(state.adaptations[name].updates) for name in SETTINGS.methods] == [3, 2]


@pytest.mark.parametrize(
    ("method", "rate", "steps"),
    [
        ("tpt", "tpt.learning_rate", "tpt.steps"),
        ("rlcf", "learning_rate", "rlcf.steps"),
        ("watt-s", "learning_rate", None),
        ("zero", None, None),
    ],
)
def test_rate_and_steps_are_the_methods_own_where_it_has_some(
    method: str, rate: str | None, steps: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (name_for(method, "learning_rate"), name_for(method, "steps")) == (rate, steps)
    monkeypatch.setattr(module, "chosen", lambda: {method: Chosen(rate=2, steps=7, gain=1.0, error=0.1)})
    before = RunSettings(methods=(method,), adaptation=AdaptationSettings(rates="own"))
    after = with_chosen(before, method)
    told = METHODS[method].outline(before, 5)
    assert (told.settings, told.own) == (after.adaptation, after.own.get(method))
    if rate:
        assert after.flat()[rate] == 2 * before.flat()[rate]
    if steps:
        assert after.flat()[steps] == 7 != before.flat()[steps]
