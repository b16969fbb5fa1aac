"""The same run for programs: ``Client(url).submit(corruption="fog", api_name="/run")`` streams numbers, no widgets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import check_visitor_backbone
from cliptta_demo.backend.run.summary import summarise
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.defaults import DEFAULTS, UPLOAD
from cliptta_demo.page.form.choices import is_hub_choice
from cliptta_demo.page.form.reading import ADAPTATION_FIELDS, FormValues, read_form
from cliptta_demo.page.runs.gpu import follow, words_of
from cliptta_demo.page.runs.registry import RUNS
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
    templates: str = "",
    adaptation: dict[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Runs an experiment and yields its numbers after every batch.

    ``dataset`` is one of the built-in ones, a preset such as ``cifar10``, or ``hf:ORGANISATION/NAME``; empty
    ``class_names`` are all classes that a data set of the hub has.
    ``templates`` are prompt templates, one a line, with {} for the class name; empty keeps the backbone's own.
    ``adaptation`` overrides the backbone's tuned values: learning_rate, steps, regulariser_weight,
    tent_regulariser_weight, memory_shots, oce_weight, oce_gamma, score, symmetric.
    """
    given = {name: value for name, value in locals().items() if name != "adaptation"}
    try:
        if dataset == UPLOAD:
            raise UserError("dataset is 'upload'; images of your own are added on the page, not here.")
        if is_hub_choice(dataset) and class_names == DEFAULTS.class_text:
            given["class_names"] = ""
        recipe = read_form(FormValues(**given, **_adaptation(backbone, adaptation)))
        with RUNS.answer(follow(recipe, None, None, None, "api")) as looks:
            done = (look for look in looks if look.session and look.live is None and look.begun is None)
            for snapshot in (look.session.snapshot for look in done):
                yield {"batch": snapshot.batch + 1, "batches": snapshot.batches, **summarise(snapshot)}
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error
    except gr.Error as error:  # ZeroGPU's
        log.warning("no GPU", exc_info=True)
        raise gr.Error(words_of(error), print_exception=False) from error
    except Exception as error:
        log.exception("a run through the API failed")
        raise gr.Error(FAILED, print_exception=False) from error


def _adaptation(backbone: str, given: dict[str, Any] | None) -> dict[str, Any]:
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise UserError(f'adaptation is {quoted(given)}; it must be an object of settings, as in: {{"steps": 4}}.')
    unknown = sorted(set(given) - set(ADAPTATION_FIELDS))
    if unknown:
        names = ", ".join(ADAPTATION_FIELDS)
        raise UserError(f"adaptation has no setting {', '.join(map(quoted, unknown[:3]))}; it has: {names}.")
    tuned = tuned_adaptation(check_visitor_backbone(backbone))
    return {name: getattr(tuned, name) for name in ADAPTATION_FIELDS} | given


def add_api() -> None:
    """Adds the endpoint ``/run`` to the app being built."""
    gr.api(run, api_name="run", concurrency_limit=LIMITS.runs_at_once, concurrency_id="experiment")
