"""Labelled images from a folder: one sub-folder per class, whose name is the class name."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cliptta_demo.backend.data.catalog import find_folder
from cliptta_demo.backend.data.decode import decode_files
from cliptta_demo.backend.data.order import Order
from cliptta_demo.backend.data.sources import UNLABELLED, Images, arranged
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name

IMAGE_EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class FolderSource:
    """The images found below a folder, each once; one is decoded when it is taken, and left out if it can't be.

    files and labels have the same length. labels index class_names, or are UNLABELLED.
    """

    class_names: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]

    def length(self) -> int | None:
        return len(self.files)

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        places = arranged(np.asarray(self.labels), order, seed)[start : start + count]
        files = [self.files[place] for place in places]
        decoded = decode_files(files, [file.name for file in files], size)
        labels = torch.tensor([self.labels[places[kept]] for kept in decoded.kept], dtype=torch.int64)
        return Images(decoded.images, labels, tuple(files[kept].name for kept in decoded.kept), decoded.refused)


def scan_folder(root: Path | str, class_names: Sequence[str] | None = None) -> FolderSource:
    """List the images of a folder in the ImageFolder layout, sorted, the same on every machine.

    Each sub-folder with images is a class; images in folders further down belong to it. Hidden files and
    folders, files without an image's extension, and linked folders are skipped. With
    `class_names`, these are the classes in that order (an underscore equals a space, case does not matter): some of
    the sub-folders, then the others are left out, or all of them and perhaps more. A folder with images, and no
    sub-folders with any, needs `class_names`; its images are UNLABELLED. Images beside class sub-folders are skipped.
    A leading `~` is the home folder.

    Raises UserError, one sentence, when the folder is missing, can't be read or holds no such images.
    """
    root = find_folder(root)
    shown = root.name or str(root)
    by_class: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        visible = not any(part.startswith(".") for part in parts)
        if visible and path.suffix.lower() in IMAGE_EXTENSIONS and path.is_file():
            by_class.setdefault(parts[0] if len(parts) > 1 else "", []).append(path)
    loose = by_class.pop("", [])
    if by_class:
        names = tuple(by_class) if class_names is None else tuple(class_names)
        positions = _positions(tuple(by_class), names, shown)
        shows = [(file, positions[name]) for name, group in by_class.items() if name in positions for file in group]
        files, labels = zip(*shows, strict=True)
        return FolderSource(names, files, labels)
    if not loose:
        raise UserError(f"The folder '{shown}' has no class sub-folders with images: make one per class.")
    if class_names is None:
        raise UserError(
            f"The folder '{shown}' has images but no class sub-folders: give the class names, or sort the"
            " images into one sub-folder per class."
        )
    return FolderSource(tuple(class_names), tuple(loose), (UNLABELLED,) * len(loose))


def scan_loose(root: Path | str) -> FolderSource:
    """The images of a folder as strangers, which need no classes: they may lie loose. Raises as scan_folder does."""
    try:
        return scan_folder(root)
    except UserError:
        return scan_folder(root, ("stranger",))


def _positions(folder_names: tuple[str, ...], class_names: tuple[str, ...], shown: str) -> dict[str, int]:
    """Sub-folder → its place in the class names, for those that are named."""
    place = {_comparable(name): index for index, name in enumerate(class_names)}
    found = {name: place[_comparable(name)] for name in folder_names if _comparable(name) in place}
    missing = [name for index, name in enumerate(class_names) if index not in found.values()]
    if missing and len(found) < len(folder_names):
        text = "'{shown}' has no sub-folders for {missing}: name some of those that it has ({known}), or all of them."
        raise UserError(text.format(shown=shown, missing=_listed(missing), known=_listed(folder_names)))
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:5]) + (", …" if len(names) > 5 else "")


def _comparable(name: str) -> str:
    """The name without what may differ between a folder and a typed name; some systems store é as e and ´."""
    return unicodedata.normalize("NFC", display_name(name)).casefold()
