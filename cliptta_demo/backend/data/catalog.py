"""The data that a run can name: built-in pictures, the unseen style, data sets of the hub, folders, OOD sets.

A kind of data set is registered by the beginning of its names; from outside too, see :func:`register_source`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from cliptta_demo.backend.data.folder import find_folder, open_cifar_c, scan_folder, scan_loose
from cliptta_demo.backend.data.hub_dataset import find_tables, open_hub_dataset, open_tables
from cliptta_demo.backend.data.pictures import TRAINED_STYLES, UNSEEN_STYLE, picture_world
from cliptta_demo.backend.data.presets import CIFAR_C_PREFIXES, HUB_PREFIX, PRESETS, is_hub_spec
from cliptta_demo.backend.data.sources import PictureSource, Source
from cliptta_demo.backend.declare import check_choice
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import same_name
from cliptta_demo.languages import Text


@dataclass(frozen=True)
class SourceKind:
    """Data sets whose names begin alike.

    Attributes:
        open: (what follows the prefix, class names or None for all) → a :class:`.sources.Source`; a name or class that
            it doesn't have is a :class:`UserError`.
        place: what follows the prefix, as help and messages show it.
        check: raises a :class:`UserError` for a wrong name, before anything heavy is loaded.
        strangers: (what follows the prefix) → its images as strangers; None opens them with all classes.
        visitors: whether a page's visitors may name them: in links, the API and the field for names of the hub.
    """

    open: Callable[..., Source]
    place: str = "NAME"
    check: Callable[[str], object] | None = None
    strangers: Callable[[str], Source] | None = None
    visitors: bool = False


SOURCES: dict[str, SourceKind] = {}


def register_source(prefix: str, open: Callable[..., Source], **about: Any) -> None:
    """Offers data sets of another kind everywhere, from anywhere: names that begin with ``prefix``.

    Args:
        prefix: with its colon, as ``mine:``.
        open, about: the attributes of a :class:`SourceKind`.

    Raises:
        ValueError: the prefix has no colon at its end, or is taken.
    """
    if not prefix.endswith(":") or prefix in (HUB_PREFIX, *SOURCES):
        taken = ", ".join((HUB_PREFIX, *SOURCES))
        raise ValueError(f"prefix is {prefix!r}; it must end in a colon and be another than {taken}")
    SOURCES[prefix] = SourceKind(open, **about)


# These open paths of this machine: not for a page's visitors.
register_source("folder:", scan_folder, place="PATH", check=find_folder, strangers=scan_loose)
register_source(
    "parquet:", open_tables, place="PATH", check=find_tables, strangers=partial(open_tables, strangers=True)
)
for _prefix, _names in CIFAR_C_PREFIXES.items():
    register_source(_prefix, partial(open_cifar_c, known=_names), place="DIRECTORY[/CORRUPTION][:SEVERITY]")

DATASETS: dict[str, str] = {
    "pictures": Text("Built-in pictures"),
    "unseen-style": Text("A style never seen in training"),
}
OOD_SOURCES: dict[str, str] = {
    "flags": Text("Flags"),
    "symbols": Text("Symbols"),
    "letters": Text("Letters and digits"),
    "near-strangers": Text("Other objects (near OOD)"),
    "others": Text("Classes left out of the list (near OOD)"),
}

# Twelve easy-to-name things: enough classes to see a collapse, few enough to read the histogram.
DEFAULT_PICTURE_CLASSES = (
    "cat", "dog", "horse", "bird", "fish", "flower", "tree", "car", "airplane", "ship", "house", "clock",
)  # fmt: skip


def picture_class_names() -> tuple[str, ...]:
    """All class names of the built-in pictures."""
    return tuple(picture_world().classes)


def check_source(spec: str, *, strangers: bool = False, visitor: bool = False) -> None:
    """Raises :class:`UserError` unless :func:`open_source` (:func:`open_strangers`) knows the name; loads nothing."""
    kind, rest = _kind_of(spec, visitor)
    if kind and kind.check:
        kind.check(rest)
    elif not kind and not is_hub_spec(spec):
        names = (*(OOD_SOURCES if strangers else DATASETS), *PRESETS, *written_names(visitor))
        check_choice("ood" if strangers else "dataset", spec, names)


def prefixes(visitor: bool = False) -> dict[str, str]:
    """How names begin that are on no list → what follows; of those that a ``visitor`` may open."""
    registered = {prefix: kind.place for prefix, kind in SOURCES.items() if kind.visitors or not visitor}
    return {HUB_PREFIX: "ORGANISATION/NAME[:SPLIT]"} | registered


def written_names(visitor: bool = False) -> list[str]:
    """How such names are written, as ``folder:PATH``."""
    return [prefix + place for prefix, place in prefixes(visitor).items()]


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
    return _opened(spec, (class_names or DEFAULT_PICTURE_CLASSES) if spec in DATASETS else class_names, visitor=visitor)


def _kind_of(spec: str, visitor: bool) -> tuple[SourceKind | None, str]:
    """The registered kind of a name, if it has one, and what follows the prefix."""
    prefix = next(filter(spec.startswith, SOURCES), None)
    if prefix is None:
        return None, spec
    if visitor and not SOURCES[prefix].visitors:
        raise UserError("Paths of this machine can be opened on the command line only. Choose another data set.")
    return SOURCES[prefix], spec.removeprefix(prefix)


def _drawn(groups: dict[str, tuple[int, ...]], spec: str) -> PictureSource:
    return PictureSource(picture_world(), groups, (UNSEEN_STYLE,) if spec == "unseen-style" else TRAINED_STYLES)


def _opened(spec: str, names: Sequence[str] | None, *, strangers: bool = False, visitor: bool = False) -> Source:
    """What a checked name stands for, with these of its classes; None: with all."""
    if spec in DATASETS:
        known = {same_name(name): (name, ids) for name, ids in picture_world().classes.items()}
        wanted = picture_class_names() if names is None else names
        if missing := [name for name in wanted if same_name(name) not in known]:
            text = Text("The built-in pictures have no class {missing}. They have: {known}.")
            raise UserError(text, missing=", ".join(map(repr, missing)), known=", ".join(picture_class_names()))
        return _drawn(dict(known[same_name(name)] for name in wanted), spec)
    if is_hub_spec(spec):
        return open_hub_dataset(spec, names, strangers=strangers, visitor=visitor)
    kind, rest = _kind_of(spec, visitor)
    return kind.strangers(rest) if strangers and names is None and kind.strangers else kind.open(rest, names)


def open_strangers(
    spec: str, like: str = "pictures", class_names: Sequence[str] | None = None, *, visitor: bool = False
) -> Source:
    """The OOD images of a run; a :class:`.stream.Stream` gives them their label, whatever theirs is.

    Args:
        spec: a key of ``OOD_SOURCES``, or a data set of the hub or a path, as for :func:`open_source`; a folder's
            sub-folders are optional.
        like: the ID data set; built-in strangers are drawn in the same art styles, "others" are its other classes.
        class_names: the run's classes in the words of ``like``; only "others" asks for them.
        visitor: as for :func:`open_source`.

    Raises:
        UserError: unknown spec, no class left for "others", or a data set that can't be fetched.
    """
    check_source(spec, strangers=True, visitor=visitor)
    world = picture_world()
    if spec == "near-strangers":
        return _drawn(world.near_strangers, like)
    if spec in world.strangers:
        return _drawn({spec: world.strangers[spec]}, like)
    if spec != "others":
        return _opened(spec, None, strangers=True, visitor=visitor)
    # As in open-set recognition by splitting a data set's classes.
    if like not in DATASETS and not is_hub_spec(like) and not _kind_of(like, visitor)[0]:
        raise UserError("Only built-in pictures and data sets of the hub know their other classes. Choose other OOD.")
    listed = {same_name(name) for name in (class_names or open_source(like, visitor=visitor).class_names)}
    known = _opened(like, None, visitor=visitor).class_names
    others = tuple(name for name in known if same_name(name) not in listed)
    if not others:
        raise UserError("All classes of the data set are in the list: take some out, and they become the strangers.")
    return _opened(like, others, strangers=True, visitor=visitor)
