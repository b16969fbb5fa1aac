"""Runs beside the one shown: the last one, and those that the visitor has pinned. Few numbers each, no image."""

from dataclasses import dataclass, replace
from itertools import chain, count

import numpy as np
from numpy.typing import NDArray

from cliptta_demo.backend.errors import UserError, printable
from cliptta_demo.languages import say
from cliptta_demo.page.session.state import Recipe, Session
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.texts import PAST_FULL, PAST_GONE

MOST_PINNED = 4  # rows that are taken in at a glance, and that a link can hold
LONGEST_NAME = 40  # characters
LAST = "Last run"  # its name, by which it is known too; no pinned run has it


@dataclass(frozen=True, eq=False)
class PastMethod:
    """One method of a past run.

    Attributes:
        accuracy: ``(B,)`` float64 running accuracy after each batch, NaN without labels; entropy: ``(B,)`` float64
            collapse entropy of each batch in nats. Of a run that came with a link there is only the last of each.
        auroc: of the whole run, None without strangers.
    """

    accuracy: NDArray[np.float64]
    entropy: NDArray[np.float64]
    auroc: float | None = None

    @property
    def end(self) -> float | None:
        """Accuracy of the whole run, 0 to 1; None without labels."""
        return None if not len(self.accuracy) or np.isnan(self.accuracy[-1]) else float(self.accuracy[-1])


@dataclass(frozen=True, eq=False)
class PastRun:
    """What is kept of a run.

    Attributes:
        recipe: its settings, the last ones where they changed on its way; changes: those changes, in words.
        batches: done; methods: by name.
        name: among the pinned runs; linked: whether the numbers are a link's and nobody ran it here.
    """

    recipe: Recipe
    batches: int
    methods: dict[str, PastMethod]
    changes: tuple[str, ...] = ()
    name: str = LAST
    linked: bool = False


@dataclass(frozen=True, eq=False)
class PastRuns:
    """Plain data, kept for each visitor.

    Attributes:
        shown: what the page opened with, until a run of the visitor's takes its place; it can be pinned.
        last: the run before the one shown; pins: at most ``MOST_PINNED``, of different names.
        behind: the name of the run that is drawn behind the one shown; empty for none.
    """

    shown: PastRun | None = None
    last: PastRun | None = None
    pins: tuple[PastRun, ...] = ()
    behind: str = LAST

    @property
    def all(self) -> tuple[PastRun, ...]:
        """The last run, then those pinned."""
        return (*((self.last,) if self.last is not None else ()), *self.pins)

    @property
    def drawn(self) -> PastRun | None:
        """The run that is drawn behind the one shown."""
        return next((run for run in self.all if run.name == self.behind), None)

    def after(self, session: Session | None) -> "PastRuns":
        """What is shown gives way: the run of ``session`` is the last one then, what the page opened with none."""
        left = past_run(session)
        return replace(self, shown=None, last=left or self.last, behind=LAST if left else self.behind)

    def but(self, recipe: Recipe | None) -> "PastRuns":
        """With nothing drawn behind, and without a last run of these settings."""
        known = self.last is not None and self.last.recipe == recipe
        return replace(self, last=None if known else self.last, behind="")

    def beside(self, recipe: Recipe, name: str, known: PastRun | None) -> "PastRuns":
        """With a run of these settings, ``known`` perhaps, drawn behind the one to come, under a name."""
        found = next((run for run in (*self.all, known) if run is not None and run.recipe == recipe), None)
        return replace(self, last=replace(found, name=name), behind=name) if found else self

    def pin(self, run: PastRun, name: str) -> "PastRuns":
        """That run kept under a name, or under the nearest one that is free; raises :class:`UserError`."""
        if len(self.pins) >= MOST_PINNED:
            raise UserError(PAST_FULL.format(most=MOST_PINNED))
        return replace(self, pins=(*self.pins, replace(run, name=self._free(name))))

    def unpin(self, name: str) -> "PastRuns":
        """Without that pinned run; the last run is drawn again where it was the one behind."""
        pins = tuple(run for run in self.pins if run.name != name)
        return replace(self, pins=pins, behind=LAST if self.behind == name else self.behind)

    def rename(self, name: str, new: str) -> "PastRuns":
        """That pinned run under another name; one without letters changes nothing."""
        old = self.pinned(name)
        others = replace(self, pins=tuple(run for run in self.pins if run is not old))
        new = others._free(new) if new.strip() else name
        pins = tuple(replace(run, name=new) if run is old else run for run in self.pins)
        return replace(self, pins=pins, behind=new if self.behind == name else self.behind)

    def draw(self, name: str) -> "PastRuns":
        """With that run drawn behind the one shown, or none where it was; raises :class:`UserError`."""
        if name not in (run.name for run in self.all):
            raise UserError(PAST_GONE)
        return replace(self, behind="" if self.behind == name else name)

    def pinned(self, name: str) -> PastRun:
        """The pinned run of that name; raises :class:`UserError`."""
        found = next((run for run in self.pins if run.name == name), None)
        if found is None:
            raise UserError(PAST_GONE)
        return found

    def without_uploads(self) -> "PastRuns":
        """Without the runs on the visitor's own images."""
        last = None if self.last is None or self.last.recipe.dataset == UPLOAD else self.last
        return replace(self, last=last, pins=tuple(run for run in self.pins if run.recipe.dataset != UPLOAD))

    def _free(self, name: str) -> str:
        """That name, short and on one line, with a number behind it where another run has it."""
        name = " ".join(printable(name).split())[:LONGEST_NAME].strip() or say("Run")
        taken = {LAST, *(run.name for run in self.all)}
        numbered = (f"{name[: LONGEST_NAME - 4].rstrip()} ({number})" for number in count(2))
        return next(free for free in chain([name], numbered) if free not in taken)


def past_run(session: Session | None) -> PastRun | None:
    """What is kept of a session's run; None before its first batch."""
    if session is None or session.snapshot is None:
        return None
    methods = {}
    for name, method in session.snapshot.methods.items():
        numbers = (np.array(found, np.float64) for found in (method.series.accuracy, method.series.collapse_entropy))
        methods[name] = PastMethod(*numbers, method.auroc)
    return PastRun(session.recipe, session.state.next_batch, methods, tuple(session.changes))
