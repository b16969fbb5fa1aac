"""The images of a batch in one JPEG: a single small download for the page, and little to keep for a session. Pure."""

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cliptta_demo.backend.run.snapshot import Snapshot

LARGEST_TILE = 112  # pixels a side in the sheet; larger images are reduced
MANY = 160  # images; beyond it, tiles are reduced further to keep the sheet light
SMALL_TILE = 48
QUALITY = 75


@dataclass(frozen=True)
class Sheets:
    """The images of a batch, row by row in a grid.

    Attributes:
        seen: base64 of a JPEG, the images as the models saw them; clean: before corruption, None when there was none.
        columns, rows: of the grid.
    """

    seen: str
    clean: str | None
    columns: int
    rows: int


def make_sheets(snapshot: Snapshot) -> Sheets:
    """The sheets of a snapshot's images."""
    seen, columns, rows = sprite_sheet(snapshot.images)
    clean = None if snapshot.corruption == "none" else sprite_sheet(snapshot.clean)[0]
    return Sheets(seen, clean, columns, rows)


def sprite_sheet(images: NDArray[np.uint8]) -> tuple[str, int, int]:
    """``(N, 3, S, S)`` uint8 images, N ≥ 1, in one JPEG: (its base64, columns, rows)."""
    count, _, side, _ = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padded = np.zeros((rows * columns, side, side, 3), np.uint8)
    padded[:count] = images.transpose(0, 2, 3, 1)
    grid = padded.reshape(rows, columns, side, side, 3).swapaxes(1, 2).reshape(rows * side, columns * side, 3)
    picture = Image.fromarray(grid)
    tile = min(side, SMALL_TILE if count > MANY else LARGEST_TILE)
    if tile < side:
        picture = picture.resize((columns * tile, rows * tile), Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return base64.b64encode(file.getvalue()).decode("ascii"), columns, rows
