"""The same run for programs: ``Client(url).submit(corruption="fog", api_name="/run")`` streams numbers, no widgets."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from cliptta_demo.backend.declare import Setting, settings_of
from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.own_settings import own_declared
from cliptta_demo.backend.run.summary import summarise
from cliptta_demo.backend.settings import AdaptationSettings
from cliptta_demo.languages import Text
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.form.fields import ADAPTATION_FIELDS, FORM, in_group, is_hub_choice
from cliptta_demo.page.form.reading import bounded, read_form
from cliptta_demo.page.framework.gradio_parts import api_arguments
from cliptta_demo.page.runs.host import Host, words_of
from cliptta_demo.page.session.state import Asked
from cliptta_demo.page.words.defaults import DEFAULTS, UPLOAD

DESCRIPTION = Text("Runs an experiment and yields its numbers after every batch.")
ARGUMENTS = {  # of those that are no settings of the engine, which bring their own words
    "dataset": Text(
        "One of the built-in ones, a preset such as cifar10, or hf:ORGANISATION/NAME where the page takes any."
    ),
    "class_names": Text("With commas; empty are all classes that a data set of the hub has."),
    "ood_source": Text("Where the strangers come from."),
    "methods": Text("Of: {methods}. Zero-shot always runs."),
    "backbone": Text("tiny, another of the page's list, open_clip's ARCHITECTURE/TAG, or hf-hub:ORGANISATION/NAME."),
    "templates": Text("Prompt templates, one a line, with {{}} for the class name; empty keeps the backbone's own."),
    "adaptation": Text("Overrides the backbone's tuned values: {settings}."),
}


# Arguments and their defaults: the form's, with the settings of the adaptation together in one. Those of the schedule
# come last: programs that know none of them keep their arguments' places.
_LATE = in_group("schedule")
_KNOWN = [name for name in FORM if name not in (*ADAPTATION_FIELDS, *_LATE, "strangers_by_label")]
_KINDS = {"methods": list[str], "adaptation": dict[str, Any] | None}
_KINDS |= {name: item.setting.kind for name, item in FORM.items() if item.setting}
_USUAL = {name: item.default for name, item in FORM.items()} | {"adaptation": None}
_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD
_TAKEN = [
    inspect.Parameter(name, _EITHER, default=_USUAL[name], annotation=_KINDS.get(name, str))
    for name in (*_KNOWN, "adaptation", *_LATE)
]
SIGNATURE = inspect.Signature(_TAKEN, return_annotation=Iterator[dict[str, Any]])


def endpoint(host: Host) -> Callable[..., Iterator[dict[str, Any]]]:
    """The function that programs call, with the arguments of ``SIGNATURE``, as Gradio has to see it."""

    def run(*arguments: Any, **named: Any) -> Iterator[dict[str, Any]]:
        given = SIGNATURE.bind(*arguments, **named)
        given.apply_defaults()
        values = given.arguments
        try:
            if values["dataset"] == UPLOAD:
                raise UserError("dataset is 'upload'; images of your own are added on the page, not here.")
            if is_hub_choice(values["dataset"]) and values["class_names"] == DEFAULTS.class_text:
                values["class_names"] = ""
            recipe = read_form(values | _adaptation(values.pop("adaptation")))
            with host.runs.answer(host.follow(Asked(recipe), "api")) as looks:
                done = (look for look in looks if look.session and look.begun is None)
                for snapshot in (look.session.snapshot for look in done):
                    yield {"batch": snapshot.batch + 1, "batches": snapshot.batches, **summarise(snapshot)}
        except Exception as error:
            raise gr.Error(words_of(error), print_exception=False) from error

    run.__doc__ = _described()
    run.__signature__ = SIGNATURE
    run.__annotations__ = {name: item.annotation for name, item in SIGNATURE.parameters.items()}
    return run


def _settings() -> dict[str, Setting]:
    return settings_of(AdaptationSettings) | own_declared()


def _adaptation(given: dict[str, Any] | None) -> dict[str, Any]:
    given = {} if given is None else given
    if not isinstance(given, dict):
        about = {"value": quoted(given), "example": '{"steps": 4}'}
        raise UserError("adaptation is {value}; it must be an object of settings, as in: {example}.", **about)
    unknown = sorted(set(given) - set(_settings()))
    if unknown:
        methods = {name.partition(".")[0] for name in unknown[:3]}
        own = (name for name in own_declared() if name.partition(".")[0] in methods)
        names = ", ".join((*settings_of(AdaptationSettings), *own))
        about = {"unknown": ", ".join(map(quoted, unknown[:3])), "names": names}
        raise UserError("adaptation has no setting {unknown}; it has: {names}.", **about)
    return given


def _described() -> str:
    """What programs read of the endpoint, every argument included; Gradio takes it from the docstring."""
    words = {"methods": ", ".join(METHODS), "settings": ", ".join(_settings())}
    own = {name: text.format(**words) for name, text in ARGUMENTS.items()}
    settings = {name: bounded(item.setting) for name, item in FORM.items() if item.setting}
    told = own | {name: f"{item.label}: {item.allowed}. {item.help}".strip() for name, item in settings.items()}
    told = {name: told[name] for name in SIGNATURE.parameters}
    return f"{DESCRIPTION}\n\nArgs:\n" + "\n".join(f"    {name}: {text}" for name, text in told.items())


def add_api(host: Host) -> None:
    """Adds the endpoint ``/run`` to the app being built."""
    limits = {"concurrency_limit": host.limits.runs_at_once, "concurrency_id": "experiment"}
    gr.api(endpoint(host), api_name="run", **limits)
    for name, argument in zip(SIGNATURE.parameters, api_arguments(host.demo, "run"), strict=True):
        argument.api_info().update(_schema(name))


def _schema(name: str) -> dict[str, Any]:
    """What JSON Schema says of an argument beyond its type: the ranges are this server's."""
    if name == "methods":
        return {"items": {"type": "string", "enum": list(METHODS)}, "maxItems": LIMITS.max_methods}
    if name == "adaptation":
        known = {one: bounded(setting).schema for one, setting in _settings().items()}
        return {"oneOf": [{"type": "null"}, {"type": "object", "properties": known}]}
    setting = FORM[name].setting
    return bounded(setting).schema if setting else {}
