"""From what a form (or a request to the API) says to a checked :class:`Recipe`.

Every number is checked here and in the settings' own classes, whatever the widget allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cliptta_demo.backend.declare import Declared, Setting, check_choice, settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import check_templates, display_name, parse_class_names, split_renames
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.backend.own_settings import build_own, own_declared
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.settings import RunSettings, StreamSettings, method_names
from cliptta_demo.languages import say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.choices import is_hub_choice, read_dataset, stranger_choices
from cliptta_demo.page.form.fields import FIELDS, FORM, STRANGERS_BY_LABEL, FormValues, declared, stream_names
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.page.session.uploads import read_upload
from cliptta_demo.page.words.defaults import UPLOAD


def read_form(values: FormValues) -> Recipe:
    """Checks everything.

    Raises:
        UserError: one sentence that names what is wrong and what is allowed.
    """
    _refuse_empty(values, FIELDS)
    dataset = read_dataset(values.dataset, values.hub_dataset)
    check_visitor_backbone(values.backbone)
    check_choice(say("OOD source"), values.ood_source, tuple(name for _, name in stranger_choices()))
    _refuse_many(values)
    names = _class_names(values.class_names, is_hub_choice(dataset))
    source_names, class_names = split_renames(names, dataset != UPLOAD)
    methods = _methods(values.methods)
    own = {name: item.whole(values[name]) for name, item in own_declared().items() if name.split(".")[0] in methods}
    _refuse_empty(values, own)
    STRANGERS_BY_LABEL.check(values.strangers_by_label)
    recipe = Recipe(
        settings=RunSettings(
            methods=methods,
            stream=_read(values, StreamSettings()),
            adaptation=_read(values, tuned_adaptation(values.backbone)),
            own=build_own(own),
        ),
        backbone=values.backbone,
        dataset=dataset,
        ood_source=values.ood_source,
        source_names=source_names,
        class_names=class_names,
        upload_key=read_upload(values.files) if dataset == UPLOAD else "",
        templates=_templates(values.templates),
        strangers_by_label=dataset == UPLOAD and values.strangers_by_label,
    )
    _refuse_long(recipe.settings)
    return recipe


def read_stream(values: FormValues) -> StreamSettings:
    """The stream that a form asks for, whatever else is wrong in it; raises :class:`UserError`."""
    _refuse_empty(values, stream_names())
    _refuse_many(values)
    return _read(values, StreamSettings())


def check_form(values: FormValues) -> Recipe:
    """:func:`read_form` for what a link may say: images of the visitor's own may still have to come."""
    return read_form(replace(values, files='{"key": "later"}') if values.dataset == UPLOAD else values)


def class_words(values: FormValues) -> tuple[str, ...]:
    """The words that a form gives its classes, whatever else is wrong in it; raises :class:`UserError`."""
    return split_renames(_class_names(values.class_names, may_be_empty=True), values.dataset != UPLOAD)[1]


def _read(values: FormValues, usual: Declared) -> Any:
    """Settings as the form says them; of those that have no widget the ``usual``, unless a program says another."""
    known = settings_of(type(usual)).items()
    said = {name: item.whole(values[name]) for name, item in known if name in FORM or name in values.own}
    return replace(usual, **said)


def _class_names(text: Any, may_be_empty: bool) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise UserError(say("The class names must be one text, separated by commas or on separate lines."))
    if may_be_empty and not text.strip():
        return ()
    return parse_class_names(text, max_classes=LIMITS.max_classes)


def _methods(chosen: Any) -> tuple[str, ...]:
    """In the page's order; zero-shot is the yardstick of every panel and always takes part."""
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise UserError(say("methods must be a list out of: {allowed}.", allowed=", ".join(method_names())))
    for name in chosen:
        check_choice("methods", name, method_names())
    methods = tuple(name for name in method_names() if name in chosen or name == REFERENCE)
    if len(methods) > LIMITS.max_methods:
        raise UserError(
            say(
                "{count} methods are chosen, zero-shot among them; this page runs at most {most} side by side.",
                count=len(methods),
                most=LIMITS.max_methods,
            )
        )
    return methods


def _refuse_empty(values: FormValues, names: Iterable[str]) -> None:
    for name in names:
        setting = declared(name)
        if setting is not None and setting.kind in (int, float) and values[name] is None:
            raise UserError(say("{name} is empty: type a number.", name=display_name(name).capitalize()))


def _refuse_many(values: FormValues) -> None:
    """Where ``LIMITS`` has a bound of a setting, it is the page's."""
    for name, setting in settings_of(StreamSettings).items():
        if bounded(setting) is not setting:
            bounded(setting).check(setting.whole(values[name]))


def bounded(setting: Setting) -> Setting:
    """A setting with the page's bound, where it has one."""
    most = getattr(LIMITS, f"max_{setting.name}", None)
    return setting if most is None else replace(setting, high=most)


def _refuse_long(settings: RunSettings) -> None:
    batches, steps = settings.stream.batches, settings.adaptation.steps
    if batches * steps > LIMITS.max_run_steps:
        raise UserError(
            say(
                "{batches} batches of {steps} steps are {all:,} steps; this page works on at most {most:,} in one run: "
                "choose fewer batches or fewer steps.",
                batches=batches,
                steps=steps,
                all=batches * steps,
                most=LIMITS.max_run_steps,
            )
        )


def _templates(text: Any) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise UserError(say("The prompt templates must be one text, one template on each line."))
    return check_templates(text.splitlines())
