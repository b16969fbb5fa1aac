"""The corruptions' reference: what ``make_corruption_reference.py`` kept of the imagecorruptions package and OpenCV."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cliptta_demo.backend.corruptions import corrupt

Pictures = NDArray[np.uint8]
REFERENCE = Path(__file__).parent / "golden" / "corruptions.npz"
SEVERITIES = range(1, 6)
SAMPLED = 7  # every seventh row and column is kept of a result: 1,024 pixels of 224 × 224
FIXED = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression", "gaussian_blur",
         "saturate")  # fmt: skip
ANGLES = (-45.0, -10.0, 0.0, 33.0, 45.0, -90.0, -135.0)
MOTIONS = ((10, 3), (20, 15))  # radius, sigma
LIQUID_SIGMAS = (1, 2, 4)
PLASMA_DECAYS = (3, 2, 1.5)
STATISTICS = ("mean", "deviation", "absolute change", "deviation of the change")


def to_tensor(images: Pictures) -> Tensor:
    """(N, H, W, 3) → (N, 3, H, W)."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def to_array(images: Tensor) -> NDArray[np.float64]:
    """(N, 3, H, W) → (N, H, W, 3)."""
    return images.permute(0, 2, 3, 1).numpy().astype(np.float64)


def ours(images: Pictures, name: str, severity: int, seed: int = 0) -> NDArray[np.float64]:
    """The project's own corruption of (N, H, W, 3) pictures."""
    return to_array(corrupt(to_tensor(images), name, severity, seed))


def sampled(images: NDArray) -> NDArray:
    """Every seventh row and column of (N, H, W, 3)."""
    return images[:, ::SAMPLED, ::SAMPLED]


def statistics(results: NDArray[np.float64], clean: Pictures) -> tuple[float, ...]:
    """The four numbers that ``STATISTICS`` names, of (N, H, W, 3) results and what they were made of."""
    change = results - clean
    return (
        results.mean(),
        results.std((-3, -2)).mean(),
        np.abs(change).mean(),
        change.std((-3, -2)).mean(),
    )


def chance(seed: int) -> np.random.RandomState:
    """numpy's older generator: its numbers are promised never to change, and the reference was made of them."""
    return np.random.RandomState(seed)


def soft(noise: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """(H, W) after a Gaussian blur that goes on at the opposite edge."""
    y, x = np.fft.fftfreq(noise.shape[0])[:, None], np.fft.rfftfreq(noise.shape[1])
    return np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-2 * (np.pi * sigma) ** 2 * (y**2 + x**2)), noise.shape)


def pictures(count: int, height: int, width: int, seed: int = 0) -> Pictures:
    """(N, H, W, 3) uint8 scenes: soft clouds of colour, sharp discs and bars, fine texture."""
    rng = chance(seed)
    y, x = np.mgrid[:height, :width]
    side = min(height, width)
    scenes = []
    for _ in range(count):
        scene = np.empty((height, width, 3))
        for channel in range(3):
            clouds = soft(rng.normal(size=(height, width)), side / 10)
            scene[..., channel] = 130 + 45 * clouds / clouds.std()
        for _ in range(8):
            at_y, at_x, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(0.05, 0.2) * side
            scene[(y - at_y) ** 2 + (x - at_x) ** 2 < radius**2] = rng.uniform(0, 255, 3)
        stripes = (np.sin(x * rng.uniform(0.3, 1.5) + y * rng.uniform(0.3, 1.5)) > 0) & (y > height * 0.7)
        scene[stripes] *= 0.6
        scene += 12 * soft(rng.normal(size=(height, width)), 0.7)[..., None] / 0.4
        scenes.append(scene)
    return np.clip(scenes, 0, 255).astype(np.uint8)


def liquid(sigma: int) -> Tensor:
    """(1, 1, 96, 120) whole grey levels as spatter finds edges in."""
    noise = soft(chance(sigma).normal(0.65, 0.3, (96, 120)), sigma)
    return torch.from_numpy(np.clip(np.floor(np.where(noise < 0.68, 0.0, noise) * 255), 0, 255)).float()[None, None]
