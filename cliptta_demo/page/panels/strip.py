"""The panel of the schedule: what comes when, drawn before the run and with a marker during it; accuracies by shift."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np

from cliptta_demo.backend.corruptions import CORRUPTIONS
from cliptta_demo.backend.data.order import order_of
from cliptta_demo.backend.data.schedule import Planned, plan_of
from cliptta_demo.backend.settings import StreamSettings, corruption_name
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.figure import entry, looks_of
from cliptta_demo.page.session.state import Session

MOST_COLUMNS, MOST_ROWS = 200, 24  # of the picture of classes
SAID = 6  # shifts that are named in the sentence
ORDER_WORDS = {
    "shuffled": say("classes shuffled"),
    "sorted": say("class after class"),
    "rotta": say("classes in runs, RoTTA's"),
    "note": say("classes in runs, NOTE's"),
    "late": say("half of the classes late"),
    "given": say("images as given"),
}
LEVELS = 9  # shades of that picture


def strip_of(settings: StreamSettings, classes: int, batches: int | None = None) -> dict[str, Any]:
    """The plan as data for the script.

    Args:
        classes: how many there are; batches: that the stream has, where its images end before those asked for.
    """
    plan = plan_of(settings)[:batches]
    blocks = blocks_of(plan)
    bursts = settings.ood_bursts and settings.ood_share > 0
    data: dict[str, Any] = {"batches": len(plan), "text": sentence(settings, plan)}
    if len(blocks) == 1 and not settings.ordered and not bursts:
        return data  # one quiet line
    data["blocks"] = blocks
    data["shifts"] = {shift: [_name(shift), _family(shift)] for shift, *_ in blocks}
    if settings.ordered:
        data["classes"] = _classes(settings, classes, len(plan))
    if bursts:
        data["strangers"] = [round(batch.strangers / settings.batch_size, 2) for batch in plan]
    return data


def strip_data(session: Session) -> dict[str, Any]:
    """The plan of a run with the batch at hand, and accuracies by shift where there was more than one."""
    snapshot, done = session.snapshot, session.state.next_batch
    batches = snapshot.batches if snapshot else None
    data = strip_of(session.recipe.settings.stream, len(session.recipe.class_names), batches)
    data["at"] = done if done < data["batches"] else None
    if snapshot is None:
        return data
    methods = snapshot.methods
    shifts = next(iter(methods.values())).shift_accuracy
    if len(shifts) > 1 and any(value is not None for value in shifts.values()):
        data["table"] = {
            "head": [entry(name, look) for name, look in looks_of(session).items()],
            "rows": [
                [_name(shift), *(_percent(method.shift_accuracy[shift]) for method in methods.values())]
                for shift in shifts
            ],
        }
    return data


def blocks_of(plan: tuple[Planned, ...]) -> list[list[Any]]:
    """Neighbouring batches of one shift and severity: shift, severity, number of batches."""
    groups = groupby(plan, lambda batch: (batch.shift, batch.severity))
    return [[shift, severity, len(list(group))] for (shift, severity), group in groups]


def sentence(settings: StreamSettings, plan: tuple[Planned, ...]) -> str:
    """The strip in words, for those who can't see it and where there is little to see."""
    words, start = [], 1
    for shift, group in groupby(plan, lambda batch: batch.shift):
        end = start + len(list(group)) - 1
        words.append(
            say("{shift} in batches {first} to {last}", shift=_name(shift), first=start, last=end)
            if end > start
            else say("{shift} in batch {number}", shift=_name(shift), number=start)
        )
        start = end + 1
    if len(words) == 1:
        words = [say("{shift} in all {batches} batches", shift=_name(plan[0].shift), batches=len(plan))]
    elif len(words) > SAID:
        words[SAID:] = [say("then {number} more", number=len(words) - SAID)]
    low, high = min(batch.severity for batch in plan), max(batch.severity for batch in plan)
    if high:
        words.append(
            say("severity {severity}", severity=high)
            if low == high
            else say("severity {low} to {high}", low=low, high=high)
        )
    order = ORDER_WORDS[settings.order]
    if settings.order in ("rotta", "note"):
        order = say("{order}, concentration {number:g}", order=order, number=settings.concentration)
    words.append(order)
    if settings.ood_share:
        share = settings.ood_share
        words.append(
            say("{share:.0%} strangers in bursts", share=share)
            if settings.ood_bursts
            else say("{share:.0%} strangers", share=share)
        )
    return f"{'; '.join(words)}."


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
        labels = order.labels(classes, settings.seed)
    rows, columns = min(classes, MOST_ROWS), min(batches, MOST_COLUMNS)
    place = np.repeat(np.arange(len(plan)) * columns // batches, known)
    shown = place < columns
    counts = np.zeros((rows, columns))
    np.add.at(counts, (labels[shown] * rows // classes, place[shown]), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    levels = np.ceil(LEVELS * shares / max(shares.max(), 1e-9)).astype(int)
    return ["".join(map(str, row)) for row in levels]


def _name(shift: str) -> str:
    name = corruption_name(shift)
    return f"{name[:1].upper()}{name[1:]}"


def _family(shift: str) -> str:
    return CORRUPTIONS[shift].family if shift in CORRUPTIONS else shift


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


PANEL = Panel(
    name="strip",
    title=say("What comes when"),
    sentence=say("The stream, batch by batch, from left to right: shifts as high as they are severe."),
    kind="strip",
    draw=strip_data,
)
