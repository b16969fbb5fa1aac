"""Settings refuse what is out of range, in one sentence, and survive a round trip through JSON."""

import json

import pytest

from cliptta_demo.backend.declare import settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.page.form.fields import FORM


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


def test_every_declared_setting_has_a_reason_and_a_place() -> None:
    for settings in (StreamSettings, AdaptationSettings):
        for name, setting in settings_of(settings).items():
            assert setting.why, name
            assert bool(setting.label) == (name in FORM), name
            assert bool(setting.mark) + bool(setting.restart) == (name != "batches"), name
