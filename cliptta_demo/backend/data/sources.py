"""Where images come from: built-in pictures, or images that a person gave; others bring a file of their own.

A source answers one question: the images and labels at these positions of the stream. It keeps no position of its
own, so that any batch of a run can be made again from settings and seed alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.data.decode import sort_out
from cliptta_demo.backend.data.pictures import STYLES, PictureWorld, compose
from cliptta_demo.backend.data.schedule import Order, endless_labels
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import same_name

Names = Sequence[str]
OOD_LABEL = -1  # a stranger: its class is not in the list
UNLABELLED = -2  # the label of an image whose class nobody gave
ORDERS_KEPT = 2  # permutations remembered by a source


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
        mixed = np.random.SeedSequence((seed, start)).generate_state(1, np.uint64)[0] >> 1
        generator = torch.Generator().manual_seed(int(mixed))
        if order == "sorted":
            positions = torch.arange(start, start + count)
            labels = (positions * len(self.class_names) // max(horizon, 1)).clamp(max=len(self.class_names) - 1)
        elif isinstance(order, Order):
            labels = torch.tensor(endless_labels(order, len(self.class_names), seed)[start : start + count])
        else:
            labels = torch.randint(len(self.class_names), (count,), generator=generator)
        pick = torch.rand(count, generator=generator)
        sprites = torch.stack(
            [self.sprites[c][int(p * len(self.sprites[c]))] for c, p in zip(labels.tolist(), pick, strict=True)]
        )
        styles = self.styles[torch.randint(len(self.styles), (count,), generator=generator)]
        return Images(compose(self.world, sprites, styles, size, generator), labels, ("",) * count)


class Finite:
    """A source of images that end, each shown once; what can't be read is left out with a sentence.

    A kind adds ``read``, and perhaps ``shuffle``, ``templates`` and ``note``.

    Args:
        class_names: of the classes shown; labels: ``(N,)`` whole numbers into them, or ``UNLABELLED``.
    """

    def __init__(self, class_names: Sequence[str], labels: np.ndarray) -> None:
        self.class_names, self.labels = tuple(class_names), labels.astype(np.int64)
        self._order = lru_cache(ORDERS_KEPT)(self._arrange)

    def read(self, indices: np.ndarray, size: int) -> tuple[Iterable[Tensor | str], Sequence[str]]:
        """Images ``(3, size, size)`` uint8, or for each one why it can't be read; and their names."""
        raise NotImplementedError

    def shuffle(self, seed: int) -> np.ndarray:
        """Positions of the stream → indices."""
        return np.random.default_rng(seed).permutation(len(self.labels))

    def length(self) -> int | None:
        return len(self.labels)

    def take(self, start: int, count: int, size: int, order: str | Order, seed: int, horizon: int) -> Images:
        indices = self._order(order, seed)[start : start + count]
        found, names = self.read(indices, size)
        images, kept, refused = sort_out(list(found), size)
        labels = torch.from_numpy(self.labels[indices])[kept]
        return Images(images, labels, tuple(names[place] for place in kept), refused)

    def _arrange(self, order: str | Order, seed: int) -> np.ndarray:
        """Positions of the stream → indices: as they are, or shuffled, in which ``order`` puts the labels."""
        if order == "given":
            return np.arange(len(self.labels))
        mixed = self.shuffle(seed)
        labels = self.labels[mixed]
        if isinstance(order, Order):
            return mixed[order.arrange(labels, seed)]
        return mixed[np.argsort(labels, kind="stable")] if order == "sorted" else mixed


class GivenImages(Finite):
    """Images already in memory: a person's uploads, or a test's.

    Args:
        pixels: ``(N, 3, S, S)`` uint8; labels: ``(N,)`` int64 or None when nobody said; names: N display names.
    """

    def __init__(self, pixels: Tensor, class_names: Names, labels: Tensor | None = None, names: Names = ()) -> None:
        if not len(pixels):
            raise UserError("There is no image to work on. Add at least one image file and try again.")
        super().__init__(class_names, np.full(len(pixels), UNLABELLED) if labels is None else np.asarray(labels))
        self.pixels = pixels
        self.names = names or ("",) * len(pixels)

    def read(self, indices: np.ndarray, size: int) -> tuple[Iterable[Tensor | str], Sequence[str]]:
        return resize(self.pixels[torch.from_numpy(indices)], size), [self.names[index] for index in indices]


def resize(images: Tensor, size: int) -> Tensor:
    """Bicubic resize with antialiasing; ``(N, 3, H, W)`` uint8 → ``(N, 3, size, size)`` uint8."""
    if images.shape[-1] == size:
        return images
    resized = F.interpolate(images.float(), size=(size, size), mode="bicubic", antialias=True, align_corners=False)
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def select_classes(
    known: Sequence[str], labels: np.ndarray, wanted: Sequence[str] | None, name: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Keeps the images of some classes.

    Args:
        known: the data set's class names; labels: ``(N,)`` integers into them, below 0 where there is no label.
        wanted: some of them, in the order to be (an underscore equals a space, case does not matter), or all of them
            and perhaps more; None: all.
        name: of the data set, for messages.

    Returns:
        Class names; ``(M,)`` positions of the images kept; ``(M,)`` their labels in the new order. Images without a
        label are kept.

    Raises:
        UserError: a name that the data set doesn't have.
    """
    if wanted is None:
        return tuple(known), np.arange(len(labels)), labels
    keys, place = [same_name(text) for text in known], {same_name(text): index for index, text in enumerate(wanted)}
    missing = [text for text in wanted if same_name(text) not in keys]
    if missing and not place.keys() >= set(keys):
        about = {"name": name, "missing": ", ".join(map(repr, missing[:5]))}
        shown = ", ".join(known[:30]) + ", …" * (len(known) > 30)
        raise UserError("{name} has no class {missing}. It has: {known}.", known=shown, **about)
    new = np.array([place.get(key, -1) for key in keys], np.int64)
    moved = np.where(labels >= 0, new[np.clip(labels, 0, None)], labels)
    chosen = np.flatnonzero((labels < 0) | (moved >= 0))
    return tuple(wanted), chosen, moved[chosen]
