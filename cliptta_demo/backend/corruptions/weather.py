"""Weather: snow, frost and fog."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from . import _ops
from ._ops import to_uint8, to_unit
from .constants import Setting

# In place of the six photographs that ImageNet-C crops from: drawn by training/draw_frost.py, seamless.
FROST_FILE = Path(__file__).with_name("frost.webp")  # one picture below the other
SIDE = 512  # pixels of each


@lru_cache(maxsize=1)
def _pictures() -> Tensor:
    """(6, 3, S, S) uint8 at full size, on the CPU."""
    with Image.open(FROST_FILE) as column:
        return torch.from_numpy(np.array(column)).view(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2)


@lru_cache(maxsize=8)
def frost_textures(reduction: float, device: torch.device) -> Tensor:
    """(6, S, S, 3) uint8 seamless frost pictures, S = 512 * reduction pixels a side; do not write to them.

    reduction: 0 < reduction <= 1, without smoothing first, as the scripts' cv2.resize does it.
    """
    pictures = _pictures()
    if reduction < 1:
        side = max(8, round(SIDE * reduction))
        reduced = F.interpolate(pictures.float(), size=(side, side), mode="bilinear")
        pictures = reduced.to(torch.uint8)
    return pictures.permute(0, 2, 3, 1).contiguous().to(device)


def snow(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Whiten the image and let streaks of flakes fall over it (make_imagenet_c.snow)."""
    mean, std, zoom, threshold, radius, sigma, kept = setting.values
    count, _, height, width = images.shape
    flakes = _ops.normal((count, 1, height, width), mean, std, generator)
    flakes = _ops.clipped_zoom(flakes, max(1.0, zoom * setting.scale))
    flakes = torch.where(flakes < threshold, 0.0, flakes.clamp(0, 1))
    angles = _ops.uniform((count,), -135, -45, generator)
    flakes = _ops.motion_blur(flakes, radius * setting.scale, sigma * setting.scale, angles)
    images = to_unit(images)
    whitened = torch.maximum(images, _ops.to_grey(images) * 1.5 + 0.5)
    return to_uint8(torch.lerp(whitened, images, kept) + (flakes + flakes.flip(2, 3)))


def frost(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Add a random crop of a random frost picture (make_imagenet_c.frost)."""
    image_weight, frost_weight, reduction = setting.values
    count, _, height, width = images.shape
    device = images.device
    bank = frost_textures(min(1.0, reduction * setting.scale), device)
    kinds, side = bank.shape[:2]
    # The pictures repeat seamlessly, so a crop may start anywhere and be of any size.
    draw = _ops.uniform((3, count, 1, 1), 0, 1, generator)
    kind = (draw[0] * kinds).long()
    row = ((draw[1] * side).long() + torch.arange(height, device=device)[:, None]) % side
    column = ((draw[2] * side).long() + torch.arange(width, device=device)) % side
    crops = bank.view(-1, 3)[((kind * side + row) * side + column).flatten()]
    crops = crops.view(count, height, width, 3).permute(0, 3, 1, 2)
    return to_uint8((images * image_weight + crops * frost_weight) / 255)


def plasma_fractal(count: int, side: int, decay: float, generator: torch.Generator) -> Tensor:
    """(count, side, side) cloud maps between 0 and 1 by the diamond-square algorithm; side is a power of two.

    Source: make_imagenet_c.plasma_fractal. The map wraps around at its borders.
    """
    maps = torch.zeros((count, side, side), device=generator.device)
    step, roughness = side, 100.0

    def rough_mean(total: Tensor) -> Tensor:
        noise = _ops.uniform(tuple(total.shape), -roughness, roughness, generator)
        return noise.mul_(roughness).add_(total, alpha=0.25)

    while step >= 2:
        half = step // 2
        corners = maps[:, ::step, ::step]
        total = corners + corners.roll(-1, 1)
        maps[:, half::step, half::step] = rough_mean(total + total.roll(-1, 2))
        middles = maps[:, half::step, half::step]
        total = middles + middles.roll(1, 1) + corners + corners.roll(-1, 2)
        maps[:, ::step, half::step] = rough_mean(total)
        total = middles + middles.roll(1, 2) + corners + corners.roll(-1, 1)
        maps[:, half::step, ::step] = rough_mean(total)
        step, roughness = half, roughness / decay
    maps -= maps.amin((1, 2), keepdim=True)
    return maps / maps.amax((1, 2), keepdim=True)


def fog(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Blend with clouds, then darken to the image's old maximum (make_imagenet_c.fog)."""
    density, decay = setting.values
    count, _, height, width = images.shape
    side = 1 << (max(height, width) - 1).bit_length()
    clouds = plasma_fractal(count, side, decay, generator)[:, None, :height, :width]
    images = to_unit(images)
    brightest = images.amax((1, 2, 3), keepdim=True)
    return to_uint8((images + density * clouds) * (brightest / (brightest + density)))
