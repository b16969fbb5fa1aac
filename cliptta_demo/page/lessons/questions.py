"""What a lesson asks before its run, and what the run answers.

Nothing here knows an answer: each is computed from a run's own numbers, with the noise of so few images.
"""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol

import numpy as np

from cliptta_demo.backend.methods.looks import looks
from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.metrics import Paired
from cliptta_demo.languages import Says, Text, say, say_count
from cliptta_demo.page.session.state import Recipe, Session

Data = dict[str, Any]
WAYS = {"falls": Text("falls below zero-shot"), "stays": Text("stays close"), "climbs": Text("climbs above it")}


class Question(Protocol):
    """Something to guess. ``text``: what is asked; ``panel``: the part of the page that will show it."""

    text: str
    panel: str

    def asked(self, recipe: Recipe) -> Data:
        """``{"choices": [{"value", "label"}]}`` or ``{"slider": label}``; "marks": where a guess is marked."""

    def answer(self, session: Session) -> Data:
        """``{"words": sentence, "right": [values]}``; of a number "truth" and "margin", in %, in place of "right"."""


@dataclass(frozen=True)
class Lowest(Says):
    """Which method ends lowest?"""

    text: str
    _: KW_ONLY
    panel: str = "accuracy"

    def asked(self, recipe: Recipe) -> Data:
        """One choice a method; the guess is marked on its card."""
        methods = looks(recipe.settings.methods).items()
        choices = [{"value": name, "label": look.label, "mark": look.mark} for name, look in methods]
        return {"choices": choices, "marks": {"card": say("you said: ends lowest")}}

    def answer(self, session: Session) -> Data:
        """The lowest; with it those that so few images don't tell from it."""
        ends = {name: _accuracy(session, name) for name in session.recipe.settings.methods}
        first = min(ends, key=ends.get)
        tied = [name for name in ends if name == first or paired_between(session, name, first).is_noise]
        if len(tied) == 1:
            about = {"method": METHODS[first].label, "share": ends[first]}
            return {"words": say("{method} ends lowest, at {share:.1%}.", **about), "right": tied}
        named = say(" and ").join(f"{METHODS[name].label} ({ends[name]:.1%})" for name in tied)
        return {"words": say("{methods} are too close to tell apart on so few images.", methods=named), "right": tied}


@dataclass(frozen=True)
class Ends(Says):
    """At which accuracy does a method end?"""

    text: str
    method: str
    _: KW_ONLY
    panel: str = "accuracy"

    def asked(self, recipe: Recipe) -> Data:
        """A slider, whose value is marked across the accuracies and on the card."""
        look = looks(recipe.settings.methods)[self.method]
        words = {"card": say("you said {guess}"), "line": say("your guess {guess}")}
        return {"slider": look.label, "marks": {**words, "method": self.method, "colour": look.colour}}

    def answer(self, session: Session) -> Data:
        """The accuracy, and two standard errors of that of so many images (a share's, binomial)."""
        end, seen = _accuracy(session, self.method), session.snapshot.methods[self.method].seen
        margin = 200 * (end * (1 - end) / max(seen, 1)) ** 0.5
        label = METHODS[self.method].label
        words = say("{method} ends at {share:.1%} (noise ± {margin:.1f}).", method=label, share=end, margin=margin)
        return {"words": words, "truth": round(100 * end, 1), "margin": round(max(margin, 1.0), 1)}


@dataclass(frozen=True)
class Swallows(Says):
    """Which class takes most of a method's predictions?"""

    text: str
    method: str
    _: KW_ONLY
    panel: str = "histogram"

    def asked(self, recipe: Recipe) -> Data:
        """One choice a class; the guess is marked above its bar."""
        names = [display_name(name) for name in recipe.class_names]
        choices = [{"value": name, "label": name} for name in names]
        return {"choices": choices, "marks": {"bar": say("your guess"), "method": self.method}}

    def answer(self, session: Session) -> Data:
        """The class, with its share of all predictions so far, as the panel has it."""
        counts = session.state.tallies[self.method].histogram
        names = [display_name(name) for name in session.recipe.class_names]
        most = int(counts.max())
        right = [name for name, count in zip(names, counts.tolist(), strict=True) if count == most]
        named = say(" and ").join(f"“{name}”" for name in right)
        about = {"method": METHODS[self.method].label, "share": most / max(int(counts.sum()), 1), "classes": named}
        return {"words": say("{method} calls {share:.0%} of them {classes}.", **about), "right": right}


@dataclass(frozen=True)
class Goes(Says):
    """Where does a method end beside zero-shot?

    Attributes:
        within: how far apart two numbers may be to count as close, as a share; whole percents.
        measure: "accuracy" or "auroc".
    """

    text: str
    method: str
    within: float
    _: KW_ONLY
    measure: str = "accuracy"
    panel: str = "accuracy"

    def asked(self, recipe: Recipe) -> Data:
        """Below, close or above; the guess is marked on the method's card."""
        points = round(100 * self.within)
        close = say_count("stays within {count} point", "stays within {count} points", points)
        choices = [{"value": way, "label": close if way == "stays" else say(words)} for way, words in WAYS.items()]
        return {"choices": choices, "marks": {"card": say("you said: {guess}"), "method": self.method}}

    def answer(self, session: Session) -> Data:
        """Which of the three, and of accuracies whether chance alone often gives such a difference."""
        own, before = (session.snapshot.methods[name] for name in (self.method, REFERENCE))
        label = METHODS[self.method].label
        if self.measure == "auroc":
            end, start = own.auroc, before.auroc
            words = say("The AUROC of {method} is {share:.1%}", method=label, share=end)
        else:
            end, start = own.accuracy, before.accuracy
            words = say("{method} ends at {share:.1%}", method=label, share=end)
        words = f"{words}, {_beside(end, start)}"
        if self.measure == "accuracy" and own.paired.is_noise:
            words += "; " + say("on so few images ± {margin:.1f} is noise", margin=100 * own.paired.margin)
        way = "stays" if abs(end - start) <= self.within else "falls" if end < start else "climbs"
        return {"words": f"{words}.", "right": [way]}


def paired_between(session: Session, name: str, other: str) -> Paired:
    """Two methods of a run on the very same labelled images, ``other`` in the place of zero-shot."""
    right = {
        each: np.concatenate([(batch.methods[each].predicted == batch.labels)[batch.labels >= 0] for batch in results])
        for results in (session.results,)
        for each in (name, other)
    }
    own, before = right[name], right[other]
    was_right = int(before.sum())
    broken, fixed = int((before & ~own).sum()), int((own & ~before).sum())
    return Paired(len(own), was_right, broken, len(own) - was_right, fixed)


def _accuracy(session: Session, name: str) -> float:
    return session.snapshot.methods[name].accuracy


def _beside(end: float, start: float) -> str:
    """How far from zero-shot's, in a clause."""
    points = f"{abs(100 * (end - start)):.1f}"
    if points == "0.0":
        return say("the same as zero-shot's {share:.1%}", share=start)
    if end > start:
        return say("{points} points above zero-shot's {share:.1%}", points=points, share=start)
    return say("{points} points below zero-shot's {share:.1%}", points=points, share=start)
