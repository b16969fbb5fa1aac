"""The data that a run can name: built-in pictures, the unseen style, folders, and the built-in OOD sets."""

from __future__ import annotations

from collections.abc import Sequence

from cliptta_demo.backend.class_names import display_name
from cliptta_demo.backend.data.folder import FolderDataset, scan_folder
from cliptta_demo.backend.data.pictures import TRAINED_STYLES, UNSEEN_STYLE, picture_world
from cliptta_demo.backend.data.sources import OOD_LABEL, FolderSource, PictureSource, Source
from cliptta_demo.backend.errors import UserError

FOLDER_PREFIX = "folder:"

DATASETS: dict[str, str] = {
    "pictures": "Built-in pictures",
    "unseen-style": "A style never seen in training",
}
OOD_SOURCES: dict[str, str] = {
    "flags": "Flags",
    "symbols": "Symbols",
    "letters": "Letters and digits",
    "near-strangers": "Other objects (near OOD)",
}

# Twelve easy-to-name things: enough classes to see a collapse, few enough to read the histogram.
DEFAULT_PICTURE_CLASSES = (
    "cat",
    "dog",
    "horse",
    "bird",
    "fish",
    "flower",
    "tree",
    "car",
    "airplane",
    "ship",
    "house",
    "clock",
)


def picture_class_names() -> tuple[str, ...]:
    """All class names of the built-in pictures."""
    return tuple(picture_world().classes)


def open_source(spec: str, class_names: Sequence[str] | None = None) -> Source:
    """The ID images of a run.

    Args:
        spec: a key of ``DATASETS``, or ``folder:PATH`` (one sub-folder per class). ``folder:`` is for the command
            line and notebooks; a page must not pass a visitor's text here.
        class_names: the classes to show, in this order; None takes the default twelve pictures, or all folders.

    Raises:
        UserError: unknown spec, or a class name that the data set doesn't have.
    """
    if spec.startswith(FOLDER_PREFIX):
        return FolderSource(scan_folder(spec.removeprefix(FOLDER_PREFIX), class_names))
    if spec not in DATASETS:
        allowed = ", ".join([*DATASETS, f"{FOLDER_PREFIX}PATH"])
        raise UserError(f"dataset is {spec!r}; it must be one of: {allowed}.")
    world = picture_world()
    chosen = tuple(class_names) if class_names else DEFAULT_PICTURE_CLASSES
    known = {name.casefold(): name for name in world.classes}
    groups: dict[str, tuple[int, ...]] = {}
    unknown = []
    for name in chosen:
        key = display_name(name).casefold()
        if key in known:
            groups[known[key]] = world.classes[known[key]]
        else:
            unknown.append(name)
    if unknown:
        missing = ", ".join(map(repr, unknown))
        raise UserError(f"The built-in pictures have no class {missing}. They have: {', '.join(world.classes)}.")
    styles = (UNSEEN_STYLE,) if spec == "unseen-style" else TRAINED_STYLES
    return PictureSource(world, groups, styles)


def open_strangers(spec: str, like: str = "pictures") -> Source:
    """The OOD images of a run; every label is ``OOD_LABEL``.

    Args:
        spec: a key of ``OOD_SOURCES``, or ``folder:PATH`` (sub-folders optional).
        like: the ID data set; strangers are drawn in the same art styles.

    Raises:
        UserError: unknown spec.
    """
    if spec.startswith(FOLDER_PREFIX):
        return FolderSource(_scan_strangers(spec.removeprefix(FOLDER_PREFIX)), OOD_LABEL)
    if spec not in OOD_SOURCES:
        allowed = ", ".join([*OOD_SOURCES, f"{FOLDER_PREFIX}PATH"])
        raise UserError(f"ood is {spec!r}; it must be one of: {allowed}.")
    world = picture_world()
    groups = world.near_strangers if spec == "near-strangers" else {spec: world.strangers[spec]}
    styles = (UNSEEN_STYLE,) if like == "unseen-style" else TRAINED_STYLES
    return PictureSource(world, groups, styles, OOD_LABEL)


def _scan_strangers(path: str) -> FolderDataset:
    """Strangers need no classes: images may lie in sub-folders or loose."""
    try:
        return scan_folder(path)
    except UserError:
        return scan_folder(path, ("stranger",))
