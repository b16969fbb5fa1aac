"""Labelled images from a folder: one sub-folder per class, whose name is the class name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cliptta_demo.backend.data.decode import DEFAULT_LIMITS, ImageLimits, decode_files
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name

UNLABELLED = -2  # the label of an image whose class nobody gave; -1 is left to images of no class at all

IMAGE_EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


@dataclass(frozen=True)
class FolderDataset:
    """The images found below a folder; nothing is decoded until `load`.

    files and labels have the same length. labels index class_names, or are UNLABELLED.
    """

    root: Path
    class_names: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        """The number of image files."""
        return len(self.files)

    def load(
        self, indices: Sequence[int], size: int, limits: ImageLimits = DEFAULT_LIMITS
    ) -> tuple[Tensor, Tensor, tuple[str, ...], tuple[str, ...]]:
        """Decode the images at `indices`, in that order, leaving out those that can't be read.

        Returns images (N, 3, size, size) uint8, 0 to 255, RGB; labels (N,) int64; N file names; a sentence
        for each image left out. N may be 0. `limits.max_files` does not apply: the caller chooses how many.
        Raises IndexError for an index outside 0 to len(self) - 1, ValueError if `size` is out of range.
        """
        for index in indices:
            if not 0 <= index < len(self.files):
                raise IndexError(f"index is {index}; it must be from 0 to {len(self.files) - 1}")
        files = [self.files[index] for index in indices]
        decoded = decode_files(files, [file.name for file in files], size, limits)
        labels = torch.tensor([self.labels[indices[place]] for place in decoded.kept], dtype=torch.int64)
        return decoded.images, labels, tuple(files[place].name for place in decoded.kept), decoded.refused


def scan_folder(root: Path | str, class_names: Sequence[str] | None = None) -> FolderDataset:
    """List the images of a folder in the ImageFolder layout, sorted, the same on every machine.

    Each sub-folder with images is a class; images in folders further down belong to it. Hidden files and
    folders, files without an image's extension, and symbolic links that lead out of `root` are skipped. With
    `class_names`, these are the classes in that order, and each sub-folder must be one of them (an underscore
    equals a space, case does not matter). A folder with images, and no sub-folders with any, needs
    `class_names`; its images are UNLABELLED. Images beside class sub-folders are skipped. A leading `~` is
    the home folder.

    Raises UserError, one sentence, when the folder is missing, can't be read or holds no such images.
    """
    path = os.path.expanduser(root)
    root = Path(path)
    shown = root.name or str(path)
    if not path or not os.path.exists(root):  # an empty path would mean the current folder
        raise UserError(f"The folder '{shown}' does not exist: check the path.")
    if not root.is_dir():
        raise UserError(f"'{shown}' is a file, not a folder: give a folder with one sub-folder per class.")
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
        files = tuple(file for group in by_class.values() for file in group)
        labels = tuple(position for position, group in zip(positions, by_class.values(), strict=True) for _ in group)
        return FolderDataset(root, names, files, labels)
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
    return FolderDataset(root, tuple(class_names), tuple(loose), (UNLABELLED,) * len(loose))


def _positions(folder_names: tuple[str, ...], class_names: tuple[str, ...], shown: str) -> list[int]:
    position = {_comparable(name): index for index, name in enumerate(class_names)}
    unknown = [name for name in folder_names if _comparable(name) not in position]
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown[:5]) + (", …" if len(unknown) > 5 else "")
        raise UserError(
            f"'{shown}' has sub-folders that are not among the class names ({listed}): add these names or"
            " rename the sub-folders."
        )
    return [position[_comparable(name)] for name in folder_names]


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
