"""What was measured of each method, with the built-in model, and recorded in three files beside this one.

The rate and the steps that were chosen for it, for a fair fight (``python -m cliptta_demo choose``): on the four
held-out corruptions, never on one of the fifteen that tables report. A rate is kept as a share of the backbone's own,
or of the method's where it has one, so that it means something for other backbones too.

What it gained in the tables of the gallery (``python -m cliptta_demo gallery``): the mean over the fifteen corruptions
at two severities, the built-in pictures and CIFAR-10, each method at its own rate. What its fame is worth here. And
what it took there, which a stream that does not wait goes by.

What each term of CLIPTTA's loss does, on four streams (``python -m cliptta_demo ablation``; docs/ablation.md).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from cliptta_demo.backend.declare import Declared
from cliptta_demo.backend.settings import RunSettings

Settings = TypeVar("Settings", bound=Declared)
CHOSEN_FILE = Path(__file__).parent / "chosen.json"


@dataclass(frozen=True)
class Chosen:
    """What was chosen for one method.

    Attributes:
        rate: learning rate, as a share of the backbone's own or of the method's.
        steps: per batch, or per image where it adapts to each by itself; None: it has another way to count them.
        gain: mean accuracy over zero-shot's on the held-out corruptions, in points; error: its standard error.
    """

    rate: float
    steps: int | None
    gain: float
    error: float

    def put_into(self, settings: RunSettings, method: str) -> RunSettings:
        """The settings with this rate and these steps, the method's own where it has some."""
        own = {name: self._put(part) if name == method else part for name, part in settings.own.items()}
        return replace(settings, adaptation=self._put(settings.adaptation), own=own)

    def _put(self, part: Settings) -> Settings:
        values = {}
        if hasattr(part, "learning_rate"):
            values["learning_rate"] = min(1.0, self.rate * part.learning_rate)
        if hasattr(part, "steps") and self.steps is not None:
            values["steps"] = self.steps
        return replace(part, **values)


@cache
def chosen() -> Mapping[str, Chosen]:
    """By the methods' names; methods without rate and steps have none."""
    return {name: Chosen(**values) for name, values in json.loads(CHOSEN_FILE.read_text())["methods"].items()}


def with_chosen(settings: RunSettings, method: str) -> RunSettings:
    """The settings for one method, with its own rate and steps where ``settings.adaptation.rates`` asks for them."""
    own = settings.adaptation.rates == "own" and method in chosen()
    return chosen()[method].put_into(settings, method) if own else settings


MEASURED_FILE = Path(__file__).parent / "measured.json"
SHOWN = 0.05  # points; less reads as 0.0


@dataclass(frozen=True)
class Measured:
    """One method's mean accuracy over zero-shot's, in points, and its time.

    Attributes:
        gain: unrounded; margin: half the width of its 95 % interval, by Student's t over seeds.
        images: of each stream; those that are slow, and forget each batch, saw but one.
        milliseconds: that an image takes, the streams' median, on the machines that docs/gallery/ranking.md names.
    """

    gain: float
    margin: float
    images: int
    milliseconds: float

    @property
    def told(self) -> int:
        """1 for a gain, -1 for a loss, 0 where the seeds can't tell it from nothing."""
        return 0 if abs(self.gain) < max(self.margin, SHOWN) else 1 if self.gain > 0 else -1


@cache
def measured() -> Mapping[str, Measured]:
    """By the methods' names; those that have not run on all of these tables have none."""
    return {name: Measured(**values) for name, values in json.loads(MEASURED_FILE.read_text())["methods"].items()}


ABLATED_FILE = Path(__file__).parent / "ablated.json"
FEW = 8  # images in a batch: to as many, batches of 4 are nearer than those of 16


class Combination(TypedDict):
    """What one combination of terms does on a stream, see :func:`.research.ablation.ablation_numbers`."""

    entropy: int
    contrastive: int
    regulariser: int
    memory: int
    method: str
    gain: float
    margin: float
    collapsed: int
    runs: int
    above: bool
    like: bool


@cache
def ablated() -> Mapping[str, dict[str, Any]]:
    """DATASET-BATCHSIZE → what :func:`.research.ablation.ablation_numbers` tells of the stream."""
    return json.loads(ABLATED_FILE.read_text())


def nearest_ablation(dataset: str, batch_size: int) -> str:
    """The stream of :func:`ablated` that is most like one's own; of other images than these the pictures'."""
    if dataset == "pictures" and batch_size <= FEW:
        return "pictures-4"
    return next((name for name in ablated() if name.rpartition("-")[0] == dataset != "pictures"), "pictures-16")
