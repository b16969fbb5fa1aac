"""The rate and the steps that were chosen for each method, for a fair fight: see ``python -m cliptta_demo choose``.

They were chosen on the four held-out corruptions, never on one of the fifteen that tables report, with the built-in
model. A rate is kept as a share of the backbone's own, so that it means something for other backbones too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.settings import AdaptationSettings

CHOSEN_FILE = Path(__file__).parent / "chosen.json"


@dataclass(frozen=True)
class Chosen:
    """What was chosen for one method.

    Attributes:
        rate: learning rate, as a share of the backbone's own; steps: per batch.
        gain: mean accuracy over zero-shot's on the held-out corruptions, in points; error: its standard error.
    """

    rate: float
    steps: int
    gain: float
    error: float


@cache
def chosen() -> Mapping[str, Chosen]:
    """By the methods' names; methods without rate and steps have none."""
    if not CHOSEN_FILE.exists():
        return {}
    return {name: Chosen(**values) for name, values in json.loads(CHOSEN_FILE.read_text())["methods"].items()}


def with_chosen(settings: AdaptationSettings, method: str) -> AdaptationSettings:
    """The settings for one method, with its own rate and steps where ``settings.rates`` asks for them.

    Raises:
        UserError: they are asked for, and none have been recorded.
    """
    if settings.rates == "same":
        return settings
    if not chosen():
        raise UserError("rates is 'own', but none have been chosen yet: run `cliptta-demo choose … --record` first.")
    if method not in chosen():
        return settings
    own = chosen()[method]
    return replace(settings, learning_rate=min(1.0, own.rate * settings.learning_rate), steps=own.steps)
