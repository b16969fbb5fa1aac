"""What each term of a loss does: the recorded ablation's runs of each combination, and points that the losses move."""

from typing import TypedDict

from cliptta_demo.backend.methods.recorded import Combination, ablated, nearest_ablation
from cliptta_demo.backend.run.insight import SMALL_BATCHES
from cliptta_demo.languages import Text, say
from cliptta_demo.page.panels.declare import Method, Panel, entries
from cliptta_demo.page.session.state import Session

STREAMS = {
    "pictures-16": Text("built-in pictures, batches of 16"),
    "pictures-4": Text("built-in pictures, batches of 4"),
    "cifar10-64": Text("CIFAR-10, batches of 64"),
    "tiny-imagenet-64": Text("Tiny ImageNet, batches of 64"),
}


class Ablated(TypedDict):
    """One stream's record; ``methods``: that a combination may be."""

    stream: str
    before: float
    seeds: int
    rows: list[Combination]
    methods: list[Method]


def ablated_data(session: Session | None = None) -> Ablated:
    """What was found on the stream that is most like a run's, or the page's own."""
    recipe = session and session.recipe
    own = (recipe.dataset, recipe.settings.stream.batch_size) if recipe else ("pictures", 16)
    name = nearest_ablation(*own)
    return {"stream": say(STREAMS[name]), **ablated()[name], "methods": entries(("tent", "tent-reg", "cliptta"))}


FINDING = Panel("finding", Text("What keeps answers apart"), draw=ablated_data, waiting=ablated_data)
TERMS = Panel("terms", Text("Build the loss"))
TOY = Panel(
    "toy",
    Text("Eight images, three classes"),
    Text("A corner is certain; hollow is where each began. Drag one."),
    waiting={"batches": SMALL_BATCHES},
)
