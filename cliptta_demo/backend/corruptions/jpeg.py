"""JPEG compression and decompression, emulated on tensors the way libjpeg does them with its defaults.

Colour transform, 4:2:0 chroma, 8 x 8 cosine transform, the standard tables at a quality, rounding, and back
with the "fancy" (triangle) chroma upsampling. Entropy coding is lossless and left out.
Source of the corruption: Hendrycks & Dietterich 2019, make_imagenet_c.jpeg_compression. Source of the tables
and steps: ITU-T T.81 annex K; libjpeg's jcparam, jcsample, jcdctmgr, jdsample and jdcolor.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .constants import Setting

_LUMA = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
_CHROMA = """17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99"""


@lru_cache(maxsize=32)
def quantisation_table(base: str, quality: int, device: torch.device) -> Tensor:
    """(64,) float32 divisors of a block's coefficients, row by row, for a quality from 1 to 100."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = torch.tensor([int(number) for number in base.split()])
    return ((table * percent + 50) // 100).clamp(1, 255).float().to(device)


@lru_cache(maxsize=4)
def cosine_passes(device: torch.device) -> tuple[Tensor, Tensor]:
    """Two (64, 64) matrices that act on an 8 x 8 block's pixels, row by row: cosines along rows, along columns.

    Each is sqrt(8) times orthonormal, the scale of libjpeg's integer transform (jfdctint.c, jidctint.c).
    """
    k = torch.arange(8, dtype=torch.float64)
    cosines = torch.cos((2 * k + 1) * k[:, None] * (math.pi / 16)) * math.sqrt(2)
    cosines[0] = 1
    same = torch.eye(8, dtype=torch.float64)
    return torch.kron(same, cosines).float().to(device), torch.kron(cosines, same).float().to(device)


def _round(values: Tensor) -> Tensor:
    """Round halves away from zero, as libjpeg does; the tiny part steadies float32."""
    return values.sign() * torch.floor(values.abs() + (0.5 + 1e-4))


def _through_blocks(plane: Tensor, table: Tensor) -> Tensor:
    """Compress and decompress (M, H, W) samples 0..255; the last pixel fills up incomplete blocks."""
    count, height, width = plane.shape
    down, right = -height % 8, -width % 8
    padded = F.pad(plane[:, None] - 128, (0, right, 0, down), mode="replicate")[:, 0]
    tall, wide = (height + down) // 8, (width + right) // 8
    blocks = padded.view(count, tall, 8, wide, 8).transpose(2, 3).reshape(-1, 64)
    rows, columns = cosine_passes(plane.device)
    # libjpeg keeps two more bits between the passes, and the coefficients come out 8 times as large.
    half_way = torch.floor(blocks @ rows.T * 4 + 0.5)
    coefficients = torch.floor(half_way @ columns.T / 4 + 0.5)
    coefficients = _round(coefficients / (table * 8)) * table
    half_way = torch.floor(coefficients @ columns * 4 + 0.5)
    blocks = torch.floor(half_way @ rows / 32 + 128.5).clamp_(0, 255)
    padded = blocks.view(count, tall, wide, 8, 8).transpose(2, 3).reshape(count, tall * 8, wide * 8)
    return padded[:, :height, :width]


def _halve(plane: Tensor) -> Tensor:
    """(M, H, W) to half the size, rounded up; means of four, rounded up and down in turn (jcsample.c)."""
    height, width = plane.shape[1:]
    # The row of blocks is filled with the last pixel before halving, the column after it.
    plane = F.pad(plane[:, None], (0, -width % 16, 0, height % 2), mode="replicate")[:, 0]
    total = plane[:, ::2] + plane[:, 1::2]
    total = total[..., ::2] + total[..., 1::2]
    bias = torch.arange(total.shape[-1], device=plane.device) % 2 + 1
    return torch.floor((total + bias) / 4)


def _double(plane: Tensor, height: int, width: int) -> Tensor:
    """(M, h, w) to (M, height, width): 3/4 the nearer and 1/4 the farther sample per axis (jdsample.c)."""
    count, tall, wide = plane.shape
    padded = F.pad(plane[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    middle = padded[:, 1:-1] * 3
    rows = torch.stack([middle + padded[:, :-2], middle + padded[:, 2:]], 2).view(count, 2 * tall, wide + 2)
    middle = rows[..., 1:-1] * 3
    left = torch.floor((middle + rows[..., :-2] + 8) / 16)
    right = torch.floor((middle + rows[..., 2:] + 7) / 16)
    return torch.stack([left, right], 3).view(count, 2 * tall, 2 * wide)[:, :height, :width]


def through_jpeg(images: Tensor, quality: int) -> Tensor:
    """What is left of (N, 3, H, W) uint8 images after JPEG at a quality from 1 to 100; same shape and type.

    Within a tenth of a grey level, on average, of Pillow's own encoder and decoder.
    """
    count, _, height, width = images.shape
    red, green, blue = images.float().unbind(1)
    luma = torch.floor(0.299 * red + 0.587 * green + 0.114 * blue + 0.5)
    blueness = torch.floor(-0.168735892 * red - 0.331264108 * green + 0.5 * blue + 128.499)
    redness = torch.floor(0.5 * red - 0.418687589 * green - 0.081312411 * blue + 128.499)

    luma = _through_blocks(luma, quantisation_table(_LUMA, quality, images.device))
    chroma = _halve(torch.cat([blueness, redness]))
    chroma = _through_blocks(chroma, quantisation_table(_CHROMA, quality, images.device))
    chroma = chroma[..., : (width + 1) // 2]
    blueness, redness = (_double(chroma, height, width) - 128).split(count)

    red = luma + torch.floor(1.402 * redness + 0.5)
    green = luma + torch.floor(-0.344136286 * blueness - 0.714136286 * redness + 0.5)
    blue = luma + torch.floor(1.772 * blueness + 0.5)
    return torch.stack([red, green, blue], 1).clamp_(0, 255).to(torch.uint8)


def jpeg_compression(images: Tensor, setting: Setting, generator: torch.Generator) -> Tensor:
    """Compress with a low JPEG quality (make_imagenet_c.jpeg_compression)."""
    return through_jpeg(images, int(setting.values[0]))
