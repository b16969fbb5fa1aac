"""The panel of runs side by side: the one shown, the one before, and those pinned."""

import csv
import io
from collections.abc import Sequence
from typing import TypedDict

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.summary import harmless
from cliptta_demo.languages import Text, say
from cliptta_demo.page.form.fields import fields
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.form.reading import values_of
from cliptta_demo.page.panels.declare import Method, Panel, entries, rounded, to_json
from cliptta_demo.page.session.past import LAST, PastRun, PastRuns, past_run
from cliptta_demo.page.session.state import Recipe, Session


class PastRow(TypedDict):
    """A run.

    Attributes:
        kind: this, last or pin; behind: whether it is drawn dotted; linked: whether its numbers came with a link.
        batches: done, of those asked; changes: of its settings on its way; settings: the differing ones, in words.
        ends: accuracy of each method, 0 to 1, None where it took no part or there are no labels.
    """

    name: str
    kind: str
    behind: bool
    linked: bool
    batches: int
    asked: int
    changes: list[str]
    ends: list[float | None]
    settings: list[str]


class BehindMethod(TypedDict):
    """A method's curves and its accuracy at the end."""

    accuracy: list[float | None]
    entropy: list[float | None]
    end: float | None


class Behind(TypedDict):
    """The run drawn behind the one shown; ``name``: empty for the last one; settings: some that differ, in words."""

    name: str
    settings: list[str]
    batches: int
    methods: dict[str, BehindMethod]


class Past(TypedDict):
    """What the panel draws; no rows: nothing to compare. ``settings``: those that differ, as columns."""

    behind: Behind | None
    methods: list[Method]
    settings: list[str]
    rows: list[PastRow]


_ABOUT = Text(
    "Accuracy at the end of each run, and the settings in which they differ. One of them is drawn dotted behind the "
    "curves of this run."
)
PANEL = Panel("past", Text("Runs side by side"), _ABOUT)


def shown_run(past: PastRuns, session: Session | None) -> PastRun | None:
    """The run that the page shows, the visitor's or what it opened with; None where there is none."""
    return past_run(session) or (past.shown if session is None else None)


def past_value(past: PastRuns, session: Session | None, begins: Recipe | None = None) -> str:
    """What the panel's script reads, see :func:`past_data`."""
    return to_json(past_data(past, session, begins))


def past_data(past: PastRuns, session: Session | None, begins: Recipe | None = None) -> Past:
    """What the panel draws. ``begins``: settings of a run that has no numbers yet."""
    this = shown_run(past, session)
    rows, names, methods = _table(past, this)
    return {
        "behind": _behind(past, this.recipe if this else begins),
        "methods": entries(methods),
        "settings": [fields()[name].label for name in names],
        "rows": [_row(name, run, names, methods, past) for name, run in rows],
    }


def _table(past: PastRuns, this: PastRun | None) -> tuple[list[tuple[str, PastRun]], list[str], list[str]]:
    """Runs by what they are called, the settings in which they differ, and all their methods in the page's order."""
    rows = [(say("This run"), this)] if this is not None else []
    rows += [(say("Last run") if run.name == LAST else run.name, run) for run in past.all]
    methods = [name for name in METHODS if any(name in run.methods for _, run in rows)]
    return rows, _differing([run.recipe for _, run in rows]), methods


def _differing(recipes: Sequence[Recipe]) -> list[str]:
    """The settings in which runs differ, methods apart; strangers' source counts where strangers come."""
    strangers = all(recipe.settings.stream.ood_share for recipe in recipes)
    forms = [values_of(recipe) for recipe in recipes]
    left_out = {"methods"} if strangers else {"methods", "ood_source"}
    return [name for name in fields() if name not in left_out and any(form[name] != forms[0][name] for form in forms)]


def _row(name: str, run: PastRun, names: list[str], methods: list[str], past: PastRuns) -> PastRow:
    form = values_of(run.recipe)
    own = [name for name in names if "." not in name or name.split(".")[0] in form["methods"]]
    return {
        "name": name,
        "kind": "pin" if run in past.pins else "last" if run is past.last else "this",
        "behind": run is past.drawn,
        "linked": run.linked,
        "batches": run.batches,
        "asked": run.recipe.settings.stream.batches,
        "changes": list(run.changes),
        "ends": [run.methods[method].end if method in run.methods else None for method in methods],
        "settings": [fields()[name].words(form[name]) if name in own else "" for name in names],
    }


def _behind(past: PastRuns, this: Recipe | None) -> Behind | None:
    run = past.drawn
    if run is None:
        return None
    same = this is None or this.class_names == run.recipe.class_names  # else another ceiling
    if run.name == LAST and this is not None and (this.dataset != run.recipe.dataset or not same):
        return None  # the run before, of other images or classes, says nothing of this one
    differ = _differing([run.recipe, this]) if this is not None else []
    form = values_of(run.recipe)
    return {
        "name": "" if run.name == LAST else run.name,
        "settings": [fields()[name].phrase(form[name]) for name in differ[:3]],
        "batches": run.batches,
        "methods": {
            key: {
                "accuracy": rounded([None if value != value else value for value in method.accuracy], 3),
                "entropy": rounded(method.entropy, 2) if same else [],
                "end": method.end,
            }
            for key, method in run.methods.items()
        },
    }


def past_csv(past: PastRuns, session: Session | None) -> str:
    """All rows as a CSV for ``saveFile`` in assets/results.js; empty where there is none.

    Accuracy and AUROC are shares, entropy is in nats; all three are those at the end.
    """
    rows, names, methods = _table(past, shown_run(past, session))
    if not rows:
        return ""
    measures = ("accuracy", "collapse entropy", "AUROC")
    heads = ["run", "source", "batches", *(f"{method} {measure}" for method in methods for measure in measures)]
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(heads + [fields()[name].label for name in names] + ["changes", "link"])
    for name, run in rows:
        form = values_of(run.recipe)
        numbers = [number for method in methods for number in _numbers(run, method)]
        settings = [fields()[field].words(form[field]) for field in names]
        row = [name, "link" if run.linked else "page", run.batches, *numbers, *settings, "; ".join(run.changes)]
        writer.writerow([harmless(cell) for cell in (*row, f"?{to_query(run.recipe)}")])
    return to_json({"name": "cliptta-runs.csv", "type": "text/csv;charset=utf-8", "text": "\ufeff" + file.getvalue()})


def _numbers(run: PastRun, method: str) -> list[float | str]:
    if method not in run.methods:
        return [""] * 3
    own = run.methods[method]
    entropy = float(own.entropy[-1]) if len(own.entropy) else None
    return ["" if value is None else round(value, 4) for value in (own.end, entropy, own.auroc)]
