"""The schedule: what comes when, drawn before the run and with a marker during it; and how many are right by shift."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypedDict

import numpy as np

from cliptta_demo.backend.data.schedule import endless_labels, order_of, plan_of
from cliptta_demo.backend.settings import StreamSettings, corruption_name
from cliptta_demo.languages import Text, say
from cliptta_demo.page.panels.declare import Block, Method, Panel, blocks_of, entries_of
from cliptta_demo.page.session.state import Session

MOST_COLUMNS, MOST_ROWS = 200, 24  # of the picture of classes
ORDERS = {
    "shuffled": Text("classes shuffled"),
    "sorted": Text("class after class"),
    "rotta": Text("classes in runs, RoTTA's"),
    "note": Text("classes in runs, NOTE's"),
    "late": Text("half of the classes late"),
    "few": Text("few classes in each batch"),
    "given": Text("images as given"),
}
LEVELS = 9  # shades of that picture


class Strip(TypedDict):
    """What the panel draws: a plan of so many batches.

    Attributes:
        shifts: neighbouring batches of one shift and severity; names: of the shifts.
        order: what that of the classes is called; concentration: of classes in runs, else None.
        classes: a row for each class or several, a digit for each stretch of batches: the share of its images there, 9
            the largest; none where classes are shuffled.
        strangers: their share, 0 to 1; bursts: their share in each batch, none where it is the same in all.
        pace: milliseconds from image to image; 0: the stream waits.
        later: whether it is a plan for the next run; at: the batch at hand, from 0.
    """

    batches: int
    shifts: list[Block]
    names: dict[str, str]
    order: str
    concentration: float | None
    classes: list[str]
    strangers: float
    bursts: list[float]
    pace: float
    later: bool
    at: int | None


class ShiftRow(TypedDict):
    """A shift's name, labelled images under it so far, and how many of them each method read."""

    shift: str
    images: int
    right: list[int]


class Shifts(TypedDict):
    """What the panel of accuracies by shift draws; no rows where there was but one."""

    methods: list[Method]
    rows: list[ShiftRow]


def strip_of(
    settings: StreamSettings,
    classes: int,
    batches: int | None = None,
    later: bool = False,
    came: Sequence[tuple[str, int]] = (),
) -> Strip:
    """The plan as data for the script.

    Args:
        classes: how many there are; batches: that the stream has, where its images end before those asked for.
        came: the shifts of the batches so far, which a change on the way makes others than planned.
    """
    plan = plan_of(settings)[:batches]
    shifts = blocks_of([*came, *((batch.shift, batch.severity) for batch in plan[len(came) :])])
    bursts = plan if settings.ood_bursts and settings.ood_share > 0 else ()
    return {
        "batches": len(plan),
        "shifts": shifts,
        "names": {shift: corruption_name(shift) for shift, *_ in shifts},
        "order": say(ORDERS[settings.order]),
        "concentration": settings.concentration if settings.order in ("rotta", "note") else None,
        "classes": _classes(settings, classes, len(plan)) if settings.ordered else [],
        "strangers": settings.ood_share,
        "bursts": [round(batch.strangers / settings.batch_size, 2) for batch in bursts],
        "pace": settings.pace,
        "later": later,
        "at": None,
    }


def strip_data(session: Session) -> Strip:
    """What came in a run, what is to come, and the batch at hand."""
    snapshot, done = session.snapshot, session.state.next_batch
    batches = snapshot.batches if snapshot else None
    data = strip_of(session.recipe.settings.stream, len(session.recipe.class_names), batches, came=session.shifts)
    data["at"] = done if done < data["batches"] else None
    return data


def shifts_data(session: Session) -> Shifts:
    """How many images of each shift every method read so far."""
    tallies = [session.state.tallies[name].by_shift for name in session.recipe.settings.methods]
    rows: list[ShiftRow] = [
        {"shift": corruption_name(shift), "images": seen, "right": [own[shift][1] for own in tallies]}
        for shift, (seen, _) in tallies[0].items()
        if seen
    ]
    return {"methods": entries_of(session), "rows": rows if len(rows) > 1 else []}


@lru_cache(maxsize=64)
def _classes(settings: StreamSettings, classes: int, batches: int) -> list[str]:
    """Rows of classes, one digit for each stretch of batches: the share of the images there, 9 the largest.

    As many images of each class, as the built-in pictures have; a data set's own come close to it.
    """
    plan = plan_of(settings)
    order = order_of(settings, plan)
    known = [settings.batch_size - batch.strangers for batch in plan]
    classes = max(2, classes)
    if order == "sorted":
        labels = np.arange(sum(known)) * classes // sum(known)
    else:
        labels = endless_labels(order, classes, settings.seed)
    rows, columns = min(classes, MOST_ROWS), min(batches, MOST_COLUMNS)
    place = np.repeat(np.arange(len(plan)) * columns // batches, known)
    shown = place < columns
    counts = np.zeros((rows, columns))
    np.add.at(counts, (labels[shown] * rows // classes, place[shown]), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    levels = np.ceil(LEVELS * shares / max(shares.max(), 1e-9)).astype(int)
    return ["".join(map(str, row)) for row in levels]


PANEL = Panel(
    "strip",
    Text("What comes when"),
    draw=strip_data,
)
BY_SHIFT = Panel("shifts", Text("Accuracy under each shift"), draw=shifts_data)
