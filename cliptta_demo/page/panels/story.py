"""The panel of the story: what each method asks of a batch, with the numbers of the batch at hand."""

from __future__ import annotations

import math
from string import Formatter
from typing import Any

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.snapshot import LiveStep
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import entry, looks_of
from cliptta_demo.page.panels.matrix import Captions, captions_of
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.glossary import LOSS_TERMS

TOLD = ("cliptta", "cliptta-oce")  # the methods whose three sentences are told
ALONE = "tent"

Part = str | list[str]  # words, or [a number of this batch, the panel that shows it]


def story_data(session: Session, live: LiveStep | None = None) -> dict[str, Any]:
    """Three sentences of CLIPTTA, where it runs, and each method's loss, term by term, at the latest step.

    Returns:
        ``{"sentences": [[part, …], …], "losses": [{method, label, mark, "terms": [[name, value, meaning], …], "sum"},
        …], "when"}``.
    """
    snapshot, shown = session.snapshot, looks_of(session)
    if snapshot is None and live is None:
        return PANEL.waiting
    views = live.methods if live else {name: method.batch for name, method in snapshot.methods.items()}
    losses = live.losses if live else {name: method.losses for name, method in snapshot.methods.items()}
    when = (
        say("step {step} of batch {batch}", step=live.step, batch=live.batch + 1)
        if live
        else say("the last step of batch {batch}", batch=snapshot.batch + 1)
    )
    sentences: list[list[Part]] = []
    told = next((name for name in TOLD if name in shown), None)
    if told and snapshot is not None:
        found = {name: captions_of(views[name], snapshot.logit_scale) for name in (told, ALONE) if name in shown}
        sentences = tell(found[told], found.get(ALONE), shown[told].label)
    return {
        "sentences": sentences,
        "losses": [
            entry(name, look)
            | {"says": METHODS[name].sentence}
            | {"terms": [_term(term, value) for term, value in losses[name].items()]}
            | {"sum": _number(sum(losses[name].values())) if len(losses[name]) > 1 else ""}
            for name, look in shown.items()
            if losses.get(name)
        ],
        "when": when,
    }


def tell(own: Captions, alone: Captions | None, label: str) -> list[list[Part]]:
    """How CLIPTTA works, in three sentences with a batch's numbers; ``alone``: TENT's, where it runs."""
    numbers: dict[str, Part] = {
        "method": label,
        "size": str(own.size),
        "used": _used(own),
        "own": [f"{own.own:.0%}", "matrix"],
        "entropy": [f"{own.entropy:.2f}", "matrix"],
        "most": f"{math.log(own.size):.2f}",
        "alone": _used(alone or own),
    }
    first = say(
        "{method} first gives each image its likeliest caption: the {size} images of this batch use {used} captions."
    )
    then = say(
        "Then each image chooses among all {size} captions of its batch, as CLIP learnt in training. It gives its own "
        "caption {own}, and is as undecided as a row entropy of {entropy} says, of {most} at most: the contrastive "
        "term."
    )
    together = say(
        "So the batch holds together: while its captions differ, an image that joins the crowd fits its own caption "
        "less, and the loss rises."
    )
    beside = say(
        "TENT asks each image alone to be surer, and nothing holds its batch together: its answers use {alone} "
        "captions. CLIPTTA's loss would rise if all joined one crowd."
    )
    return [_filled(text, numbers) for text in (first, then, together if alone is None else beside)]


def _used(captions: Captions) -> Part:
    return [say("{part} of {whole}", part=captions.used, whole=captions.classes), "histogram"]


def _filled(text: str, numbers: dict[str, Part]) -> list[Part]:
    """A sentence's parts, with these in its places."""
    parts: list[Part] = [""]
    for words, name, *_ in Formatter().parse(text):
        for part in (words, numbers[name] if name else ""):
            if isinstance(part, str) and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
    return parts


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _term(term: str, value: float) -> list[str]:
    """What a part of a loss is called, its value, and what it asks for."""
    name, meaning = LOSS_TERMS.get(term, (term, ""))
    return [name, _number(value), meaning]


PANEL = Panel(
    name="story",
    title=say("What each loss asks for"),
    sentence=say(
        "The parts of each method's loss, with their values, and what they ask the batch for. A step moves the "
        "normalisation layers so that the sum falls."
    ),
    kind="story",
    waiting={"empty": say("Press Run: the terms of each loss appear here, with their values at each step.")},
    draw=story_data,
    live=True,
)
