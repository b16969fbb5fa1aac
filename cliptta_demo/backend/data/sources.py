"""Where images come from: built-in pictures, or images that a person gave; others bring a file of their own.

A source answers one question: the images and labels at these positions of the stream. It keeps no position of its
own, so that any batch of a run can be made again from settings and seed alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.data.order import Order
from cliptta_demo.backend.data.pictures import STYLES, PictureWorld, compose
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name

OOD_LABEL = -1  # a stranger: its class is not in the list
UNLABELLED = -2  # the label of an image whose class nobody gave


@dataclass(frozen=True)
class Images:
    """Some images of a stream.

    Attributes:
        pixels: ``(N, 3, S, S)`` uint8.
        labels: ``(N,)`` int64; ≥ 0 a class, ``OOD_LABEL`` or ``UNLABELLED``.
        names: N display names (file names), empty strings where there are none.
        refused: one sentence for each image that could not be read.
    """

    pixels: Tensor
    labels: Tensor
    names: tuple[str, ...]
    refused: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


class Source(Protocol):
    """Images by position.

    A source may also have ``templates``: captions that suit it, with ``{}`` for the class; and ``note``: a sentence
    about it that the person should read.
    """

    class_names: tuple[str, ...]

    def length(self) -> int | None:
        """How many images there are; None for an endless source."""

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        """``count`` images from position ``start`` on (fewer at the end), each ``(3, size, size)``.

        ``order`` is "shuffled", "given" (the source's own; an endless one has none), "sorted" (class after class over
        ``horizon`` positions), or says it all itself.
        """


class PictureSource:
    """An endless stream of built-in pictures, composed afresh from the seed.

    Args:
        world: the picture atlas.
        groups: class name → sprite ids.
        styles: names out of ``STYLES`` to draw from.
    """

    def __init__(self, world: PictureWorld, groups: dict[str, tuple[int, ...]], styles: tuple[str, ...]) -> None:
        self.world = world
        self.class_names = tuple(groups)
        self.sprites = [torch.tensor(ids, dtype=torch.int64) for ids in groups.values()]
        self.styles = torch.tensor([STYLES.index(style) for style in styles], dtype=torch.int64)

    def length(self) -> int | None:
        return None

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        generator = torch.Generator().manual_seed(_mix(seed, start))
        if order == "sorted":
            positions = torch.arange(start, start + count)
            labels = (positions * len(self.class_names) // max(horizon, 1)).clamp(max=len(self.class_names) - 1)
        elif isinstance(order, Order):
            labels = torch.from_numpy(order.labels(len(self.class_names), seed)[start : start + count])
        else:
            labels = torch.randint(len(self.class_names), (count,), generator=generator)
        pick = torch.rand(count, generator=generator)
        sprites = torch.stack(
            [self.sprites[c][int(p * len(self.sprites[c]))] for c, p in zip(labels.tolist(), pick, strict=True)]
        )
        styles = self.styles[torch.randint(len(self.styles), (count,), generator=generator)]
        return Images(compose(self.world, sprites, styles, size, generator), labels, ("",) * count)


class GivenImages:
    """Images already in memory: a person's uploads, or a test's.

    Args:
        pixels: ``(N, 3, S, S)`` uint8; labels: ``(N,)`` int64 or None when nobody said; names: N display names.
    """

    def __init__(
        self,
        pixels: Tensor,
        class_names: tuple[str, ...],
        labels: Tensor | None = None,
        names: tuple[str, ...] | None = None,
    ) -> None:
        if not len(pixels):
            raise UserError("There is no image to work on. Add at least one image file and try again.")
        self.pixels = pixels
        self.class_names = class_names
        self.labels = labels if labels is not None else torch.full((len(pixels),), UNLABELLED)
        self.names = names if names is not None else ("",) * len(pixels)

    def length(self) -> int | None:
        return len(self.pixels)

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        indices = arranged(self.labels.numpy(), order, seed)[start : start + count]
        pixels = self.pixels[torch.from_numpy(indices)]
        if pixels.shape[-1] != size:
            pixels = resize(pixels, size)
        return Images(pixels, self.labels[torch.from_numpy(indices)], tuple(self.names[i] for i in indices))


def resize(images: Tensor, size: int) -> Tensor:
    """Bicubic resize with antialiasing; ``(N, 3, H, W)`` uint8 → ``(N, 3, size, size)`` uint8."""
    resized = F.interpolate(images.float(), size=(size, size), mode="bicubic", antialias=True, align_corners=False)
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def arranged(labels: np.ndarray, order: str | Order, seed: int) -> np.ndarray:
    """Positions of the stream → indices: as they are given, or a seeded shuffle, in which ``order`` puts the labels."""
    if order == "given":
        return np.arange(len(labels))
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    return shuffled if order == "shuffled" else shuffled[places(labels[shuffled], order, seed)]


def places(labels: np.ndarray, order: str | Order, seed: int) -> np.ndarray:
    """Positions of the stream → positions among these labels, which come shuffled."""
    return order.arrange(labels, seed) if isinstance(order, Order) else np.argsort(labels, kind="stable")


def select_classes(
    known: Sequence[str], labels: np.ndarray, wanted: Sequence[str] | None, name: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Keeps the images of some classes.

    Args:
        known: the data set's class names; labels: ``(N,)`` integers into them, below 0 where there is no label.
        wanted: some of them, in the order to be (an underscore equals a space, case does not matter); None: all.
        name: of the data set, for messages.

    Returns:
        Class names; ``(M,)`` positions of the images kept; ``(M,)`` their labels in the new order. Images without a
        label are kept.

    Raises:
        UserError: a name that the data set doesn't have.
    """
    if wanted is None:
        return tuple(known), np.arange(len(labels)), labels
    place = {display_name(text).casefold(): index for index, text in enumerate(known)}
    keys = [display_name(text).casefold() for text in wanted]
    unknown = [text for text, key in zip(wanted, keys, strict=True) if key not in place]
    if unknown:
        missing = ", ".join(map(repr, unknown[:5]))
        known = ", ".join(known[:30]) + (", …" if len(known) > 30 else "")
        raise UserError("{name} has no class {missing}. It has: {known}.", name=name, missing=missing, known=known)
    new = np.full(len(known), -1, np.int64)
    new[[place[key] for key in keys]] = np.arange(len(wanted))
    moved = np.where(labels >= 0, new[np.clip(labels, 0, None)], labels)
    chosen = np.flatnonzero((labels < 0) | (moved >= 0))
    return tuple(wanted), chosen, moved[chosen]


def _mix(*numbers: int) -> int:
    """One well-spread 63-bit seed out of several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
