"""The panel of results, image by image. Pure."""

from typing import TypedDict

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.run.results import rows
from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.panels.numbers import Method, entries_of
from cliptta_demo.page.session.state import Session
from cliptta_demo.page.words.defaults import TABLE_ROWS

PANEL = Panel(
    name="results",
    title=Text("Results, image by image"),
    sentence=Text(
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
        "methods": entries_of(session),
        "rows": [[row[key] for key in shown] for row in found],
    }


def with_scores(session: Session) -> bool:
    """Whether ID scores tell anything: strangers are mixed in, or a method looks for them."""
    settings = session.recipe.settings
    strangers = settings.stream.ood_share > 0 or session.recipe.strangers_by_label
    return strangers or any(METHODS[name].uses_threshold for name in settings.methods)
