"""What the page's stepper shows of the open lesson: its steps, and what the run says of guesses and claims."""

from typing import Any

import gradio as gr

from cliptta_demo.backend.methods.registry import METHODS, REFERENCE
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.run.summary import collapsed, summarise
from cliptta_demo.languages import Text, localised, within
from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.lessons.lesson import Change, Claim, numbers_of
from cliptta_demo.page.lessons.lessons import LESSONS, Lesson, lesson_recipe, tried_recipes
from cliptta_demo.page.lessons.questions import beside
from cliptta_demo.page.panels.declare import entries, to_json
from cliptta_demo.page.panels.panel import scripted
from cliptta_demo.page.session.past import PastRun
from cliptta_demo.page.session.state import Recipe, Session

PART = {"state": "part"}
FALLS, STAYS, CLIMBS = Text("{method} falls"), Text("{method} stays close"), Text("{method} climbs")
BELOW = Text("{points} points below {other} (± {margin} is noise)")
ABOVE = Text("{points} points above {other} (± {margin} is noise)")


def build_stepper() -> gr.HTML:
    """The column of the open lesson; its value is :func:`lesson_value`."""
    template = (
        '<section class="lesson" tabindex="-1" hidden><p class="where"></p><h2></h2><ol></ol>'
        '<p class="sr say" aria-live="polite"></p><div class="go"></div></section>'
    )
    return scripted("lesson", template, "window.cliptta.lesson(element, props, watch);")


def lesson_value(
    lesson: Lesson | None, session: Session | None = None, before: PastRun | None = None, opened: str = ""
) -> str:
    """What the column's script reads (assets/lesson.js), as JSON text; empty where no lesson is open.

    Args:
        session: the run shown; before: the run drawn behind it; opened: says that it begins, anew each time.
    """
    if lesson is None:
        return ""
    number, recipe = LESSONS.index(lesson) + 1, lesson_recipe(lesson) if lesson.runs else None
    shown = {
        "opened": opened,
        "run": to_query(recipe) if recipe else "",
        "key": lesson.key,
        "number": number,
        "count": len(LESSONS),
        "title": lesson.title,
        "next": LESSONS[number].key if number < len(LESSONS) else "",
        "plan": _plan(recipe) if recipe else None,
        "steps": _steps(lesson, recipe),
        "outcome": _outcome(lesson, session, before),
    }
    return to_json(shown)


def _plan(recipe: Recipe) -> dict[str, Any]:
    classes = [display_name(name) for name in recipe.class_names]
    return {"batches": recipe.settings.stream.batches, "classes": classes, "methods": entries(recipe.settings.methods)}


def _steps(lesson: Lesson, recipe: Recipe | None) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for index, ask in enumerate(lesson.asks):
        about = {"text": ask.text, "why": ask.why, "panel": ask.panel}
        steps.append({"kind": "ask", "id": f"{lesson.key}-{index}", **about, **ask.asked(recipe)})
    steps += [{"kind": "told", "text": step.text, "panel": step.panel} for step in lesson.explains]
    for index, change in enumerate(lesson.tries):
        brief = ", ".join(fields()[name].phrase(value) for name, value in change.settings.items())
        about = {"text": change.text, "button": change.button, "brief": brief, "panel": change.panel}
        steps.append({"kind": "change", "index": index, **about})
    return steps


def _outcome(lesson: Lesson, session: Session | None, before: PastRun | None) -> dict[str, Any]:
    """``{"state"}``: "none", "part", "other" (a run of other settings), "done" or "changed" (what the lesson tries).

    With "done" come "answers", by the steps' ids, and "claims", each ``[sentence, "holds" | "noise" | "fails"]``; with
    "changed" the "index" of what was tried, its verdict, "words", and "more".
    """
    if session is None or session.snapshot is None or not lesson.runs:
        return {"state": "none"}
    whole = session.state.next_batch >= session.snapshot.batches and not session.marks
    if session.recipe in (tried := tried_recipes(lesson)):
        index = tried.index(session.recipe)
        own = before if before is not None and before.recipe == lesson_recipe(lesson) else None
        return {"state": "changed", "index": index, **_verdict(lesson.tries[index], session, own)} if whole else PART
    if session.recipe != lesson_recipe(lesson) or session.marks:
        return {"state": "other"}
    if not whole:
        return PART
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


def _verdict(change: Change, session: Session, before: PastRun | None) -> dict[str, str]:
    """Which way a try went, with its numbers and their noise; and the method's accuracy ``before`` and now."""
    gain, margin = beside(session, change.of, change.against, change.measure)
    way = "stays" if abs(gain) <= margin else "falls" if gain < 0 else "climbs"
    label, other = (METHODS[name].label for name in (change.of, change.against))
    usual = {"falls": FALLS, "stays": STAYS, "climbs": CLIMBS}[way].format(method=label)
    about = {"points": localised(f"{abs(100 * gain):.1f}"), "margin": localised(f"{100 * margin:.1f}")}
    about["other"] = within(other) if change.against == REFERENCE else other
    numbers = (BELOW if gain < 0 else ABOVE).format(**about)
    found = before.methods.get(change.of) if before is not None else None
    now = session.snapshot.methods[change.of].accuracy
    known = found is not None and found.end is not None and now is not None
    more = f"{label} {localised(f'{found.end:.1%} → {now:.1%}')}" if known else ""
    said = getattr(change, way) or f"{usual}."
    return {"words": f"{said} {numbers[:1].upper()}{numbers[1:]}.", "more": more}
