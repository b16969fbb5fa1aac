"""The built-in pictures: emoji art of four styles pasted on random backgrounds, an endless labelled stream.

``picture_world()`` gives the sprites and class lists, ``compose`` draws images from them:

    world = picture_world()
    ids = torch.tensor(world.classes["cat"])
    images = compose(world, ids, torch.zeros_like(ids), size=64, generator=torch.Generator().manual_seed(0))
"""

import functools
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from cliptta_demo.backend.data.picture_backgrounds import backgrounds
from cliptta_demo.backend.errors import UserError
from cliptta_demo.places import ASSETS

STYLES = ("noto", "twemoji", "fluent", "openmoji")
TRAINED_STYLES = STYLES[:3]
UNSEEN_STYLE = "openmoji"
STRANGER_GROUPS = ("flags", "symbols", "letters")
SMALLEST_SIZE, LARGEST_SIZE = 32, 256
PICTURE_FOLDER = ASSETS / "pictures"

SPRITE_SIDE = (0.55, 0.95)  # share of the image's side
TURN_DEGREES, LARGEST_TURN = 12.0, 35.0  # standard deviation and limit of the angle
CUT_OFF = 0.05  # share of the sprite's side that may lie outside of the frame
LEVEL_STEP = math.sqrt(2.0)  # between two stored reductions of a sprite
SMALLEST_LEVEL = 12
SHARP_ENOUGH = 0.9  # a level serves sprites up to 1 / 0.9 of its side before the next larger one is taken


@dataclass(frozen=True)
class Sprite:
    """One emoji with its words. ``split`` is "train", or the stranger group that never enters training."""

    id: int
    codepoint: str
    name: str
    keywords: tuple[str, ...]
    group: str
    split: str


@dataclass(eq=False)
class PictureWorld:
    """All sprites, the class lists, and the pixels of each style, decoded when first asked for.

    Attributes:
        sprites: every sprite, at the index that is its id.
        classes: class name -> sprite ids.
        near_strangers: names that are in none of the classes -> sprite ids.
        strangers: "flags", "symbols", "letters" -> sprite ids.
        folder: where the art lies.
        columns: sprites to a row of an atlas.
        cells: style -> side in pixels of a sprite in its atlas; in the order of ``STYLES``.
        may_flip: (sprites,) bool; False for strangers and wherever a mirror image would be wrong.
    """

    sprites: tuple[Sprite, ...]
    classes: dict[str, tuple[int, ...]]
    near_strangers: dict[str, tuple[int, ...]]
    strangers: dict[str, tuple[int, ...]]
    folder: Path
    columns: int
    cells: dict[str, int]
    may_flip: Tensor
    _levels: dict[tuple[str, int], Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, folder: Path = PICTURE_FOLDER) -> "PictureWorld":
        """Read the index; pixels follow when needed."""
        index, lists = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("index", "classes"))
        sprites = tuple(
            Sprite(i, codepoint, name, tuple(words.split(",")) if words else (), group, split)
            for i, (codepoint, name, words, group, split) in enumerate(index["sprites"])
        )
        one_way = torch.tensor(index["one_way"], dtype=torch.int64)
        return cls(
            sprites=sprites,
            classes={name: tuple(ids) for name, ids in lists["classes"].items()},
            near_strangers={name: tuple(ids) for name, ids in lists["near_strangers"].items()},
            strangers={g: tuple(s.id for s in sprites if s.split == g) for g in STRANGER_GROUPS},
            folder=folder,
            columns=index["columns"],
            cells=index["cells"],
            may_flip=torch.ones(len(sprites), dtype=torch.bool).index_fill_(0, one_way, False),
        )

    def level_sides(self, style: str) -> list[int]:
        """Sides in pixels of the stored reductions of a style, largest first."""
        sides, side = [], float(self.cells[style])
        while side >= SMALLEST_LEVEL:
            sides.append(round(side))
            side /= LEVEL_STEP
        return sides

    def level(self, style: str, side: int) -> Tensor:
        """(sprites, 4, side, side) uint8, colour multiplied by alpha; ``side`` is one of ``level_sides``."""
        key = (style, side)
        if key not in self._levels and side == self.cells[style]:
            self._levels[key] = self._decode(style)
        elif key not in self._levels:
            full = self.level(style, self.cells[style])
            self._levels[key] = torch.cat([_reduce(part, side) for part in full.split(256)])
        return self._levels[key]

    def _decode(self, style: str) -> Tensor:
        side, columns = self.cells[style], self.columns
        with Image.open(self.folder / f"{style}.webp") as sheet:
            pixels = torch.from_numpy(np.array(sheet.convert("RGBA")))
        rows = pixels.shape[0] // side
        cells = pixels.view(rows, side, columns, side, 4).permute(0, 2, 4, 1, 3).reshape(-1, 4, side, side)
        cells = cells[: len(self.sprites)].clone()
        for part in cells.split(256):  # in parts: one wide temporary of the whole sheet would be large
            part[:, :3] = (part[:, :3].int() * part[:, 3:].int() + 127).div(255, rounding_mode="floor").to(torch.uint8)
        return cells


