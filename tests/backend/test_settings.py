"""Settings refuse what is out of range, in one sentence, and survive a round trip through JSON."""

from __future__ import annotations

import json

import pytest

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings


@pytest.mark.parametrize(
    ("kind", "field", "value", "allowed"),
    [
        (AdaptationSettings, "learning_rate", -1, "0 to 1"),
        (AdaptationSettings, "learning_rate", float("nan"), "0 to 1"),
        (AdaptationSettings, "learning_rate", "fast", "0 to 1"),
        (AdaptationSettings, "steps", 0, "1 to 50"),
        (AdaptationSettings, "steps", 2.5, "whole number"),
        (AdaptationSettings, "steps", True, "whole number"),
        (AdaptationSettings, "oce_gamma", 0, "1e-06 to 10"),
        (AdaptationSettings, "score", "vibes", "max-log-probability"),
        (StreamSettings, "severity", 6, "1 to 5"),
        (StreamSettings, "corruption", "rain", "fog"),
        (StreamSettings, "batch_size", 0, "1 to 512"),
        (StreamSettings, "batches", 10**9, "1 to 1000"),
        (StreamSettings, "ood_share", 1.0, "0 to 0.9"),
        (StreamSettings, "order", "backwards", "sorted"),
        (StreamSettings, "seed", -1, "0 to"),
    ],
)
def test_out_of_range_names_field_value_and_range(kind: type, field: str, value: object, allowed: str) -> None:
    with pytest.raises(UserError) as caught:
        kind(**{field: value})
    assert field in str(caught.value)
    assert repr(value) in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize("value", [10**400, -(10**5000), "x" * 10**6, [[0] * 999]], ids=["far", "huge", "long", "list"])
def test_a_refusal_stays_one_sentence_whatever_it_quotes(value: object) -> None:
    for field in ("severity", "corruption", "ramp", "ood_share"):
        with pytest.raises(UserError, match=f"^{field} is ") as caught:
            StreamSettings(**{field: value})
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize("methods", [(), ("magic",), ("tent", "tent")])
def test_methods_are_checked(methods: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="methods"):
        RunSettings(methods=methods)


def test_plain_settings_say_all() -> None:
    settings = RunSettings(
        methods=("tent", "cliptta-oce"),
        stream=StreamSettings(corruption="cycle", ood_share=0.5, seed=7),
        adaptation=AdaptationSettings(steps=3, symmetric=True),
    )
    plain = json.loads(json.dumps(settings.to_dict()))
    assert plain["methods"] == ["tent", "cliptta-oce"]
    assert StreamSettings(**plain["stream"]) == settings.stream
    assert AdaptationSettings(**plain["adaptation"]) == settings.adaptation


def test_defaults_are_the_papers() -> None:
    adaptation = AdaptationSettings()
    assert (adaptation.learning_rate, adaptation.steps, adaptation.regulariser_weight) == (1e-4, 10, 1)
    assert (adaptation.oce_weight, adaptation.oce_gamma, adaptation.score) == (1, 0.005, "max-log-probability")
    assert not adaptation.symmetric
    assert adaptation.tent_regulariser_weight == 0
