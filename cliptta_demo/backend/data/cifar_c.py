"""CIFAR-10-C and CIFAR-100-C as their authors publish them: a directory of numpy files.

    labels.npy           (50000,)            the 10,000 labels five times over
    CORRUPTION.npy       (50000, 32, 32, 3)  uint8; severity 1 in the first 10,000, severity 5 in the last

The files are mapped into memory, so that only the images of a batch are read. Source: Hendrycks and Dietterich,
"Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019; doi 10.5281/zenodo.2535967.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS
from cliptta_demo.backend.data.order import Order
from cliptta_demo.backend.data.presets import PAPER_TEMPLATES
from cliptta_demo.backend.data.sources import Images, arranged, resize, select_classes
from cliptta_demo.backend.errors import UserError

SEVERITIES = 5


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
    for name, images in files.items():
        if images.dtype != np.uint8 or images.shape != (len(labels), 32, 32, 3):
            raise UserError(
                f"{name}.npy holds {images.dtype} {images.shape}; CIFAR-10-C has uint8 ({len(labels)}, 32, 32, 3). "
                "Download it again."
            )
    repeated = np.tile(np.asarray(labels[part], np.int64), len(names))
    if not len(repeated) or not 0 <= repeated.min() <= repeated.max() < len(known):
        raise UserError(f"labels.npy does not hold labels from 0 to {len(known) - 1}. Download it again.")
    images = {name: images[part] for name, images in files.items()}
    return CifarCSource(images, *select_classes(known, repeated, class_names, directory.name))


@dataclass(frozen=True, eq=False)
class CifarCSource:
    """The images of one severity of one or several corruptions.

    Attributes:
        images: corruption → ``(N, 32, 32, 3)`` uint8, mapped into memory, all N the same.
        class_names: of the classes shown; chosen: their positions in all images, one corruption after the other;
            labels: of these.
    """

    images: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    chosen: np.ndarray
    labels: np.ndarray
    templates = PAPER_TEMPLATES

    def length(self) -> int | None:
        return len(self.labels)

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        indices = arranged(self.labels, order, seed)[start : start + count]
        corruptions, files = tuple(self.images), tuple(self.images.values())
        per_file = len(files[0])
        rows = self.chosen[indices]
        pixels = [files[row // per_file][row % per_file] for row in rows]
        pixels = np.stack(pixels) if pixels else np.empty((0, 32, 32, 3), np.uint8)
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        if size != tensor.shape[-1]:
            tensor = resize(tensor, size)
        names = tuple(f"{corruptions[row // per_file]} {row % per_file}" for row in rows)
        return Images(tensor, torch.from_numpy(self.labels[indices]), names)


def _open(directory: Path, name: str) -> np.ndarray:
    try:
        return np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(
            f"There is no file {name}.npy in {directory.name!r}. Give CIFAR-10-C's directory, with labels.npy in it."
        ) from None
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{name}.npy is damaged or no numpy file. Download it again.") from error
