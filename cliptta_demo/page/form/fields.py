"""The table of what a form holds: of each value its declaration, and how it is parsed, written and said.

Their order is a promise to programs: it is that of the API's arguments.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cliptta_demo.backend.data.catalog import DATASETS, OOD_SOURCES, check_source, prefixes, written_names
from cliptta_demo.backend.data.hub_dataset import read_hub_spec
from cliptta_demo.backend.data.presets import HUB_PREFIX, PRESETS, HubDataset
from cliptta_demo.backend.declare import Setting, check_choice, settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import label_of
from cliptta_demo.backend.own_settings import own_declared
from cliptta_demo.backend.registry import all_methods
from cliptta_demo.backend.settings import AdaptationSettings, StreamSettings
from cliptta_demo.languages import Says, Text, localised, say, within
from cliptta_demo.limits import DATASET_VARIABLE, LIMITS, variable
from cliptta_demo.page.words.defaults import DATASET_DEFAULTS, DEFAULTS, UPLOAD

# Those that a visitor may fetch: the command line takes the others too.
PAGE_PRESETS: dict[str, HubDataset] = {
    name: preset for name, preset in PRESETS.items() if 0 < preset.megabytes <= LIMITS.download_megabytes
}
_SHIFTED = ("cifar10", "cifar100")  # clean photos: corruption is the shift that the paper studies on them
FLAGS = {"0": False, "1": True, "false": False, "true": True}  # how links say a switch


def dataset_choices() -> list[tuple[str, str]]:
    """(label, value) of the images to choose from."""
    presets = [(preset.label, name) for name, preset in PAGE_PRESETS.items()]
    built_in = [(say(label), name) for name, label in DATASETS.items()]
    own = [own_dataset()] if is_typed(own_dataset()) else []
    return [*built_in, (say("Your images"), UPLOAD), *presets, *((name.removeprefix(HUB_PREFIX), name) for name in own)]


def own_dataset() -> str:
    """What the page's owner has set it to open with; "" where nothing."""
    return os.environ.get(DATASET_VARIABLE, "").strip()


def takes_typed() -> bool:
    """Whether visitors may name images that are on no list."""
    return bool(LIMITS.any_dataset) or len(prefixes(visitor=True)) > 1


def stranger_choices() -> list[tuple[str, str]]:
    """(label, value) of the strangers to choose from."""
    presets = [(preset.label, name) for name, preset in PAGE_PRESETS.items()]
    return [*((say(label), name) for name, label in OOD_SOURCES.items()), *presets]


def class_text_and_corruption(dataset: Any) -> tuple[str, str]:
    """What choosing a data set puts into the form: class names and corruption."""
    if is_hub_choice(dataset):
        preset = PRESETS.get(dataset)
        return ", ".join(preset.class_names) if preset else "", "gaussian_noise" if dataset in _SHIFTED else "none"
    known = isinstance(dataset, str) and dataset in DATASET_DEFAULTS
    names, corruption = DATASET_DEFAULTS[dataset if known else DEFAULTS.dataset]
    return ", ".join(names), corruption


def is_hub_choice(dataset: Any) -> bool:
    """Whether the images come from the hub or a registered kind: class names may stay empty, they bring their own."""
    return isinstance(dataset, str) and (dataset in PRESETS or is_typed(dataset))


def is_typed(dataset: Any) -> bool:
    """Whether it begins as a name that is typed, on no list: of the hub, or of a registered kind."""
    return isinstance(dataset, str) and dataset.startswith(tuple(prefixes(visitor=True)))


def read_dataset(dataset: Any, own: str | None = None) -> str:
    """The name of a data set, checked; nothing is fetched. Raises :class:`UserError` for what this page doesn't take.

    ``own`` is what the page's owner has set: the only name of the hub's that a page which others can reach takes.
    """
    dataset = dataset.strip() if isinstance(dataset, str) else dataset
    if not is_typed(dataset):
        check_choice("dataset", dataset, (*DATASETS, *PAGE_PRESETS, UPLOAD, *written_names(visitor=True)))
        return dataset
    if dataset.startswith(HUB_PREFIX):
        read_hub_spec(dataset)
        if not LIMITS.any_dataset and dataset != (own_dataset() if own is None else own):
            text = Text("This page takes data sets of its list only: choose one. Its owner can allow any: {name}.")
            raise UserError(text, name=f"{variable('any_dataset')}=1")
    check_source(dataset, visitor=True)
    return dataset


def _images(name: Any) -> str:
    known = {known: label for label, known in (*dataset_choices(), *stranger_choices())}
    return known.get(name, str(name).removeprefix(HUB_PREFIX))


