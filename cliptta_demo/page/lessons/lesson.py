"""What a lesson is made of: questions before the run, steps that explain it, changes at the end, and what it claims."""

import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from cliptta_demo.backend.methods.registry import REFERENCE
from cliptta_demo.backend.variants import label_of
from cliptta_demo.languages import Says, Text
from cliptta_demo.page.lessons.questions import Question

LONGEST = 170  # letters of a step: five lines of a column 300 px wide
LONGEST_ASK = 90  # of a question, which is larger

# Of the menu, in its order.
GROUPS = {"start": Text("Start"), "limits": Text("Limits"), "yours": Text("Yours"), "streams": Text("Streams")}

Numbers = Mapping[str, float | None]
Columns = Mapping[str, Numbers]  # column → measure → number, of one stream


def numbers_of(summary: Mapping[str, Any]) -> dict[str, float | None]:
    """The measures that claims are made of, each 0 to 1, from a stream's summary (see :func:`.runs.run_stream`).

    ``entropy_share``: collapse entropy of the last batch as a share of its ceiling; ``largest_share``: the share of the
    last batch that its commonest prediction has.
    """
    found = {
        "accuracy": summary["accuracy"],
        "auroc": summary["auroc"],
        "fpr95": summary["fpr95"],
        "entropy_share": summary["collapse_entropy"] / summary["collapse_entropy_ceiling"],
        "largest_share": summary["series"]["largest_class_share"][-1],
        "collapsed": float(summary["collapsed"]),
    }
    return {name: None if value is None else round(value, 5) for name, value in found.items()}


@dataclass(frozen=True)
class Quantity:
    """A number of one stream: a measure of one column, or how far it is above that of another."""

    name: str
    column: str
    other: str = ""

    @property
    def words(self) -> str:
        """What it is, for people."""
        name, label = MEASURES[self.name], label_of(self.column)
        return f"{name}, {label} − {label_of(self.other)}" if self.other else f"{name} of {label}"

    @property
    def leads(self) -> str:
        """The method whose accuracy it compares with zero-shot's; empty where it is another number."""
        return self.column if (self.other, self.name) == (REFERENCE, "accuracy") else ""

    def of(self, columns: Columns) -> float:
        """The number, a share or a difference of shares."""
        value = columns[self.column][self.name]
        return value - columns[self.other][self.name] if self.other else value


measure = Quantity  # of one column


def lead(column: str, other: str = REFERENCE, name: str = "accuracy") -> Quantity:
    """How far a measure of ``column`` is above that of ``other``."""
    return Quantity(name, column, other)


MEASURES = {
    "accuracy": "accuracy",
    "auroc": "AUROC",
    "fpr95": "FPR95",
    "entropy_share": "entropy at the end, share of the ceiling,",
    "largest_share": "largest class at the end, share of the batch,",
    "collapsed": "streams that collapse, share",
}


@dataclass(frozen=True)
class Claim(Says):
    """A sentence that compares, and when it is true.

    Attributes:
        sentence: its words as they stand in the text; ``{}`` stands for the measured mean and its standard error in
            points.
        quantity: of one stream; above, below: the limits between which it has to be.
        where: the streams that count, by their numbers; None: all.
    """

    sentence: str
    quantity: Quantity
    _: KW_ONLY
    above: float = -math.inf
    below: float = math.inf
    where: Callable[[Columns], bool] | None = None

    def holds(self, value: float) -> bool:
        """Whether a value is between the limits."""
        return self.above < value < self.below

    def distance(self, value: float) -> float:
        """How far a value is from the nearer limit; negative on its wrong side."""
        return min(value - self.above, self.below - value)

    @property
    def limits(self) -> str:
        """The limits in words, in %."""
        sides = [(f"above {100 * self.above:g}", self.above), (f"below {100 * self.below:g}", self.below)]
        return " and ".join(text for text, limit in sides if math.isfinite(limit))


@dataclass(frozen=True)
class Told(Says):
    """A step that only tells.

    ``text``: a literal of at most ``LONGEST`` letters; ``panel``: the parts to look at, with blanks between them.
    """

    text: str
    panel: str = "accuracy"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", Text(self.text))  # what is gathered stands in the lessons


@dataclass(frozen=True)
class Change(Says):
    """One thing that is changed at the end, to see what comes of it.

    Attributes:
        text: the question; button: what is done; settings: by the names of the form; panel: the parts to look at.
        of, against: the methods whose ``measure`` ("accuracy" or "auroc") is compared.
        falls, stays, climbs: the verdict, by the way that it went; its numbers follow.
    """

    text: str
    button: str
    settings: dict[str, Any]
    panel: str = "accuracy"
    _: KW_ONLY
    of: str
    against: str = REFERENCE
    measure: str = "accuracy"
    falls: str = ""
    stays: str = ""
    climbs: str = ""


@dataclass(frozen=True, kw_only=True)
class Lesson(Says):
    """One guided experiment.

    Attributes:
        key: its name in the page and in links; title: of its button, which asks and doesn't tell.
        group: of the menu, by its key in ``GROUPS``; minutes: that it takes.
        changes: settings that differ from the package's experiment, by the names of the form.
        asks: what to guess before the run; explains: what is told after it, a step each.
        tries: the last steps, a change each.
        claims: what its words say of the methods; each sentence is a part of ``explains`` or of a reason.
        compare: what the opening run is called where it is drawn behind this one; else empty.
        runs: False where the visitor must do something first.
    """

    key: str
    title: str
    group: str
    minutes: int
    changes: dict[str, Any]
    asks: tuple[Question, ...] = ()
    explains: tuple[Told, ...]
    tries: tuple[Change, ...] = ()
    claims: tuple[Claim, ...] = ()
    compare: str = ""
    runs: bool = True
