"""The data that a run can name: built-in pictures, the unseen style, data sets of the hub, folders, OOD sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cliptta_demo.backend.data.local import FINDERS, FOLDER_PREFIX, PARQUET_PREFIX
from cliptta_demo.backend.data.presets import CIFAR_C_PREFIXES, HUB_PREFIX, PRESETS, is_hub_spec
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.languages import say

if TYPE_CHECKING:  # what opens a source loads torch, which takes seconds: names are known without
    from cliptta_demo.backend.data.pictures import PictureWorld
    from cliptta_demo.backend.data.sources import Source

# These open paths of this machine: not for a page's visitors.
LOCAL_PREFIXES = (FOLDER_PREFIX, PARQUET_PREFIX, *CIFAR_C_PREFIXES)

DATASETS: dict[str, str] = {
    "pictures": say("Built-in pictures"),
    "unseen-style": say("A style never seen in training"),
}
OOD_SOURCES: dict[str, str] = {
    "flags": say("Flags"),
    "symbols": say("Symbols"),
    "letters": say("Letters and digits"),
    "near-strangers": say("Other objects (near OOD)"),
    "others": say("Classes left out of the list (near OOD)"),
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
    return tuple(_world().classes)


def check_source(spec: str, *, strangers: bool = False, visitor: bool = False) -> None:
    """Raises :class:`UserError` unless :func:`open_source` (:func:`open_strangers`) knows the name; loads nothing."""
    _refuse_local(spec, visitor)
    for prefix, find in FINDERS.items():
        if spec.startswith(prefix):
            find(spec)
    names = OOD_SOURCES if strangers else DATASETS
    if spec in names or is_hub_spec(spec) or spec.startswith(tuple(FINDERS) if strangers else LOCAL_PREFIXES):
        return
    about = {"spec": spec, "allowed": ", ".join(_allowed(names, visitor))}
    if strangers:
        raise UserError(say("ood is {spec!r}; it must be one of: {allowed}.", **about))
    raise UserError(say("dataset is {spec!r}; it must be one of: {allowed}.", **about))


def open_source(spec: str, class_names: Sequence[str] | None = None, *, visitor: bool = False) -> Source:
    """The ID images of a run.

    Args:
        spec: a key of ``DATASETS``; a data set of the hub, which is downloaded once: a key of ``PRESETS``, or
            ``hf:ORGANISATION/NAME`` with ``:SPLIT`` or ``:CONFIG/SPLIT`` after it where one is wanted, and conditions
            (:func:`.hub_dataset.read_hub_spec`); a path of this machine: ``folder:PATH`` (one sub-folder per class),
            ``parquet:PATH`` (a file, or a folder of them), ``cifar10c:DIRECTORY[/CORRUPTION][:SEVERITY]``,
            ``cifar100c:…``.
        class_names: the classes to show, in this order; None takes the default twelve pictures, or all classes.
        visitor: the spec comes from a page's visitor: no path of this machine, no token, bounded downloads.

    Raises:
        UserError: unknown spec, a class name that the data set doesn't have, or a data set that can't be fetched.
    """
    check_source(spec, visitor=visitor)
    if spec.startswith(FOLDER_PREFIX):
        from cliptta_demo.backend.data.folder import scan_folder

        return scan_folder(spec.removeprefix(FOLDER_PREFIX), class_names)
    if spec.startswith(tuple(CIFAR_C_PREFIXES)):
        from cliptta_demo.backend.data.cifar_c import open_cifar_c

        return open_cifar_c(spec, class_names)
    if table := _table(spec, class_names, visitor=visitor):
        return table
    world = _world()
    chosen = tuple(class_names) if class_names else DEFAULT_PICTURE_CLASSES
    known = {name.casefold(): name for name in world.classes}
    found = [known.get(display_name(name).casefold()) for name in chosen]
    if None in found:
        missing = ", ".join(repr(name) for name, there in zip(chosen, found, strict=True) if there is None)
        text = say("The built-in pictures have no class {missing}. They have: {known}.")
        raise UserError(text.format(missing=missing, known=", ".join(world.classes)))
    return _drawn(world, {name: world.classes[name] for name in found}, spec)


def can_rename(spec: str) -> bool:
    """Whether ``cat = kitten`` calls a class of this data set by another word; a folder's name may hold an "="."""
    return not spec.startswith(FOLDER_PREFIX)


