"""Makes assets/corruptions.jpg: a picture under each corruption (columns) at each severity (rows), for the knob.

    python -m tools.make_corruption_pictures

The picture is drawn as the built-in streams' are, and corrupted as they are.
"""

import torch
from PIL import Image

from cliptta_demo.backend.corruptions import corrupt
from cliptta_demo.backend.data.pictures import compose, picture_world
from cliptta_demo.page.layout.knobs import COLUMNS
from cliptta_demo.page.panels.panel import CORRUPTIONS as PICTURES

BIRD, SEED, SIDE = 4, 18, 64  # large, and bright enough for all corruptions to show


def sheet() -> torch.Tensor:
    """``(3, 5 S, C S)`` uint8."""
    world = picture_world()
    generator = torch.Generator().manual_seed(SEED)
    sprite = torch.tensor([world.classes["bird"][BIRD]])
    image = compose(world, sprite, torch.zeros_like(sprite), SIDE, generator)
    rows = [torch.cat([corrupt(image, name, level, SEED)[0] for name in COLUMNS], 2) for level in range(1, 6)]
    return torch.cat(rows, 1)


def main() -> None:
    """Writes the file."""
    Image.fromarray(sheet().permute(1, 2, 0).numpy()).save(PICTURES, quality=70, optimize=True)
    print(f"{PICTURES.name}: {PICTURES.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
