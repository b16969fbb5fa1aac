"""Settings in words: what a field is called, what its value is, and in which of them runs differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.class_names import join_renames
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import label_of
from cliptta_demo.languages import say
from cliptta_demo.page.form.choices import dataset_choices, stranger_choices
from cliptta_demo.page.form.fields import FormValues, declared, field_names, linked_names, of_methods
from cliptta_demo.page.form.opening import starting_values
from cliptta_demo.page.session.state import Recipe

# Those that are no settings of the engine's.
_LABELS = {
    "dataset": say("images"),
    "class_names": say("classes"),
    "ood_source": say("strangers"),
    "methods": say("methods"),
    "backbone": say("model"),
    "templates": say("prompt templates"),
}


def label(name: str) -> str:
    """What a field is called, as in the middle of a sentence."""
    if name in _LABELS:
        return _LABELS[name]
    method, _, own = name.rpartition(".")
    words = declared(name).label
    words = words if words[:2].isupper() else f"{words[0].lower()}{words[1:]}"
    return f"{METHODS[method].label}: {words}" if own and method else words


def value_words(name: str, value: Any) -> str:
    """A field's value in words."""
    if name == "methods":
        return ", ".join(METHODS[method].label for method in value)
    if name == "class_names":
        return say("{count} classes", count=len(value.split(","))) if value else say("all classes")
    if name in ("dataset", "ood_source"):
        known = {known: label for label, known in (*dataset_choices(), *stranger_choices())}
        return known.get(value, str(value).removeprefix("hf:"))
    if name == "backbone":
        return label_of(value)
    if name == "templates":
        return str(value) or say("the model's own")
    setting = declared(name)
    if setting.kind is bool:
        return say("on") if value else say("off")
    return setting.options[value].lower() if setting.kind is str else f"{value:.10f}".rstrip("0").rstrip(".")


def said(name: str, value: Any) -> str:
    """A field with its value; of some the value says enough."""
    words = value_words(name, value)
    if name == "corruption" and value == "none":
        return say("no corruption")
    alone = name in ("methods", "class_names", "dataset", "corruption")
    return words if alone else say("{setting} {value}", setting=label(name), value=words)


def recipe_values(recipe: Recipe) -> FormValues:
    """The form that stands for a run's settings."""
    values = FormValues(
        dataset=recipe.dataset,
        class_names=join_renames(recipe.source_names, recipe.class_names),
        ood_source=recipe.ood_source,
        methods=recipe.settings.methods,
        backbone=recipe.backbone,
        templates="\n".join(recipe.templates),
        strangers_by_label=recipe.strangers_by_label,
    )
    known = field_names()
    return values.changed({name: value for name, value in recipe.settings.flat().items() if name in known})


def differing_names(recipes: Sequence[Recipe]) -> list[str]:
    """The fields in which runs differ, methods apart; strangers' source counts where strangers come."""
    forms = [recipe_values(recipe) for recipe in recipes]
    methods = dict.fromkeys(name for form in forms for name in form.methods)
    strangers = all(form.ood_share for form in forms)
    names = (name for name in of_methods(linked_names(), methods) if name not in ("methods", "hub_dataset"))
    return [
        name
        for name in names
        if any(form[name] != forms[0][name] for form in forms) and (strangers or name != "ood_source")
    ]


def short_name(recipe: Recipe) -> str:
    """A name for a run: what of it is not as the page comes."""
    form = recipe_values(recipe)
    usual = starting_values(tuned_adaptation(form.backbone))
    names = of_methods(linked_names(), form.methods)
    changed = [said(name, form[name]) for name in names if name != "methods" and form[name] != usual[name]]
    return ", ".join(changed[:2]) or f"{value_words('corruption', form.corruption)} {form.severity}"
