"""Small batched image operations that several corruptions share. Images are (N, C, H, W) float tensors."""

import math
from functools import lru_cache
from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor


def to_unit(images: Tensor) -> Tensor:
    """uint8 0..255 to float32 0..1."""
    return images.float().div_(255)


def to_uint8(images: Tensor) -> Tensor:
    """Float 0..1, clipped, to uint8, truncated like the scripts' np.uint8; forgives float32's last bits."""
    return (images * 255).add_(1e-3).clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=64)
def gaussian_matrix(size: int, sigma: float, truncate: float, mode: str, device: torch.device) -> Tensor:
    """(size, size) float32 matrix that blurs a column of `size` pixels; the kernel is scipy.ndimage's.

    mode: "nearest" repeats the edge pixel; "reflect" mirrors about the pixel's outer edge (d c b a | a b c d), as often
    as needed; as scipy.ndimage calls them.
    """
    radius = int(truncate * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    weights /= weights.sum()
    columns = torch.arange(size)[:, None] + offsets
    mirrored = columns % (2 * size)
    mirrored = torch.minimum(mirrored, 2 * size - 1 - mirrored)
    columns = columns.clamp(0, size - 1) if mode == "nearest" else mirrored
    matrix = torch.zeros(size, size, dtype=torch.float64).scatter_add_(1, columns, weights.expand(size, -1))
    return matrix.float().to(device)


def gaussian(images: Tensor, sigma: float, truncate: float = 4.0, mode: str = "nearest") -> Tensor:
    """Gaussian blur, equal to skimage.filters.gaussian with the same arguments. A matrix product per axis."""
    if int(truncate * sigma + 0.5) == 0:
        return images
    height, width = images.shape[-2:]
    rows = gaussian_matrix(height, sigma, truncate, mode, images.device)
    columns = gaussian_matrix(width, sigma, truncate, mode, images.device)
    return rows @ (images @ columns.T)


def box3(images: Tensor) -> Tensor:
    """Mean of each 3 x 3 neighbourhood, mirrored at the border (cv2.blur)."""
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    rows = padded[..., :-2, :] + padded[..., 1:-1, :] + padded[..., 2:, :]
    return (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9


def convolve(images: Tensor, kernels: Tensor, pad: int, mode: str) -> Tensor:
    """Convolve (N, C, H, W) images with kernels that reach at most `pad` pixels, by FFT.

    kernels: (N or 1, 1, 2 pad + 1, 2 pad + 1), centre in the middle. mode: how F.pad continues the image.
    """
    height, width = images.shape[-2:]
    # The next lengths whose only prime factors are 2, 3 and 5, which the FFT likes.
    tall, wide = (next(n for n in count(side + 2 * pad) if pow(30, n, n) == 0) for side in (height, width))
    padded = F.pad(images, (pad, pad, pad, pad), mode=mode)
    spectrum = torch.fft.rfft2(padded, s=(tall, wide))
    spectrum *= torch.fft.rfft2(kernels, s=(tall, wide))
    # The kernel's centre sits at (pad, pad), so the image comes out moved by that much.
    blurred = torch.fft.irfft2(spectrum, s=(tall, wide))
    return blurred[..., 2 * pad : 2 * pad + height, 2 * pad : 2 * pad + width]


def motion_blur(images: Tensor, radius: float, sigma: float, angles: Tensor) -> Tensor:
    """Blur each image along its own angle, (N,) degrees; the border pixel is repeated outside the image.

    The kernel is a half Gaussian along a line of whole-pixel steps. Source: ImageMagick's MagickMotionBlurImage, which
    the published scripts call.
    """
    # What lies beyond 4.5 sigma weighs less than a hundredth of a grey level and would only widen the FFT.
    width = min(2 * math.ceil(radius), math.ceil(4.5 * sigma)) + 1
    steps = torch.arange(width, device=angles.device, dtype=torch.float32)
    weights = torch.exp(-(steps**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    radians = torch.deg2rad(angles)[:, None]
    rows = -torch.ceil(steps * torch.sin(radians) - 0.5)
    columns = -torch.ceil(steps * torch.cos(radians) - 0.5)
    axis = torch.arange(-(width - 1), width, device=angles.device)
    on_row = (rows[..., None] == axis).float() * weights[:, None]
    on_column = (columns[..., None] == axis).float()
    # A product of one-hot rows and columns: no scatter with repeated targets, so repeatable on a GPU as well.
    return convolve(images, (on_row.transpose(1, 2) @ on_column)[:, None], width - 1, "replicate")


def clipped_zoom(images: Tensor, factor: float) -> Tensor:
    """Enlarge the centre by `factor` >= 1, linearly, to the same (N, C, H, W).

    Source: clipped_zoom of make_imagenet_c.py, with scipy.ndimage.zoom's corner-to-corner sampling.
    """
    height, width = images.shape[-2:]
    tall, wide = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - tall) // 2, (width - wide) // 2
    size = (round(tall * factor), round(wide * factor))
    crop = images[..., top : top + tall, left : left + wide]
    zoomed = F.interpolate(crop, size=size, mode="bilinear", align_corners=True)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return zoomed[..., top : top + height, left : left + width]


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """Float32 uniform on [low, high), on the generator's device."""
    return torch.empty(shape, device=generator.device).uniform_(low, high, generator=generator)


def normal(shape: tuple[int, ...], mean: float, std: float, generator: torch.Generator) -> Tensor:
    """Float32 normal, on the generator's device."""
    return torch.empty(shape, device=generator.device).normal_(mean, std, generator=generator)