def _reduce(cells: Tensor, side: int) -> Tensor:
    smaller = F.interpolate(cells.float(), size=(side, side), mode="bicubic", antialias=True, align_corners=False)
    return _bound(smaller, 255.0).round_().to(torch.uint8)


def _bound(pictures: Tensor, most: float) -> Tensor:
    """Undo, in place, the overshoot of a bicubic filter without lightening the edges of the sprites."""
    alpha = pictures[:, 3:]
    # Colour is multiplied by alpha: where alpha is cut to its limit, colour goes down by the same factor.
    pictures[:, :3] *= most / alpha.clamp(min=most)
    alpha.clamp_(0.0, most)
    pictures[:, :3] = torch.minimum(pictures[:, :3].clamp_(min=0.0), alpha)
    return pictures


@functools.cache
def picture_world() -> PictureWorld:
    """The one ``PictureWorld`` of this process."""
    return PictureWorld.load()


def _placements(flip_allowed: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random side (share of the image) and the (N, 2, 3) map from image to sprite, coordinates in -1..1."""
    count = flip_allowed.shape[0]
    numbers = torch.rand(4, count, generator=generator)
    normal = torch.randn(count, generator=generator)
    side = SPRITE_SIDE[0] + (SPRITE_SIDE[1] - SPRITE_SIDE[0]) * numbers[0]
    angle = (normal * TURN_DEGREES).clamp(-LARGEST_TURN, LARGEST_TURN) * (math.pi / 180)
    cosine, sine = angle.cos(), angle.sin()
    # Half the side of the turned sprite's box. Art seldom reaches the corners, so they count by half only.
    reach = side * (cosine + 0.5 * sine.abs())
    slack = (1.0 - reach).clamp(min=0.0) + 2 * CUT_OFF * side
    centre_x, centre_y = (numbers[1] * 2 - 1) * slack, (numbers[2] * 2 - 1) * slack
    mirror = torch.where(flip_allowed & (numbers[3] < 0.5), -1.0, 1.0)
    rows = [
        torch.stack([cosine, sine, -(cosine * centre_x + sine * centre_y)], 1) * mirror[:, None],
        torch.stack([-sine, cosine, sine * centre_x - cosine * centre_y], 1),
    ]
    return side, torch.stack(rows, 1) / side[:, None, None]


def _paste(canvas: Tensor, chosen: Tensor, cells: Tensor, maps: Tensor) -> None:
    """Draw (n, 4, s, s) uint8 premultiplied sprites over the ``chosen`` images of the canvas, in place."""
    size = canvas.shape[-1]
    grid = F.affine_grid(maps, [len(chosen), 4, size, size], align_corners=False)
    enlarged = size > 2 * cells.shape[-1]
    mode = "bicubic" if enlarged else "bilinear"
    drawn = F.grid_sample(cells.float().mul_(1 / 255), grid, mode=mode, padding_mode="zeros", align_corners=False)
    if enlarged:
        _bound(drawn, 1.0)
    colour, alpha = drawn[:, :3], drawn[:, 3:]
    canvas[chosen] = torch.addcmul(colour, canvas[chosen], 1.0 - alpha)


def compose(
    world: PictureWorld, sprite_ids: Tensor, style_ids: Tensor, size: int, generator: torch.Generator
) -> Tensor:
    """Draw labelled images: each a sprite at random place, size and angle on a random background.

    Args:
        world: see ``picture_world``.
        sprite_ids: (N,) int64, indices into ``world.sprites``.
        style_ids: (N,) int64, indices into the world's styles (``STYLES``, unless more were added for training).
        size: side of the images in pixels, 32..256.
        generator: CPU generator, the only source of chance: equal seeds give equal images.

    Returns:
        (N, 3, size, size) uint8 RGB.

    Raises:
        UserError: a size out of range.
    """
    if not SMALLEST_SIZE <= size <= LARGEST_SIZE:
        about = {"size": size, "low": SMALLEST_SIZE, "high": LARGEST_SIZE}
        raise UserError("size: {size} is not between {low} and {high}.", **about)
    if not len(sprite_ids):
        return torch.empty(0, 3, size, size, dtype=torch.uint8)
    sprite_ids, style_ids = sprite_ids.cpu(), style_ids.cpu()
    canvas = backgrounds(len(sprite_ids), size, generator)
    sprite_side, maps = _placements(world.may_flip[sprite_ids], generator)
    wanted = sprite_side * size * SHARP_ENOUGH
    for style_id, style in enumerate(world.cells):
        sides = world.level_sides(style)
        # The smallest level that is as large as wanted; the largest takes what exceeds them all.
        levels = (wanted[:, None] <= torch.tensor(sides)).sum(1).clamp(min=1) - 1
        for level, side in enumerate(sides):
            chosen = torch.nonzero((style_ids == style_id) & (levels == level)).squeeze(1)
            if len(chosen):
                _paste(canvas, chosen, world.level(style, side)[sprite_ids[chosen]], maps[chosen])
    return canvas.mul_(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8)
