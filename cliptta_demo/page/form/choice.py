"""The form beside the run shown: what of it worked last, what is being loaded or put back, whether it has changed.

A run whose model or data can't be loaded, or whose loading the visitor gives up, leaves the page as it was; so the form
says again what the page shows, unless the visitor has chosen something else meanwhile.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import say
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, FORM, FormValues, read_dataset
from cliptta_demo.page.form.reading import values_of
from cliptta_demo.page.session.state import Recipe, changed_names

# What names a choice that is loaded → the fields that came with it.
_GROUPS: dict[str, tuple[str, ...]] = {
    "backbone": ("backbone", *ADAPTATION_FIELDS),
    "dataset": ("dataset", "class_names", "corruption"),
    "ood_source": ("ood_source",),
}


@dataclass(frozen=True)
class Choice:
    """Plain data, kept for each visitor.

    Attributes:
        worked: the settings of the last run that began; at first those that the page opened with, None where this
            server's limits refuse them.
        tried: those of the run that is being got ready, None where there is none; loading: which of its choices is
            being loaded, or could not be: a key of ``_GROUPS``, "" for none; said: why not.
        idle: the line of progress while the page shows what it opened with; "" later.
    """

    worked: Recipe | None = None
    tried: Recipe | None = None
    loading: str = ""
    said: str = ""
    idle: str = ""

    def trying(self, recipe: Recipe, loading: str) -> Choice:
        """A run of these settings is being got ready."""
        return replace(self, tried=recipe, loading=loading, said="")

    def shown(self, has_session: bool) -> Recipe | None:
        """The settings of the run shown, which is a session's or what the page opened with; None where none is."""
        return self.worked if has_session or self.idle else None

    @property
    def settled(self) -> Choice:
        """Nothing is being loaded."""
        return replace(self, tried=None, loading="", said="")


def put_back(choice: Choice, form: FormValues) -> tuple[dict[str, Any], str]:
    """(field → its value before, sentence) once a run has ended; ({}, "") where nothing is to be put back.

    Args:
        form: what the form says at this moment.
    """
    before, tried, name = choice.worked, choice.tried, choice.loading
    if before is None or tried is None or not name:
        return {}, ""
    old, new, now = getattr(before, name), getattr(tried, name), form[name]
    with suppress(UserError):
        now = read_dataset(now, form.hub_dataset) if name == "dataset" else now
    if old == new or now != new:
        return {}, ""
    words = say("The form is back at {name}; everything else is as it was.", name=FORM[name].words(old))
    if not choice.said:
        words = f"{say('Loading {name} was cancelled.', name=FORM[name].words(new))} {words}"
    values = values_of(before)
    return {name: values[name] for name in _GROUPS[name]}, words


def changed_html(shown: Recipe | None, asked: Recipe | None, press: str) -> str:
    """That the form says something else than the run shown, and what to ``press``; empty where both say the same.

    Args:
        shown: None where no run is shown; asked: None where the form makes no sense yet, which is no other's run.
    """
    differs = shown is not None and (asked is None or changed_names(shown, asked))
    words = say("Settings changed: {press} to apply", press=press)
    return f'<p class="changed" role="status">{words}</p>' if differs else ""
