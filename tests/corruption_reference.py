"""Reference results for the corruption tests: the imagecorruptions package, and test pictures to feed it."""

import cv2
import numba
import numpy as np
import torch
from imagecorruptions import corrupt as reference_corrupt
from numpy.typing import NDArray
from skimage.filters import gaussian
from torch import Tensor

from cliptta_demo.backend.corruptions import corrupt

Pictures = NDArray[np.uint8]


def to_tensor(images: Pictures) -> Tensor:
    """(N, H, W, 3) → (N, 3, H, W)."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def to_array(images: Tensor) -> NDArray[np.float64]:
    """(N, 3, H, W) → (N, H, W, 3)."""
    return images.permute(0, 2, 3, 1).numpy().astype(np.float64)


def ours(images: Pictures, name: str, severity: int, seed: int = 0) -> NDArray[np.float64]:
    """The project's own corruption of (N, H, W, 3) pictures."""
    return to_array(corrupt(to_tensor(images), name, severity, seed))


@numba.njit
def _seed_compiled(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002 - compiled code has a global generator of its own


def seed_reference(seed: int) -> None:
    """Seeds both generators that the package draws from: numpy's global one and that of its compiled code."""
    np.random.seed(seed)  # noqa: NPY002
    _seed_compiled(seed)


def pictures(count: int, height: int, width: int, seed: int = 0) -> Pictures:
    """(N, H, W, 3) uint8 scenes: soft clouds of colour, sharp discs and bars, fine texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    side = min(height, width)
    scenes = []
    for _ in range(count):
        scene = np.empty((height, width, 3))
        for channel in range(3):
            clouds = gaussian(rng.normal(size=(height, width)), side / 10, mode="wrap")
            scene[..., channel] = 130 + 45 * clouds / clouds.std()
        for _ in range(8):
            at_y, at_x, radius = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(0.05, 0.2) * side
            scene[(y - at_y) ** 2 + (x - at_x) ** 2 < radius**2] = rng.uniform(0, 255, 3)
        stripes = (np.sin(x * rng.uniform(0.3, 1.5) + y * rng.uniform(0.3, 1.5)) > 0) & (y > height * 0.7)
        scene[stripes] *= 0.6
        scene += 12 * gaussian(rng.normal(size=(height, width, 1)), 0.7, channel_axis=-1) / 0.4
        scenes.append(scene)
    return np.clip(scenes, 0, 255).astype(np.uint8)


def reference(images: Pictures, corruption: str, severity: int) -> NDArray[np.float64]:
    """The package's result for each image, from numpy's global generator where it is random."""
    results = [reference_corrupt(image, corruption_name=corruption, severity=severity) for image in images]
    return np.stack(results).astype(np.float64)


def reference_elastic(
    images: Pictures, alpha: float, sigma: float, move: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Elastic transform with the random affine map of make_imagenet_c.py, which the package leaves out."""
    results = []
    for image in images:
        height, width = image.shape[:2]
        middle, arm = np.float32([height // 2, width // 2]), min(height, width) // 3
        anchors = np.float32([middle + arm, middle + np.float32([arm, -arm]), middle - arm])
        moved = anchors + rng.uniform(-move, move, (3, 2)).astype(np.float32)
        affine = cv2.getAffineTransform(anchors, moved)
        turned = cv2.warpAffine(image.astype(np.float32), affine, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        noise = rng.uniform(-1, 1, (2, height, width))
        shift_x, shift_y = (gaussian(plane, sigma, mode="reflect", truncate=3) * alpha for plane in noise)
        y, x = np.mgrid[:height, :width]
        at = ((x + shift_x).astype(np.float32), (y + shift_y).astype(np.float32))
        results.append(cv2.remap(turned, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
    return np.floor(np.clip(results, 0, 255))
