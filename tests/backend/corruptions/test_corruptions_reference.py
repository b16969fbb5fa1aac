"""The corruptions against the imagecorruptions package and OpenCV, as far as their results are kept, and Pillow."""

import io

import corruption_reference as reference
import numpy as np
import pytest
import torch
from corruption_reference import FIXED, SEVERITIES, STATISTICS, Pictures, ours, pictures, sampled, to_array, to_tensor
from numpy.typing import NDArray
from PIL import Image

from cliptta_demo.backend.corruptions import CORRUPTIONS, _ops, blur, corrupt, weather
from cliptta_demo.backend.corruptions.constants import PUBLISHED
from cliptta_demo.backend.corruptions.digital import through_jpeg
from cliptta_demo.backend.corruptions.weather import frost_textures
from training.draw_frost import draw_frost

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def scenes() -> Pictures:
    return pictures(4, 224, 224)


@pytest.fixture(scope="module")
def kept() -> dict[str, NDArray]:
    """See ``make_corruption_reference.py``."""
    with np.load(reference.REFERENCE) as archive:
        return {name: archive[name] for name in archive.files}


def test_the_reference_was_made_of_these_pictures(kept: dict[str, NDArray], scenes: Pictures) -> None:
    difference = np.abs(sampled(scenes).astype(int) - kept["scenes"])
    assert difference.max() <= 1  # where a processor rounds otherwise
    assert difference.mean() < 1e-3
    assert {*FIXED, *SPREAD} == set(CORRUPTIONS)


# ---------------------------------------------------------------- against the reference, nothing random

# Mean absolute difference in grey levels of 255, at most, over all severities and images. Most of what is
# left is truncation: where the exact result is a whole number, float64 in the package ends a hair below it
# and loses a level (saturate at severity 3 doubles the saturation, brightness at 2 adds 51 levels exactly).
CLOSE = dict(zip(FIXED, (0.15, 0.01, 0.1, 0.05, 0.01, 0.01, 0.05, 0.3), strict=True))


@pytest.mark.parametrize("name", CLOSE)
def test_without_randomness_equals_reference(name: str, kept: dict[str, NDArray], scenes: Pictures) -> None:
    for severity, expected in zip(SEVERITIES, kept[name], strict=True):
        difference = np.abs(sampled(ours(scenes, name, severity)) - expected)
        assert difference.mean((1, 2, 3)).max() < CLOSE[name], f"severity {severity}"


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 64), (37, 50), (224, 224), (51, 16)])
@pytest.mark.parametrize("quality", [80, 40, 25, 7])
def test_jpeg_equals_pillow(height: int, width: int, quality: int) -> None:
    images = pictures(4, height, width)
    decoded = []
    for image in images:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(stream)))
    assert np.array_equal(to_array(through_jpeg(to_tensor(images), quality)), np.stack(decoded))


@pytest.mark.parametrize("side", [32, 64])
def test_pixelate_small_equals_pillow(side: int) -> None:
    images = pictures(4, side, side)
    for severity in SEVERITIES:
        (share,) = PUBLISHED["pixelate"][side][severity - 1]
        small = [Image.fromarray(i).resize((int(side * share),) * 2, Image.Resampling.BOX) for i in images]
        blocks = np.stack([np.asarray(i.resize((side, side), Image.Resampling.NEAREST)) for i in small])
        assert np.abs(ours(images, "pixelate", severity) - blocks).mean() < 0.01


# ---------------------------------------------------------------- the random ones' parts, fed the same draws


@pytest.mark.parametrize("angle", reference.ANGLES)
@pytest.mark.parametrize("motion", reference.MOTIONS)
def test_motion_blur_along_an_angle_equals_reference(
    angle: float, motion: tuple[int, int], kept: dict[str, NDArray], scenes: Pictures
) -> None:
    expected = kept["motion"][reference.MOTIONS.index(motion) * len(reference.ANGLES) + reference.ANGLES.index(angle)]
    angles = torch.tensor([angle, 7.0])
    blurred = _ops.motion_blur(to_tensor(scenes[:2]).float(), *motion, angles)
    assert np.abs(sampled(to_array(blurred))[0] - expected).max() < 0.01


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


