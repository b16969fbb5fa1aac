"""The corruptions against the imagecorruptions package, OpenCV and Pillow."""

import io
from importlib.resources import files

import cv2
import imagecorruptions.corruptions as package
import numpy as np
import pytest
import torch
from corruption_reference import (
    Pictures,
    ours,
    pictures,
    reference,
    reference_elastic,
    seed_reference,
    to_array,
    to_tensor,
)
from numpy.typing import NDArray
from PIL import Image

from cliptta_demo.backend.corruptions import (
    CORRUPTIONS,
    _ops,
    blur,
    corrupt,
    spatter,
    weather,
)
from cliptta_demo.backend.corruptions.constants import PUBLISHED
from cliptta_demo.backend.corruptions.frost_textures import frost_textures
from cliptta_demo.backend.corruptions.jpeg import through_jpeg

SEVERITIES = range(1, 6)
NAMES = tuple(CORRUPTIONS)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="session")
def scenes() -> Pictures:
    return pictures(4, 224, 224)


# ---------------------------------------------------------------- against the reference, nothing random

# Mean absolute difference in grey levels of 255, at most, over all severities and images. Most of what is
# left is truncation: where the exact result is a whole number, float64 in the package ends a hair below it
# and loses a level (saturate at severity 3 doubles the saturation, brightness at 2 adds 51 levels exactly).
CLOSE = {
    "defocus_blur": 0.15,
    "zoom_blur": 0.01,
    "brightness": 0.1,
    "contrast": 0.05,
    "pixelate": 0.01,
    "jpeg_compression": 0.1,
    "gaussian_blur": 0.05,
    "saturate": 0.3,
}


@pytest.mark.parametrize("name", CLOSE)
def test_without_randomness_equals_reference(name: str, scenes: Pictures) -> None:
    for severity in SEVERITIES:
        difference = np.abs(ours(scenes, name, severity) - reference(scenes, name, severity))
        assert difference.mean((1, 2, 3)).max() < CLOSE[name], f"severity {severity}"


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 64), (37, 50), (224, 224), (51, 16)])
@pytest.mark.parametrize("quality", [80, 40, 25, 7])
def test_jpeg_equals_pillow(height: int, width: int, quality: int) -> None:
    # A coefficient on a rounding tie changes its whole block: enough blocks, for that to average out.
    images = pictures(4 if height == 224 else 24, height, width)
    decoded = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(stream)))
    difference = np.abs(to_array(through_jpeg(to_tensor(images), quality)) - np.stack(decoded))
    assert difference.mean() < 0.15


@pytest.mark.parametrize("side", [32, 64])
def test_pixelate_small_equals_pillow(side: int) -> None:
    images = pictures(4, side, side)
    for severity in SEVERITIES:
        (share,) = PUBLISHED["pixelate"][side][severity - 1]
        small = [Image.fromarray(i).resize((int(side * share),) * 2, Image.Resampling.BOX) for i in images]
        blocks = np.stack([np.asarray(i.resize((side, side), Image.Resampling.NEAREST)) for i in small])
        assert np.abs(ours(images, "pixelate", severity) - blocks).mean() < 0.01


# ---------------------------------------------------------------- the random ones' parts, fed the same draws


