"""Image by image: data for the table, and what the download buttons save. Pure."""

from __future__ import annotations

from typing import TypedDict

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.results import rows, to_csv
from cliptta_demo.backend.run.summary import full_report
from cliptta_demo.languages import say
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.panels.declare import Panel, to_json
from cliptta_demo.page.panels.numbers import Method, entry, looks_of
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.defaults import TABLE_ROWS

PANEL = Panel(
    name="results",
    title=say("Results, image by image"),
    sentence=say(
        "What each method says of every image so far, and how sure it is, before adapting (zero-shot) and after."
    ),
)


class Column(TypedDict):
    """One column: its key among :func:`.rows`'s, without the method's name; ``method``: "" for what is the image's."""

    key: str
    method: str


class Results(TypedDict):
    """What the table draws: the newest images in the stream's order, of so many in all; ``methods`` have columns."""

    total: int
    columns: list[Column]
    methods: list[Method]
    rows: list[list[str | float]]


def results_data(session: Session) -> Results:
    """At most ``TABLE_ROWS`` images of a run of which one batch is done, at least."""
    kept, count, total = [], 0, session.state.images_done
    for batch in reversed(session.results):  # whole batches, until there are enough rows
        kept.insert(0, batch)
        count += len(batch.labels)
        if count >= TABLE_ROWS:
            break
    found = list(rows(kept, session.recipe.class_names, with_scores(session), first=total - count + 1))[-TABLE_ROWS:]
    left_out = {"corruption", "severity", *(name for name in ("file", "truth") if not any(row[name] for row in found))}
    shown = [key for key in found[0] if key not in left_out]
    split = [key.partition(" ") if " " in key else ("", "", key) for key in shown]
    return {
        "total": total,
        "columns": [{"key": key, "method": method} for method, _, key in split],
        "methods": [entry(name, look) for name, look in looks_of(session).items()],
        "rows": [[row[key] for key in shown] for row in found],
    }


def with_scores(session: Session) -> bool:
    """Whether ID scores tell anything: strangers are mixed in, or a method looks for them."""
    settings = session.recipe.settings
    strangers = settings.stream.ood_share > 0 or session.recipe.strangers_by_label
    return strangers or any(METHODS[name].uses_threshold for name in settings.methods)


def csv_download(session: Session | None) -> str:
    """All results as a CSV for the browser to save, see ``saveFile`` in assets/results.js; empty before any."""
    if session is None or not session.results:
        return ""
    text = "\ufeff" + to_csv(session.results, session.recipe.class_names, with_scores(session))
    return to_json({"name": "cliptta-results.csv", "type": "text/csv;charset=utf-8", "text": text})


def json_download(session: Session | None) -> str:
    """Settings, seed, totals and series, as the command line writes them, and the link's query; empty before any."""
    if session is None or session.snapshot is None:
        return ""
    recipe = session.recipe
    result = full_report(
        session.snapshot,
        recipe.settings,
        backbone=recipe.backbone,
        dataset=recipe.dataset,
        ood=recipe.ood_source if recipe.settings.stream.ood_share > 0 else None,
        templates=recipe.templates,
    )
    result["link"] = f"?{to_query(recipe)}"
    result["changes"] = [{"batch": mark.batch + 1, "what": mark.label} for mark in session.marks]
    result["shifts"] = [{"corruption": name, "severity": severity} for name, severity in session.shifts]
    return to_json({"name": "cliptta-run.json", "type": "application/json", "text": to_json(result)})