@pytest.mark.parametrize("sigma", reference.LIQUID_SIGMAS)
def test_spatter_parts_equal_opencv(sigma: int, kept: dict[str, NDArray]) -> None:
    edges = np.unpackbits(kept[f"edges {sigma}"]).reshape(96, 120).astype(bool)
    found = weather.canny(reference.liquid(sigma), 50, 150)
    # Weak edges are followed four pixels only.
    assert (found[0, 0].numpy().astype(bool) != edges).mean() < 0.01
    distance = weather.edge_distance(torch.from_numpy(edges)[None, None])
    # OpenCV approximates the distance, within 2 %.
    assert np.abs(distance[0, 0].numpy() - kept[f"distance {sigma}"]).max() < 0.5
    equalised = weather.equalise(torch.from_numpy(kept[f"levels {sigma}"])[None, None].float())
    assert np.array_equal(equalised[0, 0].numpy(), kept[f"equalised {sigma}"])


@pytest.mark.parametrize("decay", reference.PLASMA_DECAYS)
def test_plasma_equals_reference_in_distribution(decay: float, kept: dict[str, NDArray]) -> None:
    mean, deviation, step = kept[f"plasma {decay}"]
    maps = weather.plasma_fractal(400, 64, decay, torch.Generator().manual_seed(0)).numpy()
    # The mean of one map varies by 0.09, so that of 400 by 0.005: five deviations.
    assert maps.mean() == pytest.approx(mean, abs=0.026)
    assert maps.std((1, 2)).mean() == pytest.approx(deviation, rel=0.06)
    assert np.abs(np.diff(maps)).mean() == pytest.approx(step, rel=0.06)


def test_the_frost_file_is_what_is_drawn() -> None:
    difference = draw_frost(1)[0].int() - frost_textures(1.0, torch.device("cpu"))[0]
    assert difference.abs().max() <= 1  # where a processor rounds otherwise


def test_frost_pictures_have_the_photographs_colours(kept: dict[str, NDArray]) -> None:
    made = frost_textures(1.0, torch.device("cpu")).float()
    for picture, (*colours, detail) in zip(made, kept["frost photographs"], strict=True):
        assert np.abs(picture.mean((0, 1)).numpy() - colours[:3]).max() < 2
        assert np.abs(picture.std((0, 1)).numpy() - colours[3:]).max() < 3
        # Structure at the scale of a few pixels, not a flat wash: half to twice the photograph's.
        assert 0.5 < np.abs(np.diff(np.asarray(picture).mean(2))).mean() / detail < 2


# ---------------------------------------------------------------- the random ones as a whole, in mean and spread

# Relative tolerance on the mean absolute change and the deviation of the change; the image's own mean and
# deviation may differ by that share of 64 levels. About twice the largest difference measured over the five
# severities and several seeds; of motion blur 1.4 times that of four seeds. What varies from pixel to pixel
# averages out; what is drawn once per image (an angle, a map, a cloud, a frost picture: a few dozen draws each)
# does not, hence the wide ones.
SPREAD = {
    "gaussian_noise": 0.005,
    "shot_noise": 0.005,
    "impulse_noise": 0.03,
    "speckle_noise": 0.005,
    "glass_blur": 0.01,
    "motion_blur": 0.05,
    "snow": 0.04,
    "frost": 0.25,
    "fog": 0.2,
    "elastic_transform": 0.15,
    "spatter": 0.15,
}
ROUNDS = {"frost": 9, "fog": 9, "motion_blur": 12, "snow": 3, "elastic_transform": 3, "spatter": 3}


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", SPREAD)
def test_randomness_equals_reference_in_mean_and_spread(
    name: str, severity: int, kept: dict[str, NDArray], scenes: Pictures
) -> None:
    expected = dict(zip(STATISTICS, kept[f"statistics of {name}"][severity - 1], strict=True))
    batch = np.concatenate([scenes] * ROUNDS.get(name, 1))
    found = dict(zip(STATISTICS, reference.statistics(ours(batch, name, severity), batch), strict=True))
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
