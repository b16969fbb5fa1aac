"""Blur: defocus, glass, motion, zoom and gaussian."""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ._ops import clipped_zoom, convolve, gaussian, to_uint8, to_unit, uniform
from ._ops import motion_blur as blur_along
from .constants import Setting

# Sub-pixels per pixel for disks whose radius was scaled: without them nearby radii give the same disk.
_SUBPIXELS = 8
# Doublings that follow chains of up to 2**5 copied pixels; a longer chain has a probability below 1e-11.
_DOUBLINGS = 5


@lru_cache(maxsize=32)
def disk(radius: float, sigma: float, subpixels: int, device: torch.device) -> Tensor:
    """(1, 1, K, K) disk of the given radius, softened by a small Gaussian (make_imagenet_c.disk).

    subpixels 1 counts whole pixels as the script does; more of them weigh the border pixels by their area.
    """
    soft = 1 if radius <= 8 else 2
    # From a radius of 8 px on the script leaves no room for the softened rim but mirrors it inwards, so that
    # the kernel sums to slightly more than 1.
    reach = min(8, math.ceil(radius) + 2 * soft) if radius <= 8 else math.ceil(radius)
    fine = (2 * reach + 1) * subpixels
    axis = (torch.arange(fine, dtype=torch.float64) - (fine - 1) / 2) / subpixels
    inside = (axis[:, None] ** 2 + axis**2 <= radius**2).double()
    kernel = F.avg_pool2d(inside[None, None], subpixels)
    kernel /= kernel.sum()
    offsets = torch.arange(-soft, soft + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    kernel = F.pad(kernel, (soft,) * 4, mode="reflect")
    kernel = F.conv2d(kernel, (weights[:, None] * weights)[None, None])
    return kernel.float().to(device)


def defocus_blur(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Blur with a disk, mirrored at the border (make_imagenet_c.defocus_blur)."""
    radius, sigma = (value * setting.scale for value in setting.values)
    kernel = disk(radius, sigma, 1 if setting.scale == 1 else _SUBPIXELS, images.device)
    return to_uint8(convolve(to_unit(images), kernel, kernel.shape[-1] // 2, "reflect"))


def gaussian_blur(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Blur with a Gaussian (make_imagenet_c.gaussian_blur)."""
    return to_uint8(gaussian(to_unit(images), setting.values[0] * setting.scale))


def motion_blur(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Blur along a random direction within 45 degrees of the horizontal (make_imagenet_c.motion_blur)."""
    radius, sigma = (value * setting.scale for value in setting.values)
    angles = uniform((len(images),), -45, 45, generator)
    return to_uint8(blur_along(to_unit(images), radius, sigma, angles))


def zoom_blur(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Mean of ever larger copies (make_imagenet_c.zoom_blur)."""
    stop, step = setting.values
    # np.arange(1, stop, step), bit for bit: rounding decides whether it ends at or before `stop`.
    factors = [1 + i * ((1 + step) - 1) for i in range(math.ceil((stop - 1) / step))]
    images = to_unit(images)
    total = images.clone()
    for factor in factors:
        total += clipped_zoom(images, factor)
    return to_uint8(total / (len(factors) + 1))


def _shuffle_sources(shape: tuple[int, int, int], reach: int, generator: torch.Generator) -> Tensor:
    """(N, H * W) index of the pixel that ends up at each place after one pass of local shuffling.

    The script walks from the bottom right to the top left and sets each pixel to a random neighbour's value:
    its tuple swap works on views, so that the neighbour keeps its value. A neighbour further on in the
    walk still has its first value; one already passed hands on what it received. Following those chains by
    doubling gives the very result of the walk.
    """
    count, height, width = shape
    device = generator.device
    offsets = torch.empty((2, count, height, width), dtype=torch.int64, device=device)
    down, right = offsets.random_(-reach, reach, generator=generator)
    row = torch.arange(height, device=device)[:, None]
    column = torch.arange(width, device=device)
    walked = ((row > reach) & (row <= height - reach)) & ((column > reach) & (column <= width - reach))
    place = row * width + column
    source = torch.where(walked, place + down * width + right, place).flatten(1)
    if reach == 1:  # offsets -1 and 0 never reach back to a pixel already passed
        return source
    passed = source > place.flatten()
    # A chain goes on as long as it lands on a pixel passed before; elsewhere it stays where it is.
    onward = torch.where(passed, source, place.flatten())
    for _ in range(_DOUBLINGS):
        onward = onward.gather(1, onward)
    return source.gather(1, onward)


def glass_blur(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Blur, shuffle pixels locally, blur again (make_imagenet_c.glass_blur)."""
    sigma, reach, passes = setting.values
    sigma *= setting.scale
    count, channels, height, width = images.shape
    reach = max(1, round(reach * setting.scale))
    pixels = torch.floor(gaussian(to_unit(images), sigma) * 255 + 1e-3).flatten(2)
    for _ in range(int(passes)):
        source = _shuffle_sources((count, height, width), reach, generator)
        pixels = pixels.gather(2, source[:, None].expand(-1, channels, -1))
    return to_uint8(gaussian(pixels.view(images.shape) / 255, sigma))
