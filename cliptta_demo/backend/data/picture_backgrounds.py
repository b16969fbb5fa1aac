"""Random backgrounds for the built-in pictures: plain, gradient, soft blobs, stripes and checks.

They depend on the generator and the size alone, never on what is pasted on them, so that a background tells
nothing about the class or about being a stranger.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

# Share of each of KINDS among the images; stripes and checks stay rare as they are the busiest.
SHARES = (0.22, 0.33, 0.30, 0.15)
BLOB_GRIDS = (3, 5)
# Lowest and highest saturation, lowest and highest value: saturated, pastel, dark, light and near grey.
PALETTES = (
    (0.55, 0.9, 0.65, 0.95),
    (0.15, 0.4, 0.85, 1.0),
    (0.2, 0.7, 0.1, 0.4),
    (0.0, 0.12, 0.88, 1.0),
    (0.0, 0.2, 0.35, 0.75),
)
PALETTE_SHARES = (0.28, 0.28, 0.16, 0.16, 0.12)


def hsv_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Colours (..., 3) in 0..1 from three tensors of one shape; ``hue`` in turns, any real number."""
    offsets = torch.tensor([5.0, 3.0, 1.0], dtype=value.dtype, device=value.device)
    k = torch.remainder(offsets + hue.unsqueeze(-1) * 6.0, 6.0)
    ramp = torch.minimum(k, 4.0 - k).clamp(0.0, 1.0)
    return value.unsqueeze(-1) * (1.0 - saturation.unsqueeze(-1) * ramp)


def random_colours(count: int, per_image: int, generator: torch.Generator) -> Tensor:
    """(count, per_image, 3) float32 in 0..1; those of one image share a palette and mostly a hue range."""
    shares = torch.tensor(PALETTE_SHARES)
    palette = torch.multinomial(shares, count, replacement=True, generator=generator)
    low_s, high_s, low_v, high_v = torch.tensor(PALETTES)[palette].unsqueeze(-1).unbind(1)
    noise = torch.rand(3, count, per_image, generator=generator)
    first_hue, spread = torch.rand(2, count, 1, generator=generator)
    hue = first_hue + (noise[0] - 0.5) * (0.15 + 0.6 * spread**2)
    return hsv_to_rgb(hue, low_s + (high_s - low_s) * noise[1], low_v + (high_v - low_v) * noise[2])


def _mix(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """(n, 3, H, W) from two (n, 3) colours and the second one's (n, H, W) share."""
    return torch.addcmul(first[:, :, None, None], (second - first)[:, :, None, None], share.unsqueeze(1))


def _gradient(colours: Tensor, numbers: Tensor, axis: Tensor) -> Tensor:
    """Linear at any angle, or round about a random point."""
    angle = numbers[:, 0] * 2 * math.pi
    along = angle.cos()[:, None, None] * axis[None, None, :] + angle.sin()[:, None, None] * axis[None, :, None]
    linear = 0.5 + 0.5 * along / 1.2
    centre = numbers[:, 1:3] * 1.6 - 0.8
    squares = (axis[None, :] - centre[:, :1]) ** 2, (axis[None, :] - centre[:, 1:]) ** 2
    round_ = (squares[0][:, None, :] + squares[1][:, :, None]).sqrt() / 1.8
    share = torch.where(numbers[:, 3, None, None] < 0.6, linear, round_).clamp(0.0, 1.0)
    return _mix(colours[:, 0], colours[:, 1], share)


def _blobs(colours: Tensor, numbers: Tensor, axis: Tensor) -> Tensor:
    """Two layers of smooth colour: a coarse grid of colours and a finer one, drawn up to full size."""
    coarse, fine = BLOB_GRIDS
    count, size = len(colours), len(axis)
    grids = [
        colours[:, : coarse**2].transpose(1, 2).reshape(count, 3, coarse, coarse),
        colours[:, coarse**2 : coarse**2 + fine**2].transpose(1, 2).reshape(count, 3, fine, fine),
    ]
    layers = [F.interpolate(g, size=(size, size), mode="bicubic", align_corners=True) for g in grids]
    return torch.lerp(layers[0], layers[1], 0.4).clamp_(0.0, 1.0)


def _pattern(colours: Tensor, numbers: Tensor, axis: Tensor) -> Tensor:
    """Stripes at any angle, or checks; edges one pixel soft at every size."""
    size = axis.shape[0]
    periods = 2.0 + 4.0 * numbers[:, 1]
    angle = numbers[:, 0] * math.pi
    checks = numbers[:, 2] < 0.35
    # Softness: the wave crosses zero over about one pixel.
    sharpness = (size / (2 * math.pi * periods)).clamp(min=1.0)[:, None, None]
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    x, y = axis[None, None, :], axis[None, :, None]
    factor, phase = (math.pi * periods)[:, None, None], (numbers[:, 3] * 2 * math.pi)[:, None, None]
    first = torch.sin(factor * (cosine * x + sine * y) + phase)
    second = torch.sin(factor * (cosine * y - sine * x) + phase)
    one = (first * sharpness).clamp(-1.0, 1.0)
    two = (second * sharpness).clamp(-1.0, 1.0)
    wave = torch.where(checks[:, None, None], one * two, one)
    # Neighbouring colours: a loud pattern would hide the sprite.
    soft = torch.lerp(colours[:, 0], colours[:, 1], 0.55)
    return _mix(colours[:, 0], soft, 0.5 + 0.5 * wave)


KINDS = {"plain": None, "gradient": _gradient, "blobs": _blobs, "pattern": _pattern}


def backgrounds(count: int, size: int, generator: torch.Generator) -> Tensor:
    """(count, 3, size, size) float32 in 0..1, all randomness from ``generator``."""
    shares = torch.tensor(SHARES)
    kind = torch.multinomial(shares, count, replacement=True, generator=generator)
    colours = random_colours(count, sum(grid**2 for grid in BLOB_GRIDS), generator)
    numbers = torch.rand(count, 4, generator=generator)
    axis = (torch.arange(size, dtype=torch.float32) + 0.5) * (2.0 / size) - 1.0
    canvas = colours[:, 0, :, None, None].expand(count, 3, size, size).clone()
    for index, draw in enumerate(KINDS.values()):
        chosen = torch.nonzero(kind == index).squeeze(1)
        if draw and len(chosen):
            canvas[chosen] = draw(colours[chosen], numbers[chosen], axis)
    return canvas
