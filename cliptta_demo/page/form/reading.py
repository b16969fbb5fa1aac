"""From what a form (or a request to the API) says to a checked :class:`Recipe`.

Every number is checked here and in the settings' own classes, whatever the widget allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name, parse_class_names
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.backend.models.prompts import parse_templates
from cliptta_demo.backend.run.experiment import REFERENCE
from cliptta_demo.backend.settings import (
    AdaptationSettings,
    RunSettings,
    StreamSettings,
    check_choice,
    check_number,
    method_names,
)
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.defaults import DEFAULTS, UPLOAD
from cliptta_demo.page.form.choices import is_hub_choice, read_dataset, stranger_choices
from cliptta_demo.page.session.state import Recipe
from cliptta_demo.page.session.uploads import read_upload


@dataclass(frozen=True, kw_only=True)
class FormValues:
    """The raw values of the sidebar, in its order; nothing is checked yet."""

    dataset: Any = DEFAULTS.dataset
    hub_dataset: Any = ""
    files: Any = None
    class_names: Any = DEFAULTS.class_text
    corruption: Any = DEFAULTS.corruption
    severity: Any = DEFAULTS.severity
    ramp: Any = DEFAULTS.ramp
    ood_share: Any = DEFAULTS.ood_share
    ood_source: Any = DEFAULTS.ood_source
    methods: Any = DEFAULTS.methods
    order: Any = DEFAULTS.order
    batch_size: Any = DEFAULTS.batch_size
    batches: Any = DEFAULTS.batches
    seed: Any = DEFAULTS.seed
    backbone: Any = DEFAULTS.backbone
    templates: Any = ""
    learning_rate: Any = AdaptationSettings.learning_rate
    steps: Any = AdaptationSettings.steps
    regulariser_weight: Any = AdaptationSettings.regulariser_weight
    tent_regulariser_weight: Any = AdaptationSettings.tent_regulariser_weight
    memory_shots: Any = AdaptationSettings.memory_shots
    oce_weight: Any = AdaptationSettings.oce_weight
    oce_gamma: Any = AdaptationSettings.oce_gamma
    score: Any = AdaptationSettings.score
    symmetric: Any = AdaptationSettings.symmetric


FIELDS = tuple(item.name for item in fields(FormValues))
ADAPTATION_FIELDS = FIELDS[FIELDS.index("learning_rate") :]
_STREAM_NUMBERS = ("severity", "batch_size", "batches", "seed")
_ADAPTATION_WHOLE = ("steps", "memory_shots")
_ADAPTATION_NUMBERS = tuple(name for name in ADAPTATION_FIELDS if name not in ("score", "symmetric"))


def read_form(values: FormValues) -> Recipe:
    """Checks everything.

    Raises:
        UserError: one sentence that names what is wrong and what is allowed.
    """
    _refuse_empty(values)
    dataset = read_dataset(values.dataset, values.hub_dataset)
    check_visitor_backbone(values.backbone)
    check_choice("OOD source", values.ood_source, tuple(name for _, name in stranger_choices()))
    check_number("batches", _whole(values.batches), 1, LIMITS.max_batches, whole=True)
    check_number("batch_size", _whole(values.batch_size), 1, LIMITS.max_batch_size, whole=True)
    names = _class_names(values.class_names, is_hub_choice(dataset))
    source_names, class_names = split_renames(names, dataset != UPLOAD)
    recipe = Recipe(
        settings=RunSettings(
            methods=_methods(values.methods),
            stream=StreamSettings(
                corruption=values.corruption,
                ramp=values.ramp,
                ood_share=values.ood_share,
                order=values.order,
                **{name: _whole(getattr(values, name)) for name in _STREAM_NUMBERS},
            ),
            adaptation=read_adaptation(values),
        ),
        backbone=values.backbone,
        dataset=dataset,
        ood_source=values.ood_source,
        source_names=source_names,
        class_names=class_names,
        upload_key=read_upload(values.files).key if dataset == UPLOAD else "",
        templates=_templates(values.templates),
    )
    _refuse_long(recipe.settings)
    return recipe


def read_adaptation(values: FormValues) -> AdaptationSettings:
    """The Advanced fold."""
    given = {name: getattr(values, name) for name in ADAPTATION_FIELDS}
    given.update({name: _whole(given[name]) for name in _ADAPTATION_WHOLE})
    return AdaptationSettings(**given)


def split_renames(names: Sequence[str], built_in: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``cat = kitten`` shows pictures of *cat* and calls them *kitten*; elsewhere names are just names.

    Returns:
        (classes of the data set, words used for them), of the same length.
    """
    if not built_in or not names:
        return tuple(names), tuple(names)
    pairs = [[part.strip() for part in name.split("=", 1)] for name in names]
    if any(not all(pair) for pair in pairs):
        raise UserError("A renamed class needs a word on both sides, as in: cat = kitten.")
    sources, words = tuple(pair[0] for pair in pairs), tuple(pair[-1] for pair in pairs)
    for side in (sources, words):
        parse_class_names(",".join(side), max_classes=LIMITS.max_classes)  # refuses what a rename made equal
    return sources, words


def _class_names(text: Any, may_be_empty: bool) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise UserError("The class names must be one text, separated by commas or on separate lines.")
    if may_be_empty and not text.strip():
        return ()
    return parse_class_names(text, max_classes=LIMITS.max_classes)


def _methods(chosen: Any) -> tuple[str, ...]:
    """In the page's order; zero-shot is the yardstick of every panel and always takes part."""
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise UserError(f"methods must be a list out of: {', '.join(method_names())}.")
    for name in chosen:
        check_choice("methods", name, method_names())
    return tuple(name for name in method_names() if name in chosen or name == REFERENCE)


def _refuse_empty(values: FormValues) -> None:
    for name in (*_STREAM_NUMBERS, "ood_share", *_ADAPTATION_NUMBERS):
        if getattr(values, name) is None:
            raise UserError(f"{display_name(name).capitalize()} is empty: type a number.")


def _refuse_long(settings: RunSettings) -> None:
    batches, steps = settings.stream.batches, settings.adaptation.steps
    if batches * steps > LIMITS.max_run_steps:
        raise UserError(
            f"{batches} batches of {steps} steps are {batches * steps:,} steps; this page works on at most "
            f"{LIMITS.max_run_steps:,} in one run: choose fewer batches or fewer steps."
        )


def _whole(value: Any) -> Any:
    """A form's 64.0 is 64; what is no whole number stays as it is, for the check to refuse."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _templates(text: Any) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise UserError("The prompt templates must be one text, one template on each line.")
    return parse_templates(text)
