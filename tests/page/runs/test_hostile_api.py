"""What ``/run`` makes of each setting, called in this process; several wrong ones by HTTP: test_hostile_server."""

from contextlib import closing
from typing import Any

import gradio as gr
import pytest
from hostile_values import ORDINARY, arguments, refusal_is_a_sentence, refusal_names, settings_cases
from pressing import HOST, small_model  # noqa: F401  (a fixture)

from cliptta_demo.page.runs import api


def refusal(given: dict[str, Any]) -> str:
    """What the visitor reads instead of the first batch; "" where that comes."""
    try:
        with closing(api.endpoint(HOST)(**given)) as answers:
            assert next(answers)["batch"] >= 1
    except gr.Error as error:
        return error.message
    return ""


@pytest.mark.usefixtures("small_model")
def test_each_setting_is_taken_or_refused_by_name() -> None:
    cases, refused = settings_cases(), 0
    for field, value in cases:
        if error := refusal(dict(zip(ORDINARY, arguments(field, value), strict=True))):
            refusal_is_a_sentence(error)
            assert refusal_names(field, error), f"{field} {value!r:.150}: {error[:300]}"
            refused += 1
    assert len(cases) >= 400
    assert 20 <= len(cases) - refused <= 150
    assert len({repr(case) for case in cases}) > 0.95 * len(cases)
