"""The same run for programs: ``Client(url).submit(corruption="fog", api_name="/run")`` streams numbers, no widgets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from cliptta_demo.backend.backbones import BACKBONES, tuned_adaptation
from cliptta_demo.backend.catalog import DATASETS
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.report import summarise
from cliptta_demo.backend.settings import check_choice
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.defaults import DEFAULTS
from cliptta_demo.page.form import ADAPTATION_FIELDS, FormValues, read_form
from cliptta_demo.page.gpu import follow
from cliptta_demo.page.texts import FAILED

log = logging.getLogger(__name__)


def run(
    dataset: str = DEFAULTS.dataset,
    class_names: str = DEFAULTS.class_text,
    corruption: str = DEFAULTS.corruption,
    severity: int = DEFAULTS.severity,
    ramp: bool = DEFAULTS.ramp,
    ood_share: float = DEFAULTS.ood_share,
    ood_source: str = DEFAULTS.ood_source,
    methods: list[str] = list(DEFAULTS.methods),  # noqa: B006  (read only; the API needs a plain default)
    order: str = DEFAULTS.order,
    batch_size: int = DEFAULTS.batch_size,
    batches: int = DEFAULTS.batches,
    seed: int = DEFAULTS.seed,
    backbone: str = DEFAULTS.backbone,
    adaptation: dict[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Runs an experiment on the built-in pictures and yields its numbers after every batch.

    ``adaptation`` overrides the backbone's tuned values: learning_rate, steps, regulariser_weight,
    tent_regulariser_weight, memory_shots, oce_weight, oce_gamma, score, symmetric.
    """
    given = {name: value for name, value in locals().items() if name != "adaptation"}
    try:
        check_choice("dataset", dataset, tuple(DATASETS))
        recipe = read_form(FormValues(**given, **_adaptation(backbone, adaptation or {})))
        with closing(follow(recipe, None, None, None, "api")) as looks:
            next(looks)  # nothing is done yet
            for snapshot in (look.session.snapshot for look in looks if look.live is None):
                yield {"batch": snapshot.batch + 1, "batches": snapshot.batches, **summarise(snapshot)}
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except gr.Error:  # ZeroGPU's
        raise
    except Exception as error:
        log.exception("a run through the API failed")
        raise gr.Error(FAILED, print_exception=False) from error


def _adaptation(backbone: str, given: dict[str, Any]) -> dict[str, Any]:
    unknown = set(given) - set(ADAPTATION_FIELDS)
    if unknown:
        names = ", ".join(ADAPTATION_FIELDS)
        raise UserError(f"adaptation has no setting {', '.join(sorted(unknown))}; it has: {names}.")
    check_choice("backbone", backbone, tuple(BACKBONES))  # before anything is loaded
    tuned = tuned_adaptation(backbone)
    return {name: getattr(tuned, name) for name in ADAPTATION_FIELDS} | given


def add_api() -> None:
    """Adds the endpoint ``/run`` to the app being built."""
    gr.api(run, api_name="run", concurrency_limit=LIMITS.runs_at_once, concurrency_id="experiment")