@dataclass(frozen=True, kw_only=True, eq=False)
class Field(Says):
    """One value of the form.

    Attributes:
        name: in the form, in links and in the API; default: as the page opens.
        setting: its declaration, where it is a setting of the engine.
        called: what it is called, as in the middle of a sentence; told: its value in words; alone: whether these say
            enough. Of settings their declarations say so.
    """

    name: str
    default: Any
    setting: Setting | None = None
    called: str = ""
    told: Callable[[Any], str] | None = None
    alone: bool = False

    def parse(self, text: str) -> Any:
        """The value that a link's text stands for; what is none stays text, which the door refuses by name."""
        if isinstance(self.default, list):
            return [part.strip() for part in text.split(",") if part.strip()]
        with suppress(ValueError):
            return self.setting.parse(text, FLAGS) if self.setting is not None else text
        return text

    def write(self, value: Any) -> str:
        """A value as links write it."""
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, float):
            short = f"{value:.10g}"
            return short if float(short) == value else repr(value)
        return ",".join(value) if isinstance(value, list) else str(value)

    @property
    def label(self) -> str:
        """What it is called, as in the middle of a sentence."""
        if self.setting is None:
            return self.called
        words, (method, dot, _) = self.setting.label, self.name.partition(".")
        return f"{all_methods()[method].label}: {within(words)}" if dot else within(words)

    def words(self, value: Any) -> str:
        """A value in words."""
        if self.told is not None:
            return self.told(value)
        if self.setting.kind is bool:
            return say("on") if value else say("off")
        if self.setting.kind is str:
            return within(self.setting.options[value])
        return localised(f"{value:.10f}".rstrip("0").rstrip("."))

    def phrase(self, value: Any) -> str:
        """Label and value; of some the value says enough."""
        if self.name == "corruption":
            return say("no corruption") if value == "none" else self.words(value)
        words = self.words(value)
        return words if self.alone else say("{setting} {value}", setting=self.label, value=words)


def _settings(*groups: str) -> Iterator[Field]:
    for settings in (DEFAULTS.stream, AdaptationSettings()):
        for name, setting in settings_of(type(settings)).items():
            if setting.has_widget and setting.group in groups:
                yield Field(name=name, default=getattr(settings, name), setting=setting)


def _classes(text: str) -> str:
    return say("{count} classes", count=len(text.split(","))) if text else say("all classes")


def _methods(names: Iterable[str]) -> str:
    return ", ".join(all_methods()[name].label for name in names)


# Of a visitor's own images alone, so no setting of the engine's.
STRANGERS_BY_LABEL = Setting(
    name="strangers_by_label",
    default=False,
    kind=bool,
    label=Text("Other labels are strangers"),
    help=Text("Images whose label is none of the class names: strangers (OOD) rather than unlabelled."),
    group="images",
)

FORM: dict[str, Field] = {
    item.name: item
    for item in (
        Field(name="dataset", default=DEFAULTS.dataset, called=Text("images"), told=_images, alone=True),
        Field(name="class_names", default=DEFAULTS.class_text, called=Text("classes"), told=_classes, alone=True),
        *_settings("shift"),
        Field(name="ood_source", default=DEFAULTS.ood_source, called=Text("strangers"), told=_images),
        Field(name="methods", default=list(DEFAULTS.methods), called=Text("methods"), told=_methods, alone=True),
        *_settings("stream"),
        Field(name="backbone", default=DEFAULTS.backbone, called=Text("model"), told=label_of),
        Field(
            name="templates", default="", called=Text("prompt templates"), told=lambda t: t or say("the model's own")
        ),
        *_settings("advanced"),
        *_settings("schedule"),
        Field(name="strangers_by_label", default=False, setting=STRANGERS_BY_LABEL),
    )
}
ADAPTATION_FIELDS = tuple(name for name in FORM if name in settings_of(AdaptationSettings))
STREAM_FIELDS = tuple(name for name in FORM if name in settings_of(StreamSettings))  # decide what comes when


def fields() -> dict[str, Field]:
    """All fields: those of every form, and methods' own settings that have a widget, as METHOD.SETTING."""
    own = own_declared().items()
    return FORM | {name: Field(name=name, default=item.default, setting=item) for name, item in own if item.label}


def in_group(group: str) -> tuple[str, ...]:
    """The fields declared for a part of the form."""
    return tuple(name for name, item in FORM.items() if item.setting and item.setting.group == group)


def form_of(values: Sequence[Any]) -> dict[str, Any]:
    """Field → value, of values in the order of :func:`fields`."""
    return dict(zip(fields(), values, strict=True))
