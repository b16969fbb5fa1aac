"""What a lesson asks before its run. The answers are computed from the run's own numbers, with their noise."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from cliptta_demo.backend.methods.registry import METHODS, REFERENCE, looks
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.metrics import Paired, Tally
from cliptta_demo.languages import Says, Text, localised, say, say_count
from cliptta_demo.page.session.state import Recipe, Session

Data = dict[str, Any]
WAYS = {"falls": Text("falls below zero-shot"), "stays": Text("stays close"), "climbs": Text("climbs above it")}


@dataclass(frozen=True)
class Question(Says):
    """Something to guess.

    Attributes:
        text: what is asked; method: whom it is about; panel: the parts of the page that will show it.
        why: the reason, told with the verdict.
    """

    text: str
    method: str = ""
    _: KW_ONLY
    panel: str = "accuracy"
    why: str = ""

    def asked(self, recipe: Recipe) -> Data:
        """What the page asks.

        "brief": the question among others; "by": what is guessed with, "method", "number" (of %), "class", "way" or
        "image" (by its number from 0); "choices": ``[{"value", "label"}]`` of methods and ways; "marks": where a guess
        is marked.
        """
        raise NotImplementedError

    def answer(self, session: Session) -> Data:
        """What the run says.

        ``{"words": sentence, "brief": a few of them, "right": [values]}``; of a number "truth" and "margin", in %, in
        place of "right".
        """
        raise NotImplementedError


class Lowest(Question):
    """Which method ends lowest?"""

    def asked(self, recipe: Recipe) -> Data:
        """One choice a method; the guess is marked on its card."""
        methods = looks(recipe.settings.methods).items()
        choices = [{"value": name, "label": look.label, "mark": look.mark} for name, look in methods]
        marks = {"card": say("you said: ends lowest")}
        return {"brief": say("Which ends lowest?"), "by": "method", "choices": choices, "marks": marks}

    def answer(self, session: Session) -> Data:
        """The lowest; with it those that so few images don't tell from it."""
        ends = {name: method.accuracy for name, method in session.snapshot.methods.items()}
        first = min(ends, key=ends.get)
        tied = [name for name in ends if name == first or paired_between(session, name, first).is_noise]
        if len(tied) == 1:
            about = {"method": METHODS[first].label, "share": ends[first]}
            brief = say("{method}, at {share:.1%}", **about)
            return {"words": say("{method} ends lowest, at {share:.1%}.", **about), "brief": brief, "right": tied}
        named = say(" and ").join(f"{METHODS[name].label} ({localised(f'{ends[name]:.1%}')})" for name in tied)
        words = say("{methods} are too close to tell apart on so few images.", methods=named)
        return {"words": words, "brief": say(" and ").join(METHODS[name].label for name in tied), "right": tied}


class Ends(Question):
    """At which accuracy does a method end?"""

    def asked(self, recipe: Recipe) -> Data:
        """A number, which is marked across the accuracies and at the end of the line."""
        look = looks(recipe.settings.methods)[self.method]
        words = {"card": say("you said {guess}"), "line": say("your guess {guess}")}
        brief = say("Where does {method} end?", method=look.label)
        return {"brief": brief, "by": "number", "mark": look.mark, "marks": {**words, "method": self.method}}

    def answer(self, session: Session) -> Data:
        """The accuracy, and two standard errors of that of so many images (a share's, binomial)."""
        own = session.snapshot.methods[self.method]
        end, margin = own.accuracy, 200 * (own.accuracy * (1 - own.accuracy) / max(own.seen, 1)) ** 0.5
        label = METHODS[self.method].label
        words = say("{method} ends at {share:.1%} (noise ± {margin:.1f}).", method=label, share=end, margin=margin)
        truth = {"truth": round(100 * end, 1), "margin": round(max(margin, 1.0), 1)}
        return {"words": words, "brief": localised(f"{end:.1%}"), **truth}


@dataclass(frozen=True)
class Swallows(Question):
    """Which class takes most of a method's predictions?"""

    panel: str = "answers"

    def asked(self, recipe: Recipe) -> Data:
        """A class; the guess is marked in its row."""
        brief = say("Which class swallows the rest?")
        return {"brief": brief, "by": "class", "marks": {"bar": say("your guess"), "method": self.method}}

    def answer(self, session: Session) -> Data:
        """The class, with its share of all predictions so far, as the panel has it."""
        counts = session.state.tallies[self.method].histogram
        names, most, count = session.recipe.class_names, int(counts.max()), int(counts.sum())
        right = [say(display_name(names[index])) for index in np.flatnonzero(counts == most)]
        named = say(" and ").join(f"“{name}”" for name in right)
        about = {"method": METHODS[self.method].label, "share": most / max(count, 1), "classes": named}
        brief = f"{named}, {localised(format(about['share'], '.0%'))}"
        words = say("{method} calls {share:.0%} of all {count} images {classes}.", count=count, **about)
        return {"words": words, "brief": brief, "right": right}


