"""The door: values out of widgets, a link, a lesson or the API become settings, checked; and settings such values.

What isn't said is the package's experiment, with the values that the backbone brings.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from cliptta_demo.backend.declare import Declared, Setting, check_choice, settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import (
    check_templates,
    display_name,
    join_renames,
    parse_class_names,
    split_renames,
)
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.backend.own_settings import build_own, own_declared
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.settings import RunSettings, StreamSettings, method_names
from cliptta_demo.languages import Text
from cliptta_demo.limits import BACKBONE_VARIABLE, DATASET_VARIABLE, LIMITS
from cliptta_demo.page.form.fields import (
    STRANGERS_BY_LABEL,
    class_text_and_corruption,
    fields,
    is_hub_choice,
    read_dataset,
    stranger_choices,
)
from cliptta_demo.page.session.state import Recipe, Uploads
from cliptta_demo.page.words.defaults import DEFAULTS, UPLOAD


def usual_values(backbone: str = DEFAULTS.backbone) -> dict[str, Any]:
    """Field → value, of all fields: the package's experiment, but for the values that a backbone brings."""
    tuned = tuned_adaptation(backbone)
    return {name: getattr(tuned, name, item.default) for name, item in fields().items()}


def read_form(values: Mapping[str, Any], uploads: Uploads | None = None) -> Recipe:
    """Field → value becomes the settings of a run; the visitor's own images, ``uploads``, may still have to come.

    Programs may say settings that have no widget, too.

    Raises:
        UserError: one sentence that names what is wrong and what is allowed.
    """
    backbone = check_visitor_backbone(values.get("backbone", DEFAULTS.backbone))
    values = usual_values(backbone) | values
    dataset = read_dataset(values["dataset"])
    check_choice(Text("OOD source"), values["ood_source"], tuple(name for _, name in stranger_choices()))
    stream, adaptation = _read(values, StreamSettings()), _read(values, tuned_adaptation(backbone))
    names = _class_names(values["class_names"], is_hub_choice(dataset))
    source_names, class_names = split_renames(names, dataset != UPLOAD)
    methods = _methods(values["methods"])
    own = {name: item for name, item in own_declared().items() if name in values and name.split(".")[0] in methods}
    STRANGERS_BY_LABEL.check(values["strangers_by_label"])
    if not isinstance(values["templates"], str):
        raise UserError("The prompt templates must be one text, one template on each line.")
    own = build_own({name: _value(name, item, values[name]) for name, item in own.items()})
    recipe = Recipe(
        settings=RunSettings(methods=methods, stream=stream, adaptation=adaptation, own=own),
        backbone=backbone,
        dataset=dataset,
        ood_source=values["ood_source"],
        source_names=source_names,
        class_names=class_names,
        images=uploads.identity if uploads is not None and dataset == UPLOAD else (),
        templates=check_templates(values["templates"].splitlines()),
        strangers_by_label=dataset == UPLOAD and values["strangers_by_label"],
    )
    if (steps := stream.batches * adaptation.steps) > LIMITS.max_run_steps:
        about = {"batches": stream.batches, "steps": adaptation.steps, "all": steps, "most": LIMITS.max_run_steps}
        raise UserError(
            "{batches} batches of {steps} steps are {all:,} steps; this page works on at most {most:,} in one run: "
            "choose fewer batches or fewer steps.",
            **about,
        )
    return recipe


def readable(values: Mapping[str, Any], uploads: Uploads | None = None) -> Recipe | None:
    """:func:`read_form`; None where the values make no sense yet."""
    try:
        return read_form(values, uploads)
    except UserError:
        return None


def values_of(recipe: Recipe) -> dict[str, Any]:
    """Field → value, of all fields, which :func:`read_form` reads so."""
    usual, settings = usual_values(recipe.backbone), recipe.settings.flat()
    outer = {name: getattr(recipe, name) for name in ("backbone", "dataset", "ood_source", "strangers_by_label")}
    outer["class_names"] = join_renames(recipe.source_names, recipe.class_names)
    outer["methods"], outer["templates"] = list(recipe.settings.methods), "\n".join(recipe.templates)
    return usual | {name: value for name, value in (settings | outer).items() if name in usual}


def unusual_values(recipe: Recipe) -> dict[str, Any]:
    """Those of :func:`values_of` that are not :func:`usual_values`."""
    usual = usual_values(recipe.backbone)
    return {name: value for name, value in values_of(recipe).items() if value != usual[name]}


def bounded(setting: Setting) -> Setting:
    """A setting with the page's bound, where ``LIMITS`` has one."""
    most = getattr(LIMITS, f"max_{setting.name}", None)
    return setting if most is None else setting.changed(high=most)


def _read(values: Mapping[str, Any], usual: Declared) -> Any:
    """Settings as the values say them; the ``usual`` where they say nothing."""
    known = settings_of(type(usual)).items()
    return replace(usual, **{name: _value(name, item, values[name]) for name, item in known if name in values})


def _value(name: str, setting: Setting, value: Any) -> Any:
    value = setting.whole(value)
    if value is None and setting.kind in (int, float):
        raise UserError("{name} is empty: type a number.", name=display_name(name).capitalize())
    bounded(setting).check(value, name)
    return value


def _class_names(text: Any, may_be_empty: bool) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise UserError("The class names must be one text, separated by commas or on separate lines.")
    if may_be_empty and not text.strip():
        return ()
    return parse_class_names(text, max_classes=LIMITS.max_classes)


def _methods(chosen: Any) -> tuple[str, ...]:
    """In the page's order; zero-shot is the yardstick of every panel and always takes part."""
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise UserError("methods must be a list out of: {allowed}.", allowed=", ".join(method_names()))
    for name in chosen:
        check_choice("methods", name, method_names())
    methods = tuple(name for name in method_names() if name in chosen or name == REFERENCE)
    if len(methods) > LIMITS.max_methods:
        text = Text("{count} methods are chosen, zero-shot among them; this page runs at most {most} side by side.")
        raise UserError(text, count=len(methods), most=LIMITS.max_methods)
    return methods


def read_opening(environment: Mapping[str, str]) -> dict[str, Any]:
    """Field → value as a server's page opens: the package's experiment, or the model and data set of its owner.

    ``CLIPTTA_BACKBONE`` and ``CLIPTTA_DATASET`` take what a visitor may choose, by the same checks.

    Raises:
        UserError: a model or data set that no visitor could choose, named with its variable.
    """
    found: dict[str, str] = {}
    readers = {BACKBONE_VARIABLE: check_visitor_backbone, DATASET_VARIABLE: lambda text: read_dataset(text, own=text)}
    for variable, read in readers.items():
        if text := environment.get(variable, "").strip():
            try:
                found[variable] = read(text)
            except UserError as error:
                raise UserError(f"{variable}: {error}") from error
    backbone = found.get(BACKBONE_VARIABLE, DEFAULTS.backbone)
    values = usual_values(backbone) | {"backbone": backbone}
    if dataset := found.get(DATASET_VARIABLE):
        names, corruption = class_text_and_corruption(dataset)
        values |= {"dataset": dataset, "class_names": names, "corruption": corruption}
    return values


@cache
def opening() -> dict[str, Any]:
    """:func:`read_opening` of this process's environment."""
    return read_opening(os.environ)
