"""What a panel of the stage is, and the plain numbers of a session that it hands over to the script that draws it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypedDict

from cliptta_demo.backend.methods.registry import looks
from cliptta_demo.backend.run.snapshot import LiveStep, Series
from cliptta_demo.languages import Says
from cliptta_demo.page.session.state import Session


@dataclass(frozen=True)
class Panel(Says):
    """One panel.

    Attributes:
        name: its id in the page, and the name of the script that draws it (``cliptta.kinds``).
        title, sentence: heading, and one sentence of explanation.
        draw: a session whose run has begun → plain numbers for the script, as its return type says; None for a panel
            that no batch changes. Where it is ``live``, it takes the step at work too and is drawn inside a batch.
        waiting: data before the first batch, or for good, or what makes them; none where the script has the words.
    """

    name: str
    title: str
    sentence: str = ""
    draw: Callable[..., Any] | None = None
    waiting: Any = None
    live: bool = False

    def value(self, session: Session | None, step: LiveStep | None = None) -> str:
        """What the script reads, as JSON text."""
        if session is None or self.draw is None:
            return to_json((self.waiting() if callable(self.waiting) else self.waiting) or {})
        return to_json(self.draw(session, step) if self.live else self.draw(session))


def to_json(data: dict[str, Any] | list[Any]) -> str:
    """Compact JSON; refuses NaN, which no browser would parse."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


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


class Misses(Method):
    """A method on a stream that may not wait; ``missed``: the batches, from 0, that came while it was busy."""

    missed: list[int]


class Beside(TypedDict):
    """A method beside zero-shot, see :class:`.Paired`: counts of labelled images."""

    seen: int
    was_right: int
    broken: int
    was_wrong: int
    fixed: int


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


def blocks_of(shifts: list[tuple[str, int]]) -> list[Block]:
    """Of (shift, severity) of each batch."""
    return [(*shift, len(list(batches))) for shift, batches in groupby(shifts)]


def missed_in(series: Series) -> list[int]:
    """The batches, from 0, that came while a method was busy."""
    return [batch for batch, missed in enumerate(series.missed) if missed]


def rounded(values: Any, digits: int) -> list[float | None]:
    """Plain numbers of few digits: the payload stays small."""
    return [None if value is None else round(float(value), digits) for value in values]