@dataclass(frozen=True)
class Goes(Question):
    """Where does a method end beside zero-shot?

    Attributes:
        within: how far apart two numbers may be to count as close, as a share; whole percents.
        measure: "accuracy" or "auroc".
    """

    within: float = 0.05
    _: KW_ONLY
    measure: str = "accuracy"

    def asked(self, recipe: Recipe) -> Data:
        """Below, close or above; the guess is marked at the end of the method's line."""
        choices = [{"value": way, "label": self._way(way)} for way in WAYS]
        marks = {"card": say("you said: {guess}"), "method": self.method}
        brief = say("Where does {method} end?", method=METHODS[self.method].label)
        return {"brief": brief, "by": "way", "choices": choices, "marks": marks}

    def _way(self, way: str) -> str:
        points = round(100 * self.within)
        close = say_count("stays within {count} point", "stays within {count} points", points)
        return close if way == "stays" else say(WAYS[way])

    def answer(self, session: Session) -> Data:
        """Which of the three, and of accuracies whether chance alone often gives such a difference."""
        own, before = (session.snapshot.methods[name] for name in (self.method, REFERENCE))
        auroc, (end, start) = self.measure == "auroc", (getattr(each, self.measure) for each in (own, before))
        words = Text("The AUROC of {method} is {share:.1%}") if auroc else Text("{method} ends at {share:.1%}")
        words = f"{words.format(method=METHODS[self.method].label, share=end)}, {_beside(end, start)}"
        gain, margin = beside(session, self.method, REFERENCE, self.measure)
        if abs(gain) <= margin:
            words += "; " + say("on so few images ± {margin:.1f} is noise", margin=100 * margin)
        way = "stays" if abs(end - start) <= self.within else "falls" if end < start else "climbs"
        return {"words": f"{words}.", "brief": self._way(way), "right": [way]}


@dataclass(frozen=True)
class Finds(Question):
    """Which image of the first batch does a method get wrong, once it has adapted to that batch?"""

    panel: str = "words"

    def asked(self, recipe: Recipe) -> Data:
        """An image, by its number from 0; the guess is marked there."""
        return {"brief": say("Which image?"), "by": "image", "marks": {}}

    def answer(self, session: Session) -> Data:
        """Those of the labelled ones that it got wrong."""
        batch = session.results[0]
        wrong = np.flatnonzero((batch.methods[self.method].predicted != batch.labels) & (batch.labels >= 0)).tolist()
        about = {"method": METHODS[self.method].label, "wrong": len(wrong), "images": int((batch.labels >= 0).sum())}
        brief = say("{wrong} of {images}", **about)
        return {"words": say("{method} gets {wrong} of these {images} wrong.", **about), "brief": brief, "right": wrong}


def paired_between(session: Session, name: str, other: str) -> Paired:
    """Two methods of a run on the very same labelled images, ``other`` in the place of zero-shot."""

    def right(method: str) -> np.ndarray:
        batches = session.results
        return np.concatenate([(b.methods[method].predicted == b.labels)[b.labels >= 0] for b in batches])

    own, before = right(name), right(other)
    was_right = int(before.sum())
    broken, fixed = int((before & ~own).sum()), int((own & ~before).sum())
    return Paired(len(own), was_right, broken, len(own) - was_right, fixed)


def beside(session: Session, name: str, other: str, measure: str) -> tuple[float, float]:
    """How far a method's "accuracy" or "auroc" is above another's on the same images, and two standard errors of that.

    Of accuracies as :class:`.Paired` has them; of AUROCs DeLong et al., Comparing the areas under two or more
    correlated receiver operating characteristic curves, 1988.
    """
    if measure == "accuracy":
        paired = paired_between(session, name, other)
        return paired.gain, paired.margin
    own, before = (_placed(session.state.tallies[each]) for each in (name, other))
    known, strange = (mine - theirs for mine, theirs in zip(own, before, strict=True))
    variance = sum(part.var(ddof=1) / len(part) for part in (known, strange) if len(part) > 1)
    return float(known.mean()), 2 * float(variance) ** 0.5


def _placed(tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Of each known image's score the share of strangers below it, of each stranger's that of known images above."""

    def below(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
        ordered = np.sort(others)
        return sum(np.searchsorted(ordered, scores, side) for side in ("left", "right")) / (2 * max(len(ordered), 1))

    return below(tally.id_scores, tally.ood_scores), 1 - below(tally.ood_scores, tally.id_scores)


def _beside(end: float, start: float) -> str:
    points = localised(f"{abs(100 * (end - start)):.1f}")
    if points == localised("0.0"):
        return say("the same as zero-shot's {share:.1%}", share=start)
    if end > start:
        return say("{points} points above zero-shot's {share:.1%}", points=points, share=start)
    return say("{points} points below zero-shot's {share:.1%}", points=points, share=start)
