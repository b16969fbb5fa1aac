"""Models and images that a visitor's form names: what worked last, what is being loaded, and what is put back.

A run whose model or data can't be loaded, or whose loading the visitor gives up, leaves the page as it was; so the form
says again what the page shows, unless the visitor has chosen something else meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cliptta_demo.backend.models.offered import label_of
from cliptta_demo.languages import say
from cliptta_demo.page.form.choices import HUB, dataset_choices, stranger_choices
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, FormValues

# What names a choice that is loaded → the fields that came with it.
_GROUPS: dict[str, tuple[str, ...]] = {
    "backbone": ("backbone", *ADAPTATION_FIELDS),
    "dataset": ("dataset", "hub_dataset", "class_names", "corruption"),
    "ood_source": ("ood_source",),
}


@dataclass(frozen=True)
class Choice:
    """Plain data, kept for each visitor.

    Attributes:
        worked: the form of the last run that began; at first the one that the page opened with.
        tried: the form whose run is being got ready, None where there is none; loading: which of its choices is being
            loaded, or could not be: a key of ``_GROUPS``, "" for none; said: why not.
        idle: the line of progress while the page shows what it opened with; "" later.
    """

    worked: FormValues
    tried: FormValues | None = None
    loading: str = ""
    said: str = ""
    idle: str = ""

    def trying(self, values: FormValues, loading: str) -> Choice:
        """A run of this form is being got ready."""
        return replace(self, tried=values, loading=loading, said="")

    def shown(self, has_session: bool) -> FormValues | None:
        """The form of the run shown, which is a session's or what the page opened with; None where none is shown."""
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
    before, tried = choice.worked, choice.tried
    if tried is None or not choice.loading:
        return {}, ""
    names = _GROUPS[choice.loading]
    if before.dataset != HUB:  # what was typed there stays, out of sight: to be mended, say
        names = tuple(name for name in names if name != "hub_dataset")
    old, new, now = (_label(choice.loading, values) for values in (before, tried, form))
    if old == new or now != new:
        return {}, ""
    words = say("The form is back at {name}; everything else is as it was.", name=old)
    if not choice.said:
        words = f"{say('Loading {name} was cancelled.', name=new)} {words}"
    return {name: getattr(before, name) for name in names}, words


def _label(name: str, values: FormValues) -> str:
    """A choice's name for people."""
    if name == "backbone":
        return label_of(values.backbone) if isinstance(values.backbone, str) else ""
    if name == "dataset":
        return dataset_label(values)
    return next((label for label, known in stranger_choices() if known == values.ood_source), "")


def dataset_label(values: FormValues) -> str:
    """The name for people of the images that a form names."""
    if values.dataset == HUB:
        return str(values.hub_dataset).strip()
    return next((label for label, known in dataset_choices() if known == values.dataset), "")
