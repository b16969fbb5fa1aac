"""CIFAR-10 photos for training and for measuring: read from the hub's parquet layout, augmented in batches."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.data.presets import CIFAR10_CLASSES

# Other everyday words for the same ten things: captions that the tiny model should also understand.
_MORE_WORDS = {
    "airplane": ("plane", "aeroplane", "aircraft", "jet"),
    "automobile": ("car", "auto"),
    "cat": ("kitten", "kitty"),
    "dog": ("puppy",),
    "ship": ("boat", "vessel"),
    "truck": ("lorry",),
}
CIFAR10_SYNONYMS = {name: (name, *_MORE_WORDS.get(name, ())) for name in CIFAR10_CLASSES}

# ImageNet's names of photographs that show one of the ten things, as CIFAR-10 itself draws the line (none is a deer).
PHOTO_CLASSES = {
    "airliner": "airplane",
    **dict.fromkeys(("convertible", "sports_car"), "automobile"),
    **dict.fromkeys(("jay", "ostrich", "bald_eagle"), "bird"),
    **dict.fromkeys(("Egyptian_cat", "tabby", "Siamese_cat", "Persian_cat"), "cat"),
    **dict.fromkeys(("golden_retriever", "German_shepherd", "pug", "beagle"), "dog"),
    **dict.fromkeys(("bullfrog", "tree_frog"), "frog"),
    "sorrel": "horse",
    **dict.fromkeys(("container_ship", "fireboat"), "ship"),
    **dict.fromkeys(("trailer_truck", "fire_engine", "garbage_truck"), "truck"),
}
# Things beside the ten: CIFAR-10 leaves pickups out of both its cars and its trucks, and antelopes are no deer.
NEAR_PHOTO_CLASSES = {**dict.fromkeys(("impala", "hartebeest"), "deer"), "pickup": "truck"}


def load_cifar10(parquet: Path) -> tuple[Tensor, Tensor]:
    """Reads a parquet file with columns ``img`` {bytes, path} and ``label``.

    Returns ``(N, 3, 32, 32)`` uint8 images and ``(N,)`` int64 labels.
    """
    import pyarrow.parquet  # only training and measuring need it

    table = pyarrow.parquet.read_table(parquet)
    encoded = table.column("img").combine_chunks().field("bytes")
    images = np.stack([np.asarray(Image.open(io.BytesIO(item.as_py())).convert("RGB")) for item in encoded])
    labels = torch.tensor(table.column("label").to_pylist(), dtype=torch.int64)
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), labels


def augment(
    images: Tensor, size: int, generator: torch.Generator, lightly: bool = False, small_share: float = 0.2
) -> Tensor:
    """Random flip, zoom, shift and small rotation of ``(N, 3, H, W)`` uint8; ``(N, 3, size, size)`` uint8.

    Geometry only. A fifth of the photos (``small_share``) is shown small, beside its own mirror images: sharper to the
    pixel than a 32-pixel photo that fills the frame, as ordinary photographs are. ``lightly``: only flips and small
    shifts.
    """
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    angle = uniform(-0.2, 0.2)  # radians, about ±11 degrees
    small = torch.rand(count, generator=generator) < small_share
    zoom = torch.where(small, uniform(1.08, 1.6), uniform(0.65, 1.08))  # the share of the photo's side that is seen
    stretch = uniform(0.92, 1.08)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    if lightly:
        angle, stretch = torch.zeros(count), torch.ones(count)
        zoom = torch.where(small, uniform(1.0, 1.3), uniform(0.9, 1.0))
    slack = (1 - zoom).clamp_min(0) + 0.12
    matrix = torch.stack(
        [
            torch.stack([zoom * stretch * angle.cos() * flip, -zoom * angle.sin(), uniform(-1, 1) * slack], 1),
            torch.stack([zoom * angle.sin() * flip, zoom / stretch * angle.cos(), uniform(-1, 1) * slack], 1),
        ],
        dim=1,
    )  # (N, 2, 3)
    grid = F.affine_grid(matrix, [count, 3, size, size], align_corners=False)
    mode = "bicubic" if torch.rand((), generator=generator) < 0.5 else "bilinear"
    warped = F.grid_sample(images.float(), grid, mode=mode, padding_mode="reflection", align_corners=False)
    return warped.round_().clamp_(0, 255).to(torch.uint8)


def sharpen(images: Tensor, generator: torch.Generator) -> Tensor:
    """Sharpens a random half of ``(N, 3, H, W)`` uint8 images, each by another amount (unsharp mask, 0 to 3).

    A 32-pixel photo enlarged to 64 has less than half of the fine detail of an ordinary photograph reduced to 64
    (root mean square 5.5 against 13.0 of what a blur of one pixel takes away); sharpening bridges that.
    """
    chosen = torch.nonzero(torch.rand(len(images), generator=generator) < 0.5).squeeze(1)
    amount = 3 * torch.rand(len(chosen), 1, 1, 1, generator=generator)
    kernel = torch.exp(-(torch.arange(-3.0, 4.0) ** 2) / 2)
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, 7)
    sharp = images[chosen].float()
    soft = F.conv2d(F.pad(sharp, (3, 3, 3, 3), mode="reflect"), kernel, groups=3)
    soft = F.conv2d(soft, kernel.transpose(2, 3), groups=3)
    result = images.clone()
    result[chosen] = (sharp + amount * (sharp - soft)).round_().clamp_(0, 255).to(torch.uint8)
    return result


def vary_colours(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turns the hue a little and changes the saturation of half of the images ``(N, 3, H, W)`` uint8.

    Brightness and contrast stay as they are, and there is no noise, blur, weather or compression: the accuracy that
    is lost under these corruptions is honest.
    """
    count = len(images)
    changed = torch.nonzero(torch.rand(count, generator=generator) < 0.5).squeeze(1)
    angle = torch.randn(count, generator=generator) * 0.3  # radians: a standard deviation of 17 degrees
    saturation = torch.rand(count, generator=generator) * 1.1 + 0.3
    to_chroma = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])  # RGB to YIQ
    turned = torch.zeros(count, 3, 3)
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = saturation * angle.cos()
    turned[:, 2, 1] = saturation * angle.sin()
    turned[:, 1, 2] = -turned[:, 2, 1]
    matrix = to_chroma.inverse() @ turned @ to_chroma  # (N, 3, 3)
    pixels = images[changed].flatten(2).float()
    result = images.clone()
    result[changed] = (matrix[changed] @ pixels).round_().clamp_(0, 255).to(torch.uint8).view_as(images[changed])
    return result