def _refuse_local(spec: str, visitor: bool) -> None:
    if visitor and spec.startswith(LOCAL_PREFIXES):
        raise UserError(say("Paths of this machine can be opened on the command line only. Choose another data set."))


def _world() -> PictureWorld:
    from cliptta_demo.backend.data.pictures import picture_world

    return picture_world()


def _drawn(world: PictureWorld, groups: dict[str, list[int]], spec: str) -> Source:
    from cliptta_demo.backend.data.pictures import TRAINED_STYLES, UNSEEN_STYLE
    from cliptta_demo.backend.data.sources import PictureSource

    return PictureSource(world, groups, (UNSEEN_STYLE,) if spec == "unseen-style" else TRAINED_STYLES)


def _table(spec: str, names: Sequence[str] | None, *, strangers: bool = False, visitor: bool = False) -> Source | None:
    """A data set of the hub, or parquet files; None for what is neither."""
    if not is_hub_spec(spec) and not spec.startswith(PARQUET_PREFIX):
        return None
    _refuse_local(spec, visitor)
    from cliptta_demo.backend.data.hub_dataset import open_hub_dataset, open_tables

    if is_hub_spec(spec):
        return open_hub_dataset(spec, names, strangers=strangers, visitor=visitor)
    return open_tables(spec, names, strangers=strangers)


def _allowed(names: dict[str, str], visitor: bool) -> list[str]:
    paths, directories = [f"{prefix}PATH" for prefix in FINDERS], [f"{prefix}DIRECTORY" for prefix in CIFAR_C_PREFIXES]
    return [*names, *PRESETS, f"{HUB_PREFIX}ORGANISATION/NAME", *([] if visitor else paths + directories)]


def open_strangers(
    spec: str, like: str = "pictures", class_names: Sequence[str] | None = None, *, visitor: bool = False
) -> Source:
    """The OOD images of a run; a :class:`.stream.Stream` gives them their label, whatever theirs is.

    Args:
        spec: a key of ``OOD_SOURCES``, ``folder:PATH`` (sub-folders optional), ``parquet:PATH``, or a data set of the
            hub, as for :func:`open_source`.
        like: the ID data set; built-in strangers are drawn in the same art styles, "others" are its other classes.
        class_names: the run's classes in the words of ``like``; only "others" asks for them.
        visitor: as for :func:`open_source`.

    Raises:
        UserError: unknown spec, no class left for "others", or a data set that can't be fetched.
    """
    check_source(spec, strangers=True, visitor=visitor)
    if spec == "others":
        return _open_others(like, class_names, visitor)
    if table := _table(spec, None, strangers=True, visitor=visitor):
        return table
    if spec.startswith(FOLDER_PREFIX):
        from cliptta_demo.backend.data.folder import scan_folder

        path = spec.removeprefix(FOLDER_PREFIX)
        try:
            return scan_folder(path)
        except UserError:  # strangers need no classes: images may lie loose
            return scan_folder(path, ("stranger",))
    world = _world()
    groups = world.near_strangers if spec == "near-strangers" else {spec: world.strangers[spec]}
    return _drawn(world, groups, like)


def _open_others(like: str, class_names: Sequence[str] | None, visitor: bool) -> Source:
    """The classes of ``like`` that the run leaves out, as in open-set recognition by splitting a data set's classes."""
    table, world = _table(like, None, visitor=visitor), _world()
    if table is None and like not in DATASETS:
        raise UserError(
            say("Only built-in pictures and data sets of the hub know their other classes. Choose other OOD.")
        )
    known = table.class_names if table else tuple(world.classes)
    listed = {display_name(name).casefold() for name in (class_names or open_source(like, visitor=visitor).class_names)}
    others = tuple(name for name in known if display_name(name).casefold() not in listed)
    if not others:
        raise UserError(
            say("All classes of the data set are in the list: take some out, and they become the strangers.")
        )
    if table:
        return _table(like, others, strangers=True, visitor=visitor)
    return _drawn(world, {name: world.classes[name] for name in others}, like)
