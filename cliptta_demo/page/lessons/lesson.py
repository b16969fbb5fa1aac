"""What a lesson is made of: questions before the run, steps that explain it, and one change at the end."""

from dataclasses import dataclass
from typing import Any

from cliptta_demo.languages import Says, Text
from cliptta_demo.page.lessons.claim import Claim
from cliptta_demo.page.lessons.questions import Question

LONGEST = 140  # letters of a step: two lines beside the title
LONGEST_ASK = 72  # of a question: one line, the choices are the other


@dataclass(frozen=True)
class Told(Says):
    """A step that only tells. ``text``: a literal of at most ``LONGEST`` letters; ``panel``: the part to look at."""

    text: str
    panel: str = "accuracy"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", Text(self.text))  # what is gathered stands in the lessons


@dataclass(frozen=True, kw_only=True)
class Change(Says):
    """The one thing that is changed at the end.

    Attributes:
        text: the question; button: what is done; settings: by the names of the form.
    """

    text: str
    button: str
    settings: dict[str, Any]
    panel: str = "accuracy"


@dataclass(frozen=True, kw_only=True)
class Lesson(Says):
    """One guided experiment.

    Attributes:
        key: its name in the page and in links; title: of its button.
        changes: settings that differ from the package's experiment, by the names of the form.
        asks: what to guess before the run; explains: what is told after it, a step each.
        change: the last step; None where there is none.
        claims: what its words say of the methods; each sentence is a part of ``explains``.
        compare: the lesson whose run is drawn behind this one; empty for none.
        runs: False where the visitor must do something first.
    """

    key: str
    title: str
    changes: dict[str, Any]
    asks: tuple[Question, ...] = ()
    explains: tuple[Told, ...]
    change: Change | None = None
    claims: tuple[Claim, ...] = ()
    compare: str = ""
    runs: bool = True

    @property
    def words(self) -> str:
        """All that it says, as prose."""
        told = [*(ask.text for ask in self.asks), *(step.text for step in self.explains)]
        return " ".join([*told, *([self.change.text] if self.change else [])])
