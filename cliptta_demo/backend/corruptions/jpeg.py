"""JPEG compression and decompression, by libjpeg itself.

Source of the corruption: Hendrycks & Dietterich 2019, make_imagenet_c.jpeg_compression.
"""

import torch
from torch import Tensor

from .constants import Setting


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
