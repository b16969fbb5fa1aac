"""Weather: snow, frost, fog, and spatter: drops of water (mild severities) or mud (severe ones) on the lens.

Spatter strings steps of OpenCV together, as make_imagenet_c.spatter does: Canny edges, distance transform, histogram
equalisation, emboss (Hendrycks & Dietterich 2019).
"""

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


@lru_cache(maxsize=8)
def frost_textures(reduction: float, device: torch.device) -> Tensor:
    """(6, S, S, 3) uint8 seamless frost pictures, S = 512 * reduction pixels a side; do not write to them.

    reduction: 0 < reduction <= 1, without smoothing first, as the scripts' cv2.resize does it.
    """
    with Image.open(FROST_FILE) as column:
        pictures = torch.from_numpy(np.array(column)).view(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2)
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
    red, green, blue = images.split(1, dim=1)
    grey = red * 0.299 + green * 0.587 + blue * 0.114  # ITU-R BT.601
    whitened = torch.maximum(images, grey * 1.5 + 0.5)
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


_WATER = (175, 238, 238)
_MUD = (63, 42, 20)
_FARTHEST = 20  # distances to an edge are cut off here; the grey levels of the equalised map depend on it
_EMBOSS = ((-2.0, -1.0, 0.0), (-1.0, 1.0, 1.0), (0.0, 1.0, 2.0))


def canny(plane: Tensor, low: float, high: float) -> Tensor:
    """Edges of (N, 1, H, W) grey levels as booleans: Sobel, thinning, two thresholds (cv2.Canny).

    Weak edges are followed for a few pixels from a strong one rather than to their end: the drops of
    spatter have sharp outlines, all strong.
    """
    height, width = plane.shape[-2:]
    padded = F.pad(plane, (1, 1, 1, 1), mode="replicate")
    smooth = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    right = smooth[..., 2:] - smooth[..., :-2]
    smooth = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    down = smooth[..., 2:, :] - smooth[..., :-2, :]
    strength = right.abs() + down.abs()
    around = F.pad(strength, (1, 1, 1, 1))

    def beside(dy: int, dx: int) -> Tensor:
        return around[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    across = (strength > beside(0, -1)) & (strength >= beside(0, 1))
    along = (strength > beside(-1, 0)) & (strength >= beside(1, 0))
    falling = (strength > beside(-1, -1)) & (strength > beside(1, 1))
    rising = (strength > beside(-1, 1)) & (strength > beside(1, -1))
    slanted = torch.where(right * down < 0, rising, falling)
    # Tangents of 22.5 and 67.5 degrees part the directions.
    crest = torch.where(down.abs() > right.abs() * 2.414213562, along, slanted)
    crest = torch.where(down.abs() < right.abs() * 0.414213562, across, crest)
    weak = (crest & (strength > low)).float()
    edges = (crest & (strength > high)).float()
    for _ in range(4):
        edges = F.max_pool2d(edges, 3, 1, 1) * weak
    return edges > 0


def edge_distance(edges: Tensor) -> Tensor:
    """Distance in pixels from each pixel of (N, 1, H, W) to the nearest edge, cut off at _FARTHEST."""
    height, width = edges.shape[-2:]
    column = torch.arange(width, device=edges.device, dtype=torch.float32)
    far = 2.0 * _FARTHEST
    before = torch.where(edges, column, -far).cummax(-1).values
    after = torch.where(edges, column, width + far).flip(-1).cummin(-1).values.flip(-1)
    squared = torch.minimum(column - before, after - column).clamp_(max=far).square_()
    nearest = squared.clone()
    for step in range(1, min(_FARTHEST, height - 1) + 1):
        moved = squared + step * step
        torch.minimum(nearest[..., step:, :], moved[..., :-step, :], out=nearest[..., step:, :])
        torch.minimum(nearest[..., :-step, :], moved[..., step:, :], out=nearest[..., :-step, :])
    return nearest.sqrt_().clamp_(max=_FARTHEST)


def equalise(levels: Tensor) -> Tensor:
    """Spread whole levels 0.._FARTHEST of each (N, 1, H, W) plane over 0..255 (cv2.equalizeHist)."""
    flat = levels.flatten(1).long()
    counts = torch.zeros((len(flat), _FARTHEST + 1), dtype=torch.int64, device=levels.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat))
    cumulative = counts.cumsum(1)
    # The lowest level present becomes 0; where it is the only one, the reference leaves the plane as it is.
    first = torch.where(cumulative > 0, cumulative, flat.shape[1]).amin(1, keepdim=True)
    rest = flat.shape[1] - first
    table = torch.round((cumulative - first) * 255 / rest.clamp(min=1)).clamp_(0, 255)
    same = torch.arange(_FARTHEST + 1, device=levels.device, dtype=table.dtype)
    table = torch.where(rest > 0, table, same)
    return table.gather(1, flat).view(levels.shape)


def _water(images: Tensor, liquid: Tensor, strength: float) -> Tensor:
    """Drops that glint at one side and darken at the other, in pale turquoise."""
    liquid = torch.floor(liquid * 255).clamp_(0, 255)
    distance = edge_distance(canny(liquid, 50, 150))
    relief = equalise(torch.floor(_ops.box3(distance)))
    emboss = torch.tensor(_EMBOSS, device=images.device)[None, None]
    embossed = F.conv2d(F.pad(relief, (1, 1, 1, 1), mode="reflect"), emboss)
    shine = liquid * torch.round(_ops.box3(embossed.clamp(0, 255)))
    shine = shine * (strength / shine.amax((1, 2, 3), keepdim=True).clamp(min=1))
    return images + shine * torch.tensor(_WATER, device=images.device).view(3, 1, 1) / 255


def _mud(images: Tensor, liquid: Tensor, sigma: float) -> Tensor:
    """Brown splashes with soft edges."""
    cover = _ops.gaussian((liquid > 0).float(), sigma)
    cover = torch.where(cover < 0.8, 0.0, cover)
    return torch.lerp(images, torch.tensor(_MUD, device=images.device).view(3, 1, 1) / 255, cover)


def spatter(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Splash water or mud on (N, 3, H, W) uint8 images; same shape and type (make_imagenet_c.spatter)."""
    mean, std, sigma, threshold, last, is_mud = setting.values
    count, _, height, width = images.shape
    liquid = _ops.normal((count, 1, height, width), mean, std, generator)
    liquid = _ops.gaussian(liquid, sigma * setting.scale)
    liquid = torch.where(liquid < threshold, 0.0, liquid)
    images = to_unit(images)
    if is_mud:
        return to_uint8(_mud(images, liquid, last * setting.scale))
    return to_uint8(_water(images, liquid, last))
