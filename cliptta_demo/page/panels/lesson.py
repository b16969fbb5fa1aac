"""What the page's stepper shows of the open lesson: its steps, and what the run says of guesses and claims. Pure."""

from typing import Any

import gradio as gr

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.summary import collapsed, summarise
from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.lessons.lesson import Claim, numbers_of
from cliptta_demo.page.lessons.lessons import LESSONS, Lesson, lesson_recipe, tried_recipes
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.panel import scripted
from cliptta_demo.page.session.past import PastRun
from cliptta_demo.page.session.state import Session


def build_stepper() -> gr.HTML:
    """The bar of the open lesson; its value is :func:`lesson_value`."""
    template = (
        '<p class="sets" hidden></p><section class="lesson" hidden><div class="where"><h2></h2><ol></ol></div>'
        '<div class="what"><p class="say" aria-live="polite"></p><div class="answer"></div></div>'
        '<div class="go"><button type="button" class="next"></button>'
        '<button type="button" class="close"></button></div></section>'
    )
    return scripted("lesson", template, "window.cliptta.lesson(element, props, watch);")


def lesson_value(
    lesson: Lesson | None, session: Session | None = None, before: PastRun | None = None, opened: str = ""
) -> str:
    """What the stepper's script reads (assets/lesson.js), as JSON text; empty where no lesson is open.

    Args:
        session: the run shown; before: the run drawn behind it; opened: says that it begins, anew each time.
    """
    if lesson is None:
        return ""
    number = LESSONS.index(lesson) + 1
    shown = {
        "opened": opened,
        "run": to_query(lesson_recipe(lesson)) if lesson.runs else "",
        "key": lesson.key,
        "number": number,
        "title": lesson.title,
        "next": LESSONS[number].key if number < len(LESSONS) else "",
        "sets": ", ".join(fields()[name].phrase(value) for name, value in lesson.changes.items()),
    }
    return to_json(shown | {"steps": _steps(lesson), "outcome": _outcome(lesson, session, before)})


def _steps(lesson: Lesson) -> list[dict[str, Any]]:
    recipe = lesson_recipe(lesson) if lesson.runs else None
    steps: list[dict[str, Any]] = [
        {"kind": "ask", "id": f"{lesson.key}-{index}", "text": ask.text, "panel": ask.panel, **ask.asked(recipe)}
        for index, ask in enumerate(lesson.asks)
    ]
    if lesson.asks:
        steps.append({"kind": "see", "panel": lesson.asks[-1].panel})
    steps += [{"kind": "told", "text": step.text, "panel": step.panel} for step in lesson.explains]
    steps += [
        {"kind": "change", "index": index, "text": change.text, "button": change.button, "panel": change.panel}
        for index, change in enumerate(lesson.tries)
    ]
    return steps


def _outcome(lesson: Lesson, session: Session | None, before: PastRun | None) -> dict[str, Any]:
    """``{"state"}``: "none", "part", "other" (a run of other settings), "done" or "changed" (the lesson's last step).

    With "done" come "answers", by the steps' ids, and "claims", each ``[sentence, "holds" | "noise" | "fails"]``; with
    "changed" a sentence, "words".
    """
    if session is None or session.snapshot is None or not lesson.runs:
        return {"state": "none"}
    whole = session.state.next_batch >= session.snapshot.batches and not session.marks
    if session.recipe in tried_recipes(lesson):
        return {"state": "changed", "words": _compared(session, before)} if whole else {"state": "part"}
    if session.recipe != lesson_recipe(lesson) or session.marks:
        return {"state": "other"}
    if not whole:
        return {"state": "part"}
    answers = {f"{lesson.key}-{index}": ask.answer(session) for index, ask in enumerate(lesson.asks)}
    return {"state": "done", "answers": answers, "claims": _claims(lesson.claims, session)}


def _claims(claims: tuple[Claim, ...], session: Session) -> list[list[str]]:
    """What the run at hand says of each claim; a lead over zero-shot that chance alone often gives is noise."""
    summaries = summarise(session.snapshot)["methods"].items()
    numbers = {name: numbers_of(summary | {"collapsed": collapsed(summary)}) for name, summary in summaries}
    methods = session.snapshot.methods

    def comes_out(claim: Claim) -> str:
        leads = claim.quantity.leads  # whose accuracy is compared with zero-shot's
        if leads and 0 in (claim.above, claim.below) and methods[leads].paired.is_noise:
            return "noise"
        return "holds" if claim.holds(claim.quantity.of(numbers)) else "fails"

    return [[claim.sentence, comes_out(claim)] for claim in claims]


def _compared(session: Session, before: PastRun | None) -> str:
    """Each method's accuracy before and after the change."""
    ends = {name: run.end for name, run in before.methods.items()} if before is not None else {}
    return ", ".join(
        f"{METHODS[name].label} {ends[name]:.1%} → {method.accuracy:.1%}"
        for name, method in session.snapshot.methods.items()
        if ends.get(name) is not None and method.accuracy is not None
    )