@pytest.mark.parametrize("angle", [-45.0, -10.0, 0.0, 33.0, 45.0, -90.0, -135.0])
@pytest.mark.parametrize(("radius", "sigma"), [(10, 3), (20, 15)])
def test_motion_blur_along_an_angle_equals_reference(angle: float, radius: int, sigma: float, scenes: Pictures) -> None:
    expected = package._motion_blur(scenes[0].astype(np.float32), radius, sigma, angle)
    angles = torch.tensor([angle, 7.0])
    blurred = _ops.motion_blur(to_tensor(scenes[:2]).float(), radius, sigma, angles)
    assert np.abs(to_array(blurred)[0] - expected).max() < 0.01


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_glass_shuffle_equals_the_walk(reach: int) -> None:
    shape = (2, 30, 41)
    sources = blur._shuffle_sources(shape, reach, torch.Generator().manual_seed(5))
    offsets = torch.empty((2, *shape), dtype=torch.int64)
    down, right = offsets.random_(-reach, reach, generator=torch.Generator().manual_seed(5))
    for image in range(shape[0]):
        walked = np.arange(30 * 41).reshape(30, 41)
        for row in range(30 - reach, reach, -1):
            for column in range(41 - reach, reach, -1):
                dy, dx = down[image, row, column], right[image, row, column]
                walked[row, column] = walked[row + dy, column + dx]
        assert np.array_equal(sources[image].numpy(), walked.ravel())


def test_shuffle_copies_as_the_reference_does() -> None:
    """The package's swap of two views is a copy as well: values get lost, at the same rate as here."""
    values = np.arange(64 * 64).reshape(64, 64, 1).repeat(3, 2)
    walked = package._shuffle_pixels_njit_glass_blur(64, 64, values.copy(), (1.0, 2, 1), 3)
    kept = len(np.unique(walked[..., 0]))
    sources = blur._shuffle_sources((1, 64, 64), 2, torch.Generator().manual_seed(3))
    assert len(sources.unique()) == pytest.approx(kept, rel=0.03)


def test_spatter_parts_equal_opencv() -> None:
    rng = np.random.default_rng(1)
    for sigma in (1, 2, 4):
        liquid = _ops.gaussian(torch.from_numpy(rng.normal(0.65, 0.3, (1, 1, 96, 120))).float(), sigma)
        liquid = torch.floor(torch.where(liquid < 0.68, 0.0, liquid) * 255).clamp(max=255)
        plane = liquid[0, 0].numpy().astype(np.uint8)
        edges = cv2.Canny(plane, 50, 150)
        found = spatter.canny(liquid, 50, 150)
        # Weak edges are followed four pixels only.
        assert ((found[0, 0].numpy() * 255) != edges).mean() < 0.01
        expected = np.minimum(cv2.distanceTransform(255 - edges, cv2.DIST_L2, 5), 20)
        distance = spatter.edge_distance(torch.from_numpy(edges > 0)[None, None])
        # OpenCV approximates the distance, within 2 %.
        assert np.abs(distance[0, 0].numpy() - expected).max() < 0.5
        levels = np.floor(expected).astype(np.uint8)
        equalised = spatter.equalise(torch.from_numpy(levels)[None, None].float())
        assert np.array_equal(equalised[0, 0].numpy(), cv2.equalizeHist(levels))


@pytest.mark.parametrize("decay", [3, 2, 1.5])
def test_plasma_equals_reference_in_distribution(decay: float) -> None:
    seed_reference(0)
    expected = np.stack([package.plasma_fractal(64, decay) for _ in range(400)])
    maps = weather.plasma_fractal(400, 64, decay, torch.Generator().manual_seed(0)).numpy()
    # The mean of one map varies by 0.09, so that of 400 by 0.005: four deviations of the difference.
    assert maps.mean() == pytest.approx(expected.mean(), abs=0.026)
    assert maps.std((1, 2)).mean() == pytest.approx(expected.std((1, 2)).mean(), rel=0.06)
    assert np.abs(np.diff(maps)).mean() == pytest.approx(np.abs(np.diff(expected)).mean(), rel=0.06)


def test_frost_pictures_have_the_photographs_colours() -> None:
    made = frost_textures(1.0, torch.device("cpu")).float()
    names = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg", "frost6.jpg")
    for picture, name in zip(made, names, strict=True):
        photograph = np.asarray(Image.open(files("imagecorruptions") / "frost" / name).convert("RGB"))
        assert np.abs(picture.mean((0, 1)).numpy() - photograph.mean((0, 1))).max() < 2
        assert np.abs(picture.std((0, 1)).numpy() - photograph.std((0, 1))).max() < 3
        # Structure at the scale of a few pixels, not a flat wash: half to twice the photograph's.
        detail = np.abs(np.diff(np.asarray(picture).mean(2))).mean()
        assert 0.5 < detail / np.abs(np.diff(photograph.mean(2))).mean() < 2


