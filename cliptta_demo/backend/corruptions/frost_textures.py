"""Frost pictures, in place of the six photographs that ImageNet-C's frost crops from.

They are drawn by ``cliptta_demo/training/draw_frost.py`` and repeat seamlessly.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

FROST_FILE = Path(__file__).with_name("frost.webp")  # one picture below the other
SIDE = 512  # pixels of each


@lru_cache(maxsize=1)
def _pictures() -> Tensor:
    """(6, 3, S, S) uint8 at full size, on the CPU."""
    with Image.open(FROST_FILE) as column:
        return torch.from_numpy(np.array(column)).view(-1, SIDE, SIDE, 3).permute(0, 3, 1, 2)


@lru_cache(maxsize=8)
def frost_textures(reduction: float, device: torch.device) -> Tensor:
    """(6, S, S, 3) uint8 seamless frost pictures, S = 512 * reduction pixels a side; do not write to them.

    reduction: 0 < reduction <= 1, without smoothing first, as the scripts' cv2.resize does it.
    """
    pictures = _pictures()
    if reduction < 1:
        side = max(8, round(SIDE * reduction))
        reduced = F.interpolate(pictures.float(), size=(side, side), mode="bilinear")
        pictures = reduced.to(torch.uint8)
    return pictures.permute(0, 2, 3, 1).contiguous().to(device)
