"""The form's fields. Those that are settings of the engine come from their declarations; the others are declared here.

Their order is a promise to programs: it is that of the API's arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from typing import Any

from cliptta_demo.backend.declare import Setting, settings_of
from cliptta_demo.backend.own_settings import own_declared
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings
from cliptta_demo.languages import say
from cliptta_demo.page.words.defaults import DEFAULTS


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value of the form.

    Attributes:
        name: in links and in the API; default: as the page opens; kind: of its value.
        setting: its declaration, where it is a setting of the engine.
        linked: whether links hold it; asked: whether it is an argument of the API.
    """

    name: str
    default: Any
    kind: Any = str
    setting: Setting | None = None
    linked: bool = True
    asked: bool = True


def _settings(*groups: str) -> Iterator[Field]:
    """The engine's settings that belong to parts of the form."""
    for settings, asked in ((DEFAULTS.stream, True), (AdaptationSettings(), False)):
        for name, setting in settings_of(type(settings)).items():
            if setting.label and setting.group in groups:
                about = {"kind": setting.kind, "setting": setting, "asked": asked}
                yield Field(name=name, default=getattr(settings, name), **about)


# Of a visitor's own images alone, so no setting of the engine's.
STRANGERS_BY_LABEL = Setting(
    name="strangers_by_label",
    default=False,
    kind=bool,
    label=say("Other labels are strangers"),
    help=say("Images whose label is none of the class names: strangers (OOD) rather than unlabelled."),
    group="images",
)

FORM: dict[str, Field] = {
    item.name: item
    for item in (
        Field(name="dataset", default=DEFAULTS.dataset),
        Field(name="hub_dataset", default="", asked=False),  # the API's dataset says both
        Field(name="files", default=None, linked=False, asked=False),  # a visitor's images never travel
        Field(name="class_names", default=DEFAULTS.class_text),
        *_settings("shift"),
        Field(name="ood_source", default=DEFAULTS.ood_source),
        Field(name="methods", default=DEFAULTS.methods, kind=list[str]),
        *_settings("stream"),
        Field(name="backbone", default=DEFAULTS.backbone),
        Field(name="templates", default=""),
        *_settings("advanced"),
        *_settings("schedule"),
        Field(name="strangers_by_label", default=False, kind=bool, setting=STRANGERS_BY_LABEL, asked=False),
    )
}
FIELDS = tuple(FORM)
ADAPTATION_FIELDS = tuple(name for name in FORM if name in settings_of(AdaptationSettings))


def field_names() -> tuple[str, ...]:
    """All fields: those of every form, and methods' own settings that have a widget, as METHOD.SETTING."""
    return (*FIELDS, *(name for name, setting in own_declared().items() if setting.label))


def linked_names() -> tuple[str, ...]:
    """The fields that links hold."""
    return tuple(name for name in field_names() if name not in FORM or FORM[name].linked)


def in_group(group: str) -> tuple[str, ...]:
    """The fields declared for a part of the form."""
    return tuple(name for name, item in FORM.items() if item.setting and item.setting.group == group)


def of_methods(names: Iterable[str], methods: Iterable[str]) -> list[str]:
    """Fields without the own settings of methods that are not among these."""
    chosen = set(methods)
    return [name for name in names if name in FORM or name.split(".")[0] in chosen]


def stream_names() -> tuple[str, ...]:
    """The fields that decide what comes when."""
    return tuple(name for name in FIELDS if name in settings_of(StreamSettings))


def declared(name: str) -> Setting | None:
    """The declaration of a field, where it is a setting of the engine or of a method's own."""
    return FORM[name].setting if name in FORM else own_declared()[name]


_Fields = make_dataclass(
    "_Fields", [(item.name, Any, field(default=item.default)) for item in FORM.values()], frozen=True, kw_only=True
)


@dataclass(frozen=True, kw_only=True)
class FormValues(_Fields):
    """The raw values of a form, one for each of ``FORM``; nothing is checked yet.

    Attributes:
        own: METHOD.SETTING → value, of methods' own settings, those not given are at their defaults; and of settings
            without a widget, which programs alone give.
    """

    own: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name in FORM:
            return getattr(self, name)
        return self.own[name] if name in self.own else own_declared()[name].default

    def changed(self, values: Mapping[str, Any]) -> FormValues:
        """The same form with other values, by the names of :func:`field_names`."""
        own = {name: value for name, value in values.items() if name not in FORM}
        fields = {name: value for name, value in values.items() if name in FORM}
        return replace(self, own={**self.own, **own}, **fields)


def form_of(values: tuple[Any, ...]) -> FormValues:
    """The form whose fields have these values, in the order of :func:`field_names`."""
    return FormValues().changed(dict(zip(field_names(), values, strict=True)))
