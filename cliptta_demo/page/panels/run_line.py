"""The settings of the run shown in a line: data set, shift, strangers, model, methods, batches, and what changed."""

from __future__ import annotations

import html

from cliptta_demo.backend.models.loading import TINY
from cliptta_demo.backend.settings import corruption_name
from cliptta_demo.languages import say, say_count
from cliptta_demo.page.form.fields import FORM
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.session.state import Session


def run_line_html(session: Session | None = None) -> str:
    """The line, with the run's link; empty where no run is shown."""
    if session is None:
        return ""
    recipe, stream = session.recipe, session.recipe.settings.stream
    if session.marks and session.shifts:
        name, severity = session.shifts[0]
        shift = corruption_name(name) if name == "none" else f"{corruption_name(name)} {severity}"
    elif stream.schedule != "one":
        shift = FORM["schedule"].setting.options[stream.schedule]
    else:
        shift = FORM["severity"].setting.mark_of(stream)
    parts = [FORM["dataset"].words(recipe.dataset), shift]
    if stream.ood_share:
        strangers = FORM["ood_source"].words(recipe.ood_source)
        parts.append(say("{share:.0%} {strangers}", share=stream.ood_share, strangers=strangers))
    if recipe.backbone != TINY:
        parts.append(FORM["backbone"].words(recipe.backbone))
    parts.append(FORM["methods"].words(recipe.settings.methods))
    batches = session.snapshot.batches if session.snapshot else stream.batches  # fewer than asked where images end
    parts.append(say_count("{count} batch of {size}", "{count} batches of {size}", batches, size=stream.batch_size))
    words, link = html.escape(" · ".join((*parts, *session.changes))), html.escape(to_query(recipe))
    return f'<p class="run-line" data-testid="run-line" data-link="{link}" title="{words}">{words}</p>'
