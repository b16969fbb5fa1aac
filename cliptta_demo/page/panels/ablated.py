"""The panels that say what each term of a loss does: what the recorded ablation finds, real runs of each combination,
and three classes whose points the losses move.

The record, docs/ablation.csv, was measured on four streams; a run is shown the one that is nearest to its own.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from cliptta_demo.languages import Text, say
from cliptta_demo.page.panels.declare import Method, Panel, entries
from cliptta_demo.page.session.state import Session

FILE = Path(__file__).parent / "ablation.json"  # make generate
STREAMS = {
    "pictures-16": Text("built-in pictures, batches of 16"),  # also where a run's own images are not among these
    "pictures-4": Text("built-in pictures, batches of 4"),
    "cifar10-64": Text("CIFAR-10, batches of 64"),
    "tiny-imagenet-64": Text("Tiny ImageNet, batches of 64"),
}
FEW = 8  # images in a batch: to as many, batches of 4 are nearer than those of 16
DRAWN = ("tent", "tent-reg", "cliptta")  # the methods that a combination may be


class Row(TypedDict):
    """One combination.

    Attributes:
        objective: contrastive, entropy or none; regulariser, memory: 0 or 1.
        gain: over zero-shot, in points; margin: half of its 95 % interval.
        collapsed: how many of its ``runs`` ended in a collapse.
        above: whether it can be told to gain more than entropy alone; like: whether it can't be told from all terms.
    """

    objective: str
    regulariser: int
    memory: int
    gain: float
    margin: float
    collapsed: int
    runs: int
    above: bool
    like: bool


class Ablated(TypedDict):
    """One stream's record: its name; zero-shot's accuracy in per cent; seeds; methods that a combination may be."""

    stream: str
    before: float
    seeds: int
    rows: list[Row]
    methods: list[Method]


@cache
def _record() -> dict[str, dict[str, Any]]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def nearest_stream(dataset: str, batch_size: int) -> str:
    """The recorded stream that is most like one's own, of :data:`STREAMS`."""
    if dataset == "pictures":
        return "pictures-4" if batch_size <= FEW else "pictures-16"
    return next((name for name in STREAMS if name.rpartition("-")[0] == dataset), next(iter(STREAMS)))


def ablated_data(session: Session | None = None) -> Ablated:
    """What the ablation found on the stream that is most like a run's."""
    name = next(iter(STREAMS))
    if session is not None:
        name = nearest_stream(session.recipe.dataset, session.recipe.settings.stream.batch_size)
    return {"stream": say(STREAMS[name]), **_record()[name], "methods": entries(DRAWN)}


FINDING = Panel("finding", Text("What holds a batch together"), "", ablated_data, waiting=ablated_data)
TERMS = Panel("terms", Text("Build the loss"))
TOY = Panel(
    "toy",
    Text("Eight images, three classes"),
    Text("A corner is certain; hollow is where each began. Drag one."),
)
