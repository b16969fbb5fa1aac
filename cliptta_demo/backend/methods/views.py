"""Views of an image: random crops, brought back to its size, some of them mirrored. Drawn from a seed, here alone.

The releases of TPT, R-TPT, RLCF and ZERO look at each image through torchvision's ``RandomResizedCrop`` and
``RandomHorizontalFlip``, and at the image itself; so do these.
"""

import math

import torch
from torch import Tensor

LEAST_SHARE = 0.08  # of the image's area in a crop; torchvision's default, as the next
WIDEST = 4 / 3  # the ratio of a crop's sides, at most


def draw_boxes(images: int, count: int, side: int, seed: int) -> Tensor:
    """Where the views lie: ``(images, count, 5)`` int64, each top, left, height, width, and 1 where it is mirrored.

    The first view of each image is the image. ``side``: of the images, in pixels.
    """
    generator = torch.Generator().manual_seed(seed)
    area, shape, down, across, mirrored = torch.rand(images, count, 5, generator=generator).unbind(-1)
    area = (LEAST_SHARE + (1 - LEAST_SHARE) * area) * side * side
    ratio = torch.exp((2 * shape - 1) * math.log(WIDEST))
    width = (area * ratio).sqrt().round().clamp(1, side)
    height = (area / ratio).sqrt().round().clamp(1, side)
    top, left = ((side - height + 1) * down).floor(), ((side - width + 1) * across).floor()
    boxes = torch.stack([top, left, height, width, mirrored.round()], dim=-1).long()
    boxes[:, 0] = torch.tensor([0, 0, side, side, 0])
    return boxes


def take_views(images: Tensor, boxes: Tensor) -> Tensor:
    """The views ``(N, V, 3, S, S)`` of ``(N, 3, S, S)`` images, each stretched to the image's size by nearest pixels.

    Args:
        boxes: ``(N, V, 5)``, see :func:`draw_boxes`.
    """
    side = images.shape[-1]
    places = torch.arange(side, device=images.device)
    top, left, height, width, mirrored = boxes.to(images.device, non_blocking=True)[..., None].unbind(
        -2
    )  # (N, V, 1) each
    across = torch.where(mirrored == 1, side - 1 - places, places)
    rows, columns = top + places * height // side, left + across * width // side  # (N, V, S)
    image = torch.arange(len(images), device=images.device)[:, None, None, None]
    return images[image, :, rows[..., :, None], columns[..., None, :]].permute(0, 1, 4, 2, 3)
