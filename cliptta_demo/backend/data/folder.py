"""Labelled images from a folder: one sub-folder per class, whose name is the class name."""

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cliptta_demo.backend.data.decode import decode_files
from cliptta_demo.backend.data.local import find_folder
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
    folders, files without an image's extension, and symbolic links that lead out of `root` are skipped. With
    `class_names`, these are the classes in that order (an underscore equals a space, case does not matter): some of
    the sub-folders, then the others are left out, or all of them and perhaps more. A folder with images, and no
    sub-folders with any, needs `class_names`; its images are UNLABELLED. Images beside class sub-folders are skipped.
    A leading `~` is the home folder.

    Raises UserError, one sentence, when the folder is missing, can't be read or holds no such images.
    """
    root = find_folder(root)
    shown = root.name or str(root)
    try:
        inside = os.path.realpath(root)
        folders, loose = _entries(root, inside)
        found = {folder.name: _images_below(folder, inside) for folder in folders}
    except OSError as error:
        raise UserError(f"The folder '{shown}' can't be read: check its permissions.") from error
    by_class = {name: files for name, files in found.items() if files}
    if by_class:
        names = tuple(by_class) if class_names is None else tuple(class_names)
        positions = _positions(tuple(by_class), names, shown)
        shows = [(file, positions[name]) for name, group in by_class.items() if name in positions for file in group]
        files, labels = zip(*shows, strict=True)
        return FolderSource(names, files, labels)
    if not loose:
        if folders:
            raise UserError(f"No images were found in the sub-folders of '{shown}': put some into each.")
        what = f"The folder '{shown}' has no class sub-folders"
        raise UserError(f"{what}: make one per class and put images there.")
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


def _entries(folder: Path, inside: str) -> tuple[list[Path], list[Path]]:
    """The visible sub-folders and image files of a folder, sorted, none of them outside `inside`."""
    folders: list[Path] = []
    files: list[Path] = []
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if name.startswith(".") or not Path(os.path.realpath(path)).is_relative_to(inside):
            continue
        if path.is_dir():
            folders.append(path)
        elif path.is_file() and path.suffix.lower() in IMAGE_EXTENSIONS:
            files.append(path)
    return folders, files


def _images_below(folder: Path, inside: str) -> list[Path]:
    """Every image in a folder and below, sorted; each real folder is entered once, as links can go round."""
    pending, entered = [folder], set()
    images: list[Path] = []
    while pending:
        current = pending.pop()
        real = os.path.realpath(current)
        if real not in entered:
            entered.add(real)
            folders, files = _entries(current, inside)
            pending.extend(reversed(folders))
            images.extend(files)
    return sorted(images, key=lambda path: path.parts)
