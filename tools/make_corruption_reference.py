"""Makes ``golden/corruptions.npz`` with the imagecorruptions package, OpenCV and scikit-image.

    pip install numba opencv-python-headless scikit-image scipy
    pip install --no-deps imagecorruptions-imaug==1.1.5
    python -m tools.make_corruption_reference

The package asks for an OpenCV that wants a desktop's libraries, hence ``--no-deps``; what it really uses is in the
first line. Of results that are compared pixel by pixel a sample is kept, of random ones their statistics.
"""

from collections.abc import Sequence
from importlib.resources import files

import cv2
import imagecorruptions.corruptions as package
import numba
import numpy as np
from corruption_reference import (
    ANGLES,
    FIXED,
    LIQUID_SIGMAS,
    MOTIONS,
    PLASMA_DECAYS,
    REFERENCE,
    SEVERITIES,
    Pictures,
    liquid,
    pictures,
    sampled,
    statistics,
)
from imagecorruptions import corrupt as reference_corrupt
from numpy.typing import NDArray
from PIL import Image
from skimage.filters import gaussian

from cliptta_demo.backend.corruptions.constants import PUBLISHED

# How often the four scenes are corrupted: ten times as often as a test can afford, so that little of a difference
# between the statistics is the reference's own chance.
ROUNDS = {"gaussian_noise": 10, "shot_noise": 10, "impulse_noise": 10, "speckle_noise": 10, "glass_blur": 10,
          "motion_blur": 40, "snow": 40, "frost": 120, "fog": 120, "elastic_transform": 40, "spatter": 40}  # fmt: skip
FROST = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg", "frost6.jpg")


@numba.njit
def _seed_compiled(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002 - compiled code has a global generator of its own


def seed_reference(seed: int) -> None:
    """Seeds both generators that the package draws from: numpy's global one and that of its compiled code."""
    np.random.seed(seed)  # noqa: NPY002
    _seed_compiled(seed)


def reference(images: Pictures, name: str, severity: int) -> NDArray[np.float64]:
    """The package's result for each image, from numpy's global generator where it is random."""
    results = [reference_corrupt(image, corruption_name=name, severity=severity) for image in images]
    return np.stack(results).astype(np.float64)


def reference_elastic(images: Pictures, constants: Sequence[float], rng: np.random.Generator) -> NDArray[np.float64]:
    """Elastic transform with the random affine map of make_imagenet_c.py, which the package leaves out."""
    results, (alpha, sigma, move) = [], constants
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


def random_statistics(scenes: Pictures, name: str, severity: int) -> NDArray[np.float64]:
    """The mean of ``statistics`` over the rounds."""
    seed_reference(severity)
    rng = np.random.default_rng(severity)
    constants = PUBLISHED[name][224][severity - 1]
    rounds = [
        reference_elastic(scenes, constants, rng) if name == "elastic_transform" else reference(scenes, name, severity)
        for _ in range(ROUNDS[name])
    ]
    return np.mean([statistics(results, scenes) for results in rounds], axis=0)


def photograph(name: str) -> NDArray[np.float64]:
    """Of one of the package's pictures of frost: mean and deviation of each colour, and its detail."""
    pixels = np.asarray(Image.open(files("imagecorruptions") / "frost" / name).convert("RGB"))
    return np.array([*pixels.mean((0, 1)), *pixels.std((0, 1)), np.abs(np.diff(pixels.mean(2))).mean()])


def main() -> None:
    scenes = pictures(4, 224, 224)
    kept: dict[str, NDArray] = {"scenes": sampled(scenes)}
    for name in FIXED:
        results = [sampled(reference(scenes, name, severity)) for severity in SEVERITIES]
        kept[name] = np.stack(results).astype(np.uint8)
    motions = [
        package._motion_blur(scenes[0].astype(np.float32), *motion, angle) for motion in MOTIONS for angle in ANGLES
    ]
    kept["motion"] = sampled(np.stack(motions)).astype(np.float32)
    values = np.arange(64 * 64).reshape(64, 64, 1).repeat(3, 2)
    seed_reference(0)
    walked = package._shuffle_pixels_njit_glass_blur(64, 64, values.copy(), (1.0, 2, 1), 3)
    kept["glass values"] = np.array(len(np.unique(walked[..., 0])))
    for sigma in LIQUID_SIGMAS:
        edges = cv2.Canny(liquid(sigma)[0, 0].numpy().astype(np.uint8), 50, 150)
        distance = np.minimum(cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5), 20)
        kept[f"edges {sigma}"] = np.packbits(edges > 0)
        kept[f"distance {sigma}"] = distance.astype(np.float16)
        kept[f"equalised {sigma}"] = cv2.equalizeHist(np.floor(distance).astype(np.uint8))
        kept[f"levels {sigma}"] = np.floor(distance).astype(np.uint8)
    for decay in PLASMA_DECAYS:
        seed_reference(0)
        maps = np.stack([package.plasma_fractal(64, decay) for _ in range(4000)])
        kept[f"plasma {decay}"] = np.array([maps.mean(), maps.std((1, 2)).mean(), np.abs(np.diff(maps)).mean()])
    kept["frost photographs"] = np.stack([photograph(name) for name in FROST])
    for name in ROUNDS:
        kept[f"statistics of {name}"] = np.stack([random_statistics(scenes, name, level) for level in SEVERITIES])
        print(name, kept[f"statistics of {name}"].round(2).tolist(), flush=True)
    np.savez_compressed(REFERENCE, **kept)
    print(f"{REFERENCE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
