"""CIFAR-10-C and CIFAR-100-C as their authors publish them: a directory of numpy files.

    labels.npy           (50000,)            the 10,000 labels five times over
    CORRUPTION.npy       (50000, 32, 32, 3)  uint8; severity 1 in the first 10,000, severity 5 in the last

The files are mapped into memory, so that only the images of a batch are read. Source: Hendrycks and Dietterich,
"Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR 2019; doi 10.5281/zenodo.2535967.
"""

import re
from collections.abc import Sequence
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
    path = Path(name).expanduser()
    if path.is_dir():
        names = [name for name in COMMON_CORRUPTIONS if (path / f"{name}.npy").is_file()]
        if not names:
            raise UserError(f"The directory {path.name!r} holds no file like fog.npy. Give CIFAR-10-C's directory.")
        return CifarCSource(path, tuple(names), severity, known, class_names)
    return CifarCSource(path.parent, (path.name.removesuffix(".npy"),), severity, known, class_names)


class CifarCSource:
    """The images of one severity of one or several corruptions.

    Args:
        directory: where ``labels.npy`` and the corruptions' files are.
        corruptions: names of files, without ``.npy``.
        severity: 1 to 5.
        known: class names in the order of the labels; class_names: only these of them, in this order; None: all.
    """

    templates = PAPER_TEMPLATES

    def __init__(
        self,
        directory: Path,
        corruptions: tuple[str, ...],
        severity: int,
        known: tuple[str, ...],
        class_names: Sequence[str] | None = None,
    ) -> None:
        if not 1 <= severity <= SEVERITIES:
            raise UserError(f"severity is {severity}; it must be from 1 to {SEVERITIES}.")
        labels = _open(directory, "labels")
        per_severity = len(labels) // SEVERITIES
        part = slice((severity - 1) * per_severity, severity * per_severity)
        self.corruptions = corruptions
        self.images = []
        for name in corruptions:
            images = _open(directory, name)
            if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3) or len(images) != len(labels):
                raise UserError(
                    f"{name}.npy holds {images.dtype} {images.shape}; CIFAR-10-C has uint8 ({len(labels)}, 32, 32, 3). "
                    "Download it again."
                )
            self.images.append(images[part])
        repeated = np.tile(np.asarray(labels[part], np.int64), len(corruptions))
        if not len(repeated) or not 0 <= repeated.min() <= repeated.max() < len(known):
            raise UserError(f"labels.npy does not hold labels from 0 to {len(known) - 1}. Download it again.")
        self.class_names, self.chosen, self.labels = select_classes(known, repeated, class_names, directory.name)

    def length(self) -> int | None:
        return len(self.labels)

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        indices = arranged(self.labels, order, seed)[start : start + count]
        per_file = len(self.images[0])
        rows = self.chosen[indices]
        pixels = [self.images[row // per_file][row % per_file] for row in rows]
        pixels = np.stack(pixels) if pixels else np.empty((0, 32, 32, 3), np.uint8)
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        if size != tensor.shape[-1]:
            tensor = resize(tensor, size)
        names = tuple(f"{self.corruptions[row // per_file]} {row % per_file}" for row in rows)
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