# ---------------------------------------------------------------- the random ones as a whole, in mean and spread

# Relative tolerance on the mean absolute change and the deviation of the change; the image's own mean and
# deviation may differ by that share of 64 levels. About twice the largest difference measured over the five
# severities and two sets of seeds. What varies from pixel to pixel averages out; what is drawn once per image
# (an angle, a map, a cloud, a frost picture: a few dozen draws each) does not, hence the wide ones.
SPREAD = {
    "gaussian_noise": 0.005,
    "shot_noise": 0.005,
    "impulse_noise": 0.03,
    "speckle_noise": 0.005,
    "glass_blur": 0.01,
    "motion_blur": 0.03,
    "snow": 0.04,
    "frost": 0.25,
    "fog": 0.2,
    "elastic_transform": 0.15,
    "spatter": 0.15,
}
ROUNDS = {"frost": 12, "fog": 12, "motion_blur": 4, "snow": 4, "elastic_transform": 4, "spatter": 4}


def statistics(results: NDArray[np.float64], clean: Pictures) -> dict[str, float]:
    change = results - clean
    return {
        "mean": results.mean(),
        "deviation": results.std((-3, -2)).mean(),
        "absolute change": np.abs(change).mean(),
        "deviation of the change": change.std((-3, -2)).mean(),
    }


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", SPREAD)
def test_randomness_equals_reference_in_mean_and_spread(name: str, severity: int, scenes: Pictures) -> None:
    seed_reference(severity)
    batch = np.concatenate([scenes] * ROUNDS.get(name, 1))
    if name == "elastic_transform":
        constants = PUBLISHED[name][224][severity - 1]
        expected = statistics(reference_elastic(batch, *constants, np.random.default_rng(severity)), batch)
    else:
        expected = statistics(reference(batch, name, severity), batch)
    found = statistics(np.stack([ours(batch, name, severity, seed) for seed in range(2)]), batch)
    tolerance = SPREAD[name]
    assert found["mean"] == pytest.approx(expected["mean"], abs=64 * tolerance)
    assert found["deviation"] == pytest.approx(expected["deviation"], abs=64 * tolerance)
    assert found["absolute change"] == pytest.approx(expected["absolute change"], rel=tolerance)
    assert found["deviation of the change"] == pytest.approx(expected["deviation of the change"], rel=tolerance)


@pytest.mark.parametrize("side", [32, 64, 224])
def test_noise_has_the_published_strength_at_every_size(side: int) -> None:
    grey = torch.full((64 if side < 224 else 4, 3, side, side), 128, dtype=torch.uint8)
    value = 128 / 255
    for severity in (1, 2, 3):  # stronger noise reaches the ends of the scale and is cut off
        measured = {
            name: corrupt(grey, name, severity, 0).float().std().item() / 255
            for name in ("gaussian_noise", "shot_noise", "speckle_noise")
        }
        constants = {name: PUBLISHED[name][side][severity - 1][0] for name in measured}
        assert measured["gaussian_noise"] == pytest.approx(constants["gaussian_noise"], rel=0.02)
        assert measured["shot_noise"] == pytest.approx((value / constants["shot_noise"]) ** 0.5, rel=0.03)
        assert measured["speckle_noise"] == pytest.approx(value * constants["speckle_noise"], rel=0.02)
        changed = (corrupt(grey, "impulse_noise", severity, 0) != 128).float().mean().item()
        assert changed == pytest.approx(PUBLISHED["impulse_noise"][side][severity - 1][0], rel=0.1)
