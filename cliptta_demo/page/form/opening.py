"""The experiment that this server's page opens with: the package's, or another model and data set that its owner names.

``CLIPTTA_BACKBONE`` and ``CLIPTTA_DATASET`` take what a visitor may choose, by the same checks. Lessons, links and the
API mean the same on every server: they start from the package's experiment (:mod:`page.defaults`), whatever is set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from cliptta_demo.backend.data.hub_dataset import PREFIX
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.backend.settings import AdaptationSettings
from cliptta_demo.limits import BACKBONE_VARIABLE, DATASET_VARIABLE
from cliptta_demo.page.form.choices import HUB, class_text_and_corruption, is_typed, read_dataset
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, FormValues
from cliptta_demo.page.words.defaults import DEFAULTS


def starting_values(adaptation: AdaptationSettings, backbone: str = DEFAULTS.backbone) -> FormValues:
    """The package's experiment, with a backbone's tuned values in the Advanced fold."""
    return FormValues(backbone=backbone, **{name: getattr(adaptation, name) for name in ADAPTATION_FIELDS})


def read_opening(environment: Mapping[str, str]) -> FormValues:
    """The whole form as the page opens; an empty variable counts as not set.

    Raises:
        UserError: a model or data set that no visitor could choose, named with its variable.
    """
    backbone, dataset = (environment.get(name, "").strip() for name in (BACKBONE_VARIABLE, DATASET_VARIABLE))
    try:
        backbone = check_visitor_backbone(backbone or DEFAULTS.backbone)
    except UserError as error:
        raise UserError(f"{BACKBONE_VARIABLE}: {error}") from error
    values = starting_values(tuned_adaptation(backbone), backbone)
    if not dataset:
        return values
    try:
        dataset = read_dataset(dataset, "")
    except UserError as error:
        raise UserError(f"{DATASET_VARIABLE}: {error}") from error
    class_names, corruption = class_text_and_corruption(dataset)
    return replace(
        values,
        dataset=HUB if is_typed(dataset) else dataset,
        hub_dataset=dataset.removeprefix(PREFIX) if is_typed(dataset) else "",
        class_names=class_names,
        corruption=corruption,
    )


@cache
def opening() -> FormValues:
    """:func:`read_opening` of this process's environment."""
    return read_opening(os.environ)


def packaged() -> FormValues:
    """The package's own experiment, to which the shipped example belongs."""
    return read_opening({})
