"""More art styles for training alone: they teach the tiny model a thing's shape, whoever draws it.

The art comes from the npm registry and is not shipped with the demo:

    npm install --ignore-scripts @iconify-json/emojione@1 @iconify-json/noto-v1@1 @iconify-json/fluent-emoji-flat@1 \\
        @iconify-json/fluent-emoji-high-contrast@1 @iconify-json/fxemoji@1 @iconify-json/streamline-emojis@1

A second set of styles is made of the first by drawing dark lines where colours meet, as a comic does. The unseen style
(OpenMoji) is in neither.
"""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.data.pictures import TRAINED_STYLES, PictureWorld
from cliptta_demo.backend.errors import UserError
from training.picture_sources import fit_to_cell

EXTRA_STYLES = (
    "emojione",
    "noto-v1",
    "fluent-emoji-flat",
    "fluent-emoji-high-contrast",
    "fxemoji",
    "streamline-emojis",
)
INKED_STYLES = ("noto", "twemoji", "fluent", "emojione", "fluent-emoji-flat")
CELL = 64
DRAWN_SIZE = 128  # side at which vector art is drawn before it is reduced to a cell


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("’", "").replace("'", "")).strip("-")


def _draw(icon: dict[str, object], collection: dict[str, object]) -> Image.Image:
    import resvg_py  # only the building of pictures needs it

    width = icon.get("width", collection.get("width", 16))
    height = icon.get("height", collection.get("height", 16))
    left, top = icon.get("left", collection.get("left", 0)), icon.get("top", collection.get("top", 0))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'color="#222" viewBox="{left} {top} {width} {height}">{icon["body"]}</svg>'
    )
    data = resvg_py.svg_to_bytes(svg_string=svg, width=DRAWN_SIZE, height=DRAWN_SIZE)
    return Image.open(io.BytesIO(bytes(data))).convert("RGBA")


def draw_style(packages: Path, style: str, world: PictureWorld) -> tuple[Tensor, Tensor]:
    """Draws the training sprites that an icon package has under the same name.

    Returns:
        ``(sprites, 4, 64, 64)`` uint8, colour multiplied by alpha, and ``(sprites,)`` bool: which ones it has.

    Raises:
        UserError: the package is not installed.
    """
    path = packages / "@iconify-json" / style / "icons.json"
    if not path.is_file():
        raise UserError(f"packages: {path} is missing. The packages to install are named in {Path(__file__).name}.")
    collection = json.loads(path.read_text(encoding="utf-8"))
    icons = collection["icons"]
    # Some packages leave out the hyphens.
    by_slug = {form: icon for name, icon in icons.items() for form in (name.replace("-", ""), name)}
    cells = torch.zeros(len(world.sprites), 4, CELL, CELL, dtype=torch.uint8)
    has = torch.zeros(len(world.sprites), dtype=torch.bool)
    for sprite in world.sprites:
        slug = _slug(sprite.name)
        icon = by_slug.get(slug) or by_slug.get(slug.replace("-", ""))
        if sprite.split != "train" or icon is None:
            continue
        pixels = torch.from_numpy(fit_to_cell(_draw(icon, collection), CELL).astype(np.int32)).permute(2, 0, 1)
        pixels[:3] = (pixels[:3] * pixels[3:] + 127) // 255
        cells[sprite.id], has[sprite.id] = pixels.to(torch.uint8), True
    return cells, has


def ink(cells: Tensor) -> Tensor:
    """Dark lines where colour or outline changes: ``(S, 4, side, side)`` uint8 premultiplied, and so the result."""
    parts = []
    for part in cells.split(128):
        picture = F.pad(part.float() / 255, (1, 1, 1, 1))
        change = F.max_pool2d(picture, 3, 1) + F.max_pool2d(-picture, 3, 1)  # largest minus smallest neighbour
        line = ((change.amax(1, keepdim=True) - 0.25) * 4).clamp(0, 1)
        inside = picture[:, :, 1:-1, 1:-1]
        colour = inside[:, :3] * (1 - line)
        alpha = torch.maximum(inside[:, 3:], line)
        parts.append((torch.cat([colour, alpha], 1) * 255).round().to(torch.uint8))
    return torch.cat(parts)


def add_training_styles(
    world: PictureWorld, packages: Path | None, cache: Path | None = None
) -> tuple[PictureWorld, Tensor]:
    """The world with more styles to compose from.

    Args:
        world: the shipped pictures.
        packages: a ``node_modules`` folder with the packages named above; None: inked styles only.
        cache: a file that keeps the drawn cells between two runs.

    Returns:
        The new world, and ``(sprites, styles)`` bool: which sprites a training may draw in which style. The unseen
        style is False throughout.
    """
    drawn: dict[str, tuple[Tensor, Tensor]] = {}
    if packages is not None:
        if cache is not None and cache.exists():
            drawn = torch.load(cache, weights_only=True)
        else:
            drawn = {style: draw_style(packages, style, world) for style in EXTRA_STYLES}
            if cache is not None:
                torch.save(drawn, cache)
    trains = torch.tensor([sprite.split == "train" for sprite in world.sprites])
    has = {style: trains if style in TRAINED_STYLES else torch.zeros_like(trains) for style in world.cells}
    cells, levels = dict(world.cells), {}
    for style, (pixels, available) in drawn.items():
        cells[style], has[style], levels[style, CELL] = CELL, available, pixels
    for style in INKED_STYLES:
        if style not in cells:
            continue
        side = cells[style]
        pixels = levels[style, side] if (style, side) in levels else world.level(style, side)
        name = f"{style} inked"
        cells[name], has[name], levels[name, side] = side, has[style], ink(pixels)
    return replace(world, cells=cells, _levels=levels), torch.stack(list(has.values()), 1)
