"""Image by image: data for the table, and what the download buttons save. Pure."""

from __future__ import annotations

from typing import Any

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.run.results import STRANGER, rows, to_csv
from cliptta_demo.backend.run.summary import full_report
from cliptta_demo.languages import say
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.panels.declare import Panel, to_json
from cliptta_demo.page.panels.numbers import looks_of
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.defaults import TABLE_ROWS

NOTHING_YET = say("No result yet: press Run first.")
PANEL = Panel(
    name="results",
    title=say("Results, image by image"),
    sentence=say(
        "What each method says of every image so far, and how sure it is, before adapting (zero-shot) and after."
    ),
)


def results_data(session: Session | None) -> dict[str, Any]:
    """What the table draws: the newest images in the stream's order, at most ``TABLE_ROWS`` of them.

    Returns:
        ``{"columns": [{"title", "kind"}], "groups": [{"columns", "method", "mark", "title"}], "rows", "caption"}``, or
        ``{"empty": sentence}`` before the first batch.
    """
    if session is None or not session.results:
        return {"empty": NOTHING_YET}
    kept, count = [], 0
    for batch in reversed(session.results):  # whole batches, until there are enough rows
        kept.insert(0, batch)
        count += len(batch.labels)
        if count >= TABLE_ROWS:
            break
    total = session.state.images_done
    found = list(rows(kept, session.recipe.class_names, with_scores(session), first=total - count + 1))[-TABLE_ROWS:]
    names = any(row["file"] for row in found)
    labelled = any(row["truth"] for row in found)
    columns = [{"key": "image", "title": "#", "kind": "count"}]
    columns += [{"key": "file", "title": say("file")}] * names
    columns += [{"key": "batch", "title": say("batch"), "kind": "count"}]
    columns += [{"key": "truth", "title": say("truth"), "words": {STRANGER: say("stranger")}}] * labelled
    groups: list[dict[str, Any]] = [{"columns": len(columns)}]
    for name, look in looks_of(session).items():
        own = [
            {"key": f"{name} prediction", "title": say("prediction")},
            {"key": f"{name} confidence", "title": say("confidence"), "kind": "share"},
        ]
        own += [{"key": f"{name} outcome", "title": say("outcome"), "kind": "outcome"}] * (name != REFERENCE)
        if with_scores(session):
            own += [
                {"key": f"{name} ID score", "title": say("ID score"), "kind": "score"},
                {"key": f"{name} accepted", "title": say("accepted"), "words": {"yes": say("yes"), "no": say("no")}},
            ]
        columns += own
        groups.append({"columns": len(own), "method": name, "mark": look.mark, "title": look.label})
    shown = (
        say("Results for the newest {shown:,} of {total:,} images.", shown=len(found), total=total)
        if len(found) < total
        else say("Results for {total:,} images.", total=total)
    )
    return {
        "columns": [{key: column[key] for key in ("title", "kind") if key in column} for column in columns],
        "groups": groups,
        "rows": [[_cell(row, column) for column in columns] for row in found],
        "caption": " ".join((shown, say("Press a column's name to sort; the CSV holds all of them."))),
    }


def _cell(row: dict[str, Any], column: dict[str, Any]) -> Any:
    """A row's value in a column; one that is a word of the CSV's is told in the page's language."""
    value = row[column["key"]]
    return column.get("words", {}).get(value, value)


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
