"""What panels hand over to the scripts that draw them: plain numbers, names and keys of a session, each panel's a type.

Geometry, labels and sentences are the scripts' (``assets``), which so can draw what was computed elsewhere too.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Any, TypedDict

from cliptta_demo.backend.data.schedule import plan_of
from cliptta_demo.backend.methods.looks import looks
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.page.session.state import Session

Block = tuple[str, int, int]  # neighbouring batches of one shift: its key, its severity, how many


class Mark(TypedDict):
    """How a method is drawn: a colour and a symbol of the style sheet, and a dash, all by their names."""

    colour: str
    symbol: str
    dash: str


class Method(TypedDict):
    """A method as all scripts know it: its name, what it is called, and its look."""

    method: str
    label: str
    mark: Mark


class Beside(TypedDict):
    """A method beside zero-shot, see :class:`.Paired`: counts of labelled images."""

    seen: int
    was_right: int
    broken: int
    was_wrong: int
    fixed: int


class Change(TypedDict):
    """A change of settings: before which batch (from 0), and of what."""

    batch: int
    what: str


class Stream(TypedDict):
    """What comes when: the shifts of so many batches, what those are called, and changes of settings so far."""

    batches: int
    shifts: list[Block]
    names: dict[str, str]
    changes: list[Change]


Numbers = Callable[[str], Mapping[str, Any] | None]


def entries(names: Iterable[str], numbers: Numbers = lambda name: {}) -> list[Any]:
    """Methods side by side as the scripts know them, each with its ``numbers``; who has None is left out."""
    return [
        {"method": name, "label": look.label, "mark": look.mark} | own
        for name, look in looks(names).items()
        if (own := numbers(name)) is not None
    ]


def entries_of(session: Session, numbers: Numbers = lambda name: {}) -> list[Any]:
    """Those that a run compares, in the page's order."""
    return entries(session.recipe.settings.methods, numbers)


def stream_of(session: Session, live: LiveStep | None) -> Stream:
    """The stream of a run that has begun: what its batches were shifted by, and what those to come will be."""
    batches = session.snapshot.batches if session.snapshot else live.batches
    planned = plan_of(session.recipe.settings.stream)[len(session.shifts) : batches]
    shifts = blocks_of([*session.shifts, *((batch.shift, batch.severity) for batch in planned)])
    return {
        "batches": batches,
        "shifts": shifts,
        "names": {shift: corruption_name(shift) for shift, *_ in shifts},
        "changes": [{"batch": mark.batch, "what": mark.label} for mark in session.marks],
    }


def blocks_of(shifts: list[tuple[str, int]]) -> list[Block]:
    """Of (shift, severity) of each batch."""
    return [(*shift, len(list(batches))) for shift, batches in groupby(shifts)]


def rounded(values: Any, digits: int) -> list[float | None]:
    """Plain numbers of few digits: the payload stays small."""
    return [None if value is None else round(float(value), digits) for value in values]
