"""What the page offers as images, strangers and backbones, and which text of a visitor stands for what."""

from __future__ import annotations

from typing import Any

from cliptta_demo.backend.data.catalog import DATASETS, OOD_SOURCES, check_source, prefixes, written_names
from cliptta_demo.backend.data.hub_dataset import PREFIX, read_hub_spec
from cliptta_demo.backend.data.presets import PRESETS, HubDataset
from cliptta_demo.backend.errors import UserError, quoted
from cliptta_demo.backend.hub.downloads import megabytes
from cliptta_demo.backend.models.offered import BACKBONES
from cliptta_demo.languages import say
from cliptta_demo.limits import LIMITS
from cliptta_demo.page.words.defaults import DATASET_DEFAULTS, DEFAULTS, UPLOAD, UPLOAD_LABEL

HUB = "hub"  # the choice that takes its name from a text field
HUB_LABEL = say("Another, from the hub…")
# Those that a visitor may fetch, as far as their sizes are known; the command line takes the others too.
PAGE_PRESETS: dict[str, HubDataset] = {
    name: preset for name, preset in PRESETS.items() if 0 < preset.megabytes <= LIMITS.download_megabytes
}
_SHIFTED = ("cifar10", "cifar100")  # clean photos: corruption is the shift that the paper studies on them

Choices = list[tuple[str, str]]


def dataset_choices() -> Choices:
    """(label, value) of the images to choose from."""
    built_in = [(label, name) for name, label in DATASETS.items()]
    presets = [(preset.label, name) for name, preset in PAGE_PRESETS.items()]
    return [*built_in, (UPLOAD_LABEL, UPLOAD), *presets, (HUB_LABEL, HUB)]


def stranger_choices() -> Choices:
    """(label, value) of the strangers to choose from."""
    presets = [(preset.label, name) for name, preset in PAGE_PRESETS.items()]
    return [*((label, name) for name, label in OOD_SOURCES.items()), *presets]


def backbone_choices() -> Choices:
    """(label, value) of the listed backbones; others are typed."""
    return [(entry.label, name) for name, entry in BACKBONES.items()]


def images_note(name: Any) -> str:
    """What choosing these images or strangers costs; empty where it costs nothing."""
    preset = PAGE_PRESETS.get(name) if isinstance(name, str) else None
    if preset is not None:
        return say("{size} from the Hugging Face hub, once.", size=megabytes(preset.megabytes * 1e6))
    most = megabytes(LIMITS.download_megabytes * 1e6)
    return say("Fetched from the hub once; at most {size}.", size=most) if name == HUB else ""


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
    return isinstance(dataset, str) and (dataset in PRESETS or dataset == HUB or is_typed(dataset))


def is_typed(dataset: str) -> bool:
    """Whether it begins as a name that is typed, on no list: of the hub, or of a registered kind."""
    return dataset.startswith(tuple(prefixes(visitor=True)))


def read_dataset(dataset: Any, hub_dataset: Any) -> str:
    """The spec that a form's two fields stand for; nothing is fetched.

    Raises:
        UserError: no such choice, or a text that is no name on the hub.
    """
    if isinstance(dataset, str):
        if dataset in DATASETS or dataset in PAGE_PRESETS or dataset == UPLOAD:
            return dataset
        if dataset == HUB:
            text = hub_dataset.strip() if isinstance(hub_dataset, str) else ""
            if not text:
                raise UserError(
                    say("Type the data set's name on the hub: ORGANISATION/NAME, as in zh-plus/tiny-imagenet.")
                )
            dataset = text if is_typed(text) else f"{PREFIX}{text}"
        if dataset.startswith(PREFIX):
            read_hub_spec(dataset)
        if is_typed(dataset):
            check_source(dataset, visitor=True)
            return dataset
    allowed = ", ".join((*DATASETS, *PAGE_PRESETS, UPLOAD, *written_names(visitor=True)))
    raise UserError(say("dataset is {value}; it must be one of: {allowed}.", value=quoted(dataset), allowed=allowed))
