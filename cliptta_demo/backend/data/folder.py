"""Labelled images of this machine: a folder with one sub-folder per class; CIFAR-10-C and CIFAR-100-C as published.

The latter are a directory of numpy files, mapped into memory, so that only the images of a batch are read:

    labels.npy           (50000,)            the 10,000 labels five times over
    CORRUPTION.npy       (50000, 32, 32, 3)  uint8; severity 1 in the first 10,000, severity 5 in the last

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
ICLR 2019; doi 10.5281/zenodo.2535967.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS
from cliptta_demo.backend.data.decode import decode_files
from cliptta_demo.backend.data.presets import PAPER_TEMPLATES
from cliptta_demo.backend.data.sources import UNLABELLED, Finite, resize, select_classes
from cliptta_demo.backend.errors import UserError

IMAGE_EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
SEVERITIES = 5


class FolderSource(Finite):
    """The images found below a folder; one is decoded when it is taken. files: one for each of the labels."""

    def __init__(self, class_names: Sequence[str], files: Sequence[Path], labels: np.ndarray) -> None:
        super().__init__(class_names, labels)
        self.files = tuple(files)

    def read(self, indices: np.ndarray, size: int) -> tuple[Iterable[Tensor | str], Sequence[str]]:
        files = [self.files[index] for index in indices]
        names = [file.name for file in files]
        return decode_files(files, names, size), names


def find_folder(path: Path | str) -> Path:
    """The folder at a path; a leading ``~`` is the home folder. Raises :class:`UserError` where there is none."""
    root = Path(os.path.expanduser(path))
    shown = root.name or str(path)
    if not str(path) or not os.path.isdir(root):  # an empty path would mean the current folder
        raise UserError(f"'{shown}' is no folder: check the path.")
    return root


def scan_folder(root: Path | str, class_names: Sequence[str] | None = None) -> FolderSource:
    """List the images of a folder in the ImageFolder layout, sorted, the same on every machine.

    Each sub-folder with images is a class; images in folders further down belong to it. Hidden files and
    folders, files without an image's extension, and linked folders are skipped. With
    `class_names`, these are the classes in that order, as in `select_classes`. A folder with images, and no
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
        files = [file for group in by_class.values() for file in group]
        labels = np.repeat(np.arange(len(by_class)), [len(group) for group in by_class.values()])
        names, chosen, labels = select_classes(tuple(by_class), labels, class_names, f"'{shown}'")
        return FolderSource(names, [files[place] for place in chosen], labels)
    if not loose or class_names is None:
        remedy = "sort images into one per class, or give the class names of loose images"
        raise UserError(f"The folder '{shown}' has no class sub-folders with images: {remedy}.")
    return FolderSource(class_names, loose, np.full(len(loose), UNLABELLED))


def scan_loose(root: Path | str) -> FolderSource:
    """The images of a folder as strangers, which need no classes: they may lie loose. Raises as scan_folder does."""
    try:
        return scan_folder(root)
    except UserError:
        return scan_folder(root, ("stranger",))


def open_cifar_c(name: str, class_names: Sequence[str] | None, known: tuple[str, ...]) -> "CifarCSource":
    """A source for ``DIRECTORY[/CORRUPTION][:SEVERITY]``.

    Without CORRUPTION all of the 15 common ones that are there are mixed; without SEVERITY it is 5, the paper's.
    known: class names in the order of the labels; class_names: only these of them, in this order; None: all.

    Raises:
        UserError: a missing or odd file, an unknown corruption, severity or class.
    """
    severity = SEVERITIES
    if match := re.fullmatch(r"(.+):(\d+)", name):
        name, severity = match[1], int(match[2])
    if not 1 <= severity <= SEVERITIES:
        raise UserError(f"severity is {severity}; it must be from 1 to {SEVERITIES}.")
    path = Path(name).expanduser()
    names = [path.name.removesuffix(".npy")]
    directory = path.parent
    if path.is_dir():
        names, directory = [name for name in COMMON_CORRUPTIONS if (path / f"{name}.npy").is_file()], path
    if not names:
        raise UserError(f"The directory {path.name!r} holds no file like fog.npy. Give CIFAR-10-C's directory.")
    labels = _open(directory, "labels")
    part = slice((severity - 1) * len(labels) // SEVERITIES, severity * len(labels) // SEVERITIES)
    files = {name: _open(directory, name) for name in names}
    shape = (len(labels), 32, 32, 3)
    odd = [name for name, images in files.items() if images.dtype != np.uint8 or images.shape != shape]
    repeated = np.tile(np.asarray(labels[part], np.int64), len(names))
    if odd or not len(repeated) or not 0 <= repeated.min() <= repeated.max() < len(known):
        holds = f"images are uint8 {shape} and labels from 0 to {len(known) - 1}"
        raise UserError(f"{(*odd, 'labels')[0]}.npy is not what it should be: {holds}. Download it again.")
    images = {name: images[part] for name, images in files.items()}
    return CifarCSource(images, *select_classes(known, repeated, class_names, directory.name))


class CifarCSource(Finite):
    """The images of one severity of one or several corruptions.

    Args:
        images: corruption → ``(N, 32, 32, 3)`` uint8, mapped into memory, all N the same.
        chosen: positions of those shown in all images, one corruption after the other; labels: of these.
    """

    templates = PAPER_TEMPLATES

    def __init__(
        self, images: dict[str, np.ndarray], class_names: Sequence[str], chosen: np.ndarray, labels: np.ndarray
    ) -> None:
        super().__init__(class_names, labels)
        self.images, self.chosen = images, chosen

    def read(self, indices: np.ndarray, size: int) -> tuple[Iterable[Tensor | str], Sequence[str]]:
        corruptions, per_file = tuple(self.images), len(next(iter(self.images.values())))
        places = [(corruptions[row // per_file], row % per_file) for row in self.chosen[indices]]
        pixels = np.array([self.images[name][row] for name, row in places], np.uint8).reshape(-1, 32, 32, 3)
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        return resize(images, size), [f"{name} {row}" for name, row in places]


def _open(directory: Path, name: str) -> np.ndarray:
    try:
        return np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        problem = f"There is no file {name}.npy in {directory.name!r}, or a damaged one"
        raise UserError(f"{problem}. Give CIFAR-10-C's directory, with labels.npy in it.") from error
