"""Noise: gaussian, shot, impulse and speckle."""

from functools import lru_cache

import torch
from torch import Tensor

from ._ops import normal, to_uint8, to_unit, uniform
from .constants import Setting

# Probability steps of the Poisson table: fine enough that its variance is within 0.1 % of Poisson's.
_STEPS = 8192


def gaussian_noise(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Add normal noise, independent in every pixel and channel (make_imagenet_c.gaussian_noise)."""
    (std,) = setting.values
    return to_uint8(normal(images.shape, 0, std, generator).add_(to_unit(images)))


def speckle_noise(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Multiply by normal noise around 1 (make_imagenet_c.speckle_noise)."""
    (std,) = setting.values
    return to_uint8(normal(images.shape, 1, std, generator).mul_(to_unit(images)))


def impulse_noise(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Set a share of the values to 0 or 255, half each (make_imagenet_c.impulse_noise, salt and pepper)."""
    (share,) = setting.values
    draw = uniform(images.shape, 0, 1, generator)
    peppered = images.masked_fill(draw < share / 2, 0)
    return peppered.masked_fill_(draw >= 1 - share / 2, 255)


@lru_cache(maxsize=16)
def _poisson_table(photons: float, device: torch.device) -> Tensor:
    """(256 * _STEPS,) uint8: what a pixel of grey level v becomes when its Poisson draw falls in step q.

    Eight-bit images have 256 possible rates, so inverting the distribution function in a table replaces
    torch.poisson, which is some ten times slower on a CPU.
    """
    rate = torch.arange(256, dtype=torch.float64)[:, None] * (photons / 255)
    # 12 standard deviations beyond the greatest rate: nothing that a table of _STEPS could show is cut off.
    counts = torch.arange(int(photons + 12 * photons**0.5 + 12), dtype=torch.float64)
    log_probability = torch.special.xlogy(counts, rate) - rate - torch.lgamma(counts + 1)
    below = log_probability.exp().cumsum(1)
    middle = (torch.arange(_STEPS, dtype=torch.float64) + 0.5) / _STEPS
    drawn = torch.searchsorted(below, middle.expand(256, -1).contiguous())
    return to_uint8(drawn / photons).flatten().to(device)


def shot_noise(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Draw each value from a Poisson distribution around it (make_imagenet_c.shot_noise)."""
    (photons,) = setting.values
    table = _poisson_table(photons, images.device)
    index = torch.empty(images.shape, dtype=torch.int32, device=images.device)
    index.random_(0, _STEPS, generator=generator)
    return table[index.add_(images, alpha=_STEPS)]
