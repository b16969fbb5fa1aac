"""The panel of the story: what each method asks of a batch, with the numbers of the batch at hand."""

from typing import Any, TypedDict

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.matrix import captions_of
from cliptta_demo.page.panels.numbers import Method, entries_of
from cliptta_demo.page.session.state import Session

TOLD = ("cliptta", "cliptta-oce")  # the methods whose three sentences are told
ALONE = "tent"


class Told(TypedDict):
    """A batch as CLIPTTA, or TENT, sees it: images, classes, classes among its captions; see :class:`.Captions`."""

    label: str
    size: int
    classes: int
    used: int
    own: float
    entropy: float


class MethodLoss(Method):
    """One method's loss: its sentence, and the values of its terms by their names."""

    sentence: str
    terms: dict[str, float]


class Story(TypedDict):
    """What the panel draws.

    Attributes:
        told: CLIPTTA's batch, None where it takes no part; alone: TENT's.
        losses: of the methods that have one; batch: from 1; step: of the batch, None for its last.
    """

    told: Told | None
    alone: Told | None
    losses: list[MethodLoss]
    batch: int
    step: int | None


def story_data(session: Session, live: LiveStep | None = None) -> Story:
    """What is told of CLIPTTA, where it runs, and each method's loss, term by term, at the latest step."""
    snapshot, shown = session.snapshot, session.recipe.settings.methods
    views = live.methods if live else {name: method.batch for name, method in snapshot.methods.items()}
    losses = live.losses if live else {name: method.losses for name, method in snapshot.methods.items()}

    def seen(name: str | None) -> Told | None:
        if snapshot is None or name not in shown:
            return None
        found = captions_of(views[name], snapshot.logit_scale)
        numbers = {key: getattr(found, key) for key in Told.__annotations__ if key != "label"}
        return {"label": METHODS[name].label, **numbers}

    def loss(name: str) -> dict[str, Any] | None:
        return {"sentence": METHODS[name].sentence, "terms": losses[name]} if losses.get(name) else None

    told = seen(next((name for name in TOLD if name in shown), None))
    return {
        "told": told,
        "alone": seen(ALONE) if told else None,
        "losses": entries_of(session, loss),
        "batch": (live or snapshot).batch + 1,
        "step": live.step if live else None,
    }


PANEL = Panel(
    name="story",
    title=Text("What each loss asks for"),
    sentence=Text(
        "The parts of each method's loss, with their values, and what they ask the batch for. A step moves the "
        "normalisation layers so that the sum falls."
    ),
    draw=story_data,
    live=True,
)
