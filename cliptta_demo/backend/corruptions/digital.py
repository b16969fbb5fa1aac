"""Noise (gaussian, shot, impulse, speckle), and what ImageNet-C calls digital: colours, pixels, libjpeg's JPEG."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ._ops import gaussian, normal, to_uint8, to_unit, uniform
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


def brightness(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Raise the HSV value and keep hue and saturation (make_imagenet_c.brightness)."""
    (raised,) = setting.values
    images = to_unit(images)
    value = images.amax(1, keepdim=True)
    new = (value + raised).clamp_(max=1)
    # With hue and saturation fixed, RGB is proportional to the value; black is grey of whatever value.
    return to_uint8(torch.where(value > 0, images * (new / value.clamp(min=1 / 255)), new))


def saturate(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Multiply the HSV saturation and add to it, keeping hue and value (make_imagenet_c.saturate)."""
    factor, offset = setting.values
    images = to_unit(images)
    value = images.amax(1, keepdim=True)
    spread = value - images.amin(1, keepdim=True)
    saturation = spread / value.clamp(min=1 / 255)
    new = (saturation * factor + offset).clamp_(0, 1)
    # A channel lies below the value by an amount proportional to the saturation. Grey has no hue; the
    # script's library says 0, red: green and blue give way.
    grey = torch.tensor([0.0, 1.0, 1.0], device=images.device).view(1, 3, 1, 1)
    share = torch.where(spread > 0, (value - images) / spread.clamp(min=1 / 255), grey)
    return to_uint8(value * (1 - new * share))


def contrast(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Pull every channel towards its mean over the image (make_imagenet_c.contrast)."""
    (kept,) = setting.values
    images = to_unit(images)
    return to_uint8(torch.lerp(images.mean((2, 3), keepdim=True), images, kept))


@lru_cache(maxsize=64)
def box_matrix(size: int, reduced: int, device: torch.device) -> Tensor:
    """(reduced, size) float32 weights of Pillow's box filter, which averages whole pixels."""
    ratio = size / reduced
    centre = (torch.arange(reduced, dtype=torch.float64) + 0.5) * ratio
    middle = torch.arange(size, dtype=torch.float64) + 0.5
    distance = (middle - centre[:, None]) / ratio
    weights = ((distance > -0.5) & (distance <= 0.5)).double()
    return (weights / weights.sum(1, keepdim=True)).float().to(device)


def pixelate(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Shrink with a box filter, enlarge to blocks (make_imagenet_c.pixelate)."""
    (share,) = setting.values
    height, width = images.shape[-2:]
    rows = box_matrix(height, int(height * share), images.device)
    columns = box_matrix(width, int(width * share), images.device)
    # Pillow rounds to eight bits after either axis.
    small = torch.floor(images.float() @ columns.T + 0.5)
    small = torch.floor(rows @ small + 0.5)
    return F.interpolate(small, size=(height, width), mode="nearest-exact").to(torch.uint8)


def _random_affine(count: int, height: int, width: int, move: float, generator: torch.Generator) -> Tensor:
    """(N, 2, 3) matrices that say where each pixel (x, y, 1) of the result comes from, in pixels.

    Three anchors around the centre each move by up to `move` pixels along either axis, as in the script.
    """
    device = generator.device
    centre = torch.tensor([height // 2, width // 2], dtype=torch.float32, device=device)
    corners = torch.tensor([[1, 1], [1, -1], [-1, -1]], dtype=torch.float32, device=device)
    anchors = centre + corners * (min(height, width) // 3)
    moved = anchors + uniform((count, 3, 2), -move, move, generator)
    # Inverse of the affine map anchors -> moved. Written out: a triangle has a 2 x 2 system of edges.
    edges = moved[:, 1:] - moved[:, :1]
    a, b, c, d = edges.flatten(1).unbind(1)
    inverse = torch.stack([d, -b, -c, a], 1).view(-1, 2, 2) / (a * d - b * c).view(-1, 1, 1)
    linear = (inverse @ (anchors[1:] - anchors[:1])).transpose(1, 2)
    shift = anchors[0][:, None] - linear @ moved[:, 0, :, None]
    return torch.cat([linear, shift], 2)


def _sample(images: Tensor, x: Tensor, y: Tensor, align_corners: bool) -> Tensor:
    """Linear interpolation at pixel coordinates (N, H, W), mirrored at the outermost pixels' centres
    (align_corners) or outer edges."""
    height, width = images.shape[-2:]
    if align_corners:
        x, y = x * (2 / (width - 1)) - 1, y * (2 / (height - 1)) - 1
    else:
        x, y = (x + 0.5) * (2 / width) - 1, (y + 0.5) * (2 / height) - 1
    grid = torch.stack([x, y], -1)
    return F.grid_sample(images, grid, "bilinear", padding_mode="reflection", align_corners=align_corners)


def elastic_transform(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Random affine map, then a smooth random displacement (make_imagenet_c.elastic_transform)."""
    alpha, sigma, move = (value * setting.scale for value in setting.values)
    count, _, height, width = images.shape
    x = torch.arange(width, dtype=torch.float32, device=images.device)
    y = torch.arange(height, dtype=torch.float32, device=images.device)[:, None]
    images = to_unit(images)
    matrix = _random_affine(count, height, width, move, generator)[..., None, None]
    from_x, from_y = (matrix[:, i, 0] * x + matrix[:, i, 1] * y + matrix[:, i, 2] for i in range(2))
    images = _sample(images, from_x, from_y, align_corners=True)
    if alpha == 0:
        return to_uint8(images)
    field = uniform((2, count, height, width), -1, 1, generator)
    shift_x, shift_y = gaussian(field, sigma, truncate=3, mode="reflect") * alpha
    return to_uint8(_sample(images, x + shift_x, y + shift_y, align_corners=False))


def through_jpeg(images: Tensor, quality: int) -> Tensor:
    """What is left of (N, 3, H, W) uint8 images after JPEG at a quality from 1 to 100; same shape, type and device.

    The same to the bit as Pillow's encoder and decoder with their defaults: images of a GPU go by way of the processor
    too.
    """
    from torchvision.io import decode_jpeg, encode_jpeg  # takes a second, which the page's start need not wait

    files = encode_jpeg(list(images.cpu()), quality)
    return torch.stack(decode_jpeg(files)).to(images.device)


def jpeg_compression(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Compress with a low JPEG quality (make_imagenet_c.jpeg_compression)."""
    return through_jpeg(images, int(setting.values[0]))
