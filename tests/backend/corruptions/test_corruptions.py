"""The corruptions' promises: names, constants, sizes, seeds, severities and errors."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from corruption_reference import FIXED, SEVERITIES, pictures, to_tensor

from cliptta_demo.backend.corruptions import COMMON_CORRUPTIONS, CORRUPTIONS, EXTRA_CORRUPTIONS, corrupt
from cliptta_demo.backend.corruptions.constants import PUBLISHED, setting

NAMES = tuple(CORRUPTIONS)
pytestmark = pytest.mark.usefixtures("one_thread")


# ---------------------------------------------------------------- constants


def test_registry_is_imagenet_c() -> None:
    assert COMMON_CORRUPTIONS + EXTRA_CORRUPTIONS == NAMES
    assert (len(COMMON_CORRUPTIONS), len(EXTRA_CORRUPTIONS)) == (15, 4)
    assert NAMES[0] == "gaussian_noise"
    assert EXTRA_CORRUPTIONS == ("speckle_noise", "gaussian_blur", "spatter", "saturate")
    assert set(PUBLISHED) == set(NAMES)
    for sides in PUBLISHED.values():
        assert set(sides) == {32, 64, 224}
        assert all(len(levels) == 5 and len({len(c) for c in levels}) == 1 for levels in sides.values())


def test_nearest_published_size_in_log_scale() -> None:
    used = {(44, 99): 32, (46, 50): 64, (119, 300): 64, (120, 120): 224, (1000, 400): 224, (8, 8): 32}
    for (height, width), side in used.items():
        found = setting("gaussian_noise", 5, height, width)
        assert found.values == PUBLISHED["gaussian_noise"][side][4]
        assert found.scale == min(height, width) / side


@pytest.mark.parametrize("name", ["defocus_blur", "motion_blur", "gaussian_blur"])
def test_pixel_lengths_grow_with_the_image(name: str) -> None:
    """Of a white bar that covers the same share of the image, blur moves the same share of the light."""
    changed = []
    for side in (224, 336):
        bar = torch.zeros((8, 3, side, side), dtype=torch.uint8)
        bar[:, :, :, side // 2 :] = 255
        changed.append((corrupt(bar, name, 3, 0).float() - bar).abs().mean().item())
    assert changed[1] == pytest.approx(changed[0], rel=0.1)


# ---------------------------------------------------------------- promises of the API


@pytest.mark.parametrize("name", NAMES)
def test_every_size_and_severity(name: str) -> None:
    for height, width in ((32, 32), (64, 64), (37, 50), (8, 8), (8, 90)):
        images = to_tensor(pictures(2, height, width))
        untouched = images.clone()
        for severity in SEVERITIES:
            result = corrupt(images, name, severity, 3)
            assert result.shape == images.shape
            assert result.dtype == torch.uint8
            assert result.device == images.device
            assert torch.equal(images, untouched)
        # Something is left of the picture, and it is neither all black nor all white.
        assert 2 < result.float().mean() < 253


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_everything(name: str) -> None:
    images = to_tensor(pictures(1, 64, 64)).expand(3, -1, -1, -1).contiguous()
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = corrupt(images, name, 3, 11)
    assert torch.equal(first, corrupt(images, name, 3, 11))
    assert torch.equal(torch_before, torch.get_rng_state())
    assert np.array_equal(numpy_before, np.random.get_state()[1])  # noqa: NPY002
    random = name not in FIXED
    assert torch.equal(first, corrupt(images, name, 3, 12)) is not random
    assert torch.equal(first[0], first[1]) is not random


# Published constants that do not grow in strength, whatever the implementation. Elastic: the first severities
# move the whole picture, the last ones ripple it. Saturate: 1 and 2 turn grey, 3 to 5 oversaturate. Glass: a
# second pass does more than a wider blur, and blur hides what shuffling did. Frost: the image fades as the
# frost grows, and brightness falls. Spatter at small sizes: little mud at 4 and 5 after much water at 3.
EXCEPTIONS = {
    "elastic_transform": (32, 64, 224),
    "saturate": (32, 64, 224),
    "glass_blur": (32, 64, 224),
    "frost": (32, 64, 224),
    "spatter": (32, 64),
}


@pytest.mark.parametrize("side", [32, 64, 224])
@pytest.mark.parametrize("name", NAMES)
def test_change_grows_with_severity(name: str, side: int) -> None:
    images = to_tensor(pictures(24 if side < 224 else 6, side, side))
    change = [(corrupt(images, name, s, 1).float() - images.float()).abs().mean().item() for s in SEVERITIES]
    assert min(change) > 0.5
    if side not in EXCEPTIONS.get(name, ()):
        # Some neighbouring severities differ in character rather than strength, hence 3 % of slack.
        assert all(stronger > 0.97 * weaker for weaker, stronger in pairwise(change))
        assert change[4] > 1.15 * change[0]


def test_nothing_asked_changes_nothing_and_errors_name_field_value_and_range() -> None:
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    assert corrupt(images, "none", 5, 0) is corrupt(images, "fog", 0, 0) is images
    assert corrupt(images[:0], "snow", 5, 0).shape == (0, 3, 32, 32)
    for change, field, value, allowed in (
        ({"name": "rain", "severity": 0}, "corruption", "rain", "saturate"),
        ({"severity": 6}, "severity", "6", "0 to 5"),
        ({"severity": 2.5}, "severity", "2.5", "0 to 5"),
        ({"seed": 2**63}, "seed", str(2**63), f"0 to {2**63 - 1}"),
        ({"images": images.float()}, "images", "torch.float32", "torch.uint8"),
        ({"images": images[0]}, "images", "(3, 32, 32)", "(N, 3, H, W)"),
        ({"images": images[..., :7]}, "images", "(2, 3, 32, 7)", "at least 8"),
        ({"images": images.numpy()}, "images", "ndarray", "torch.uint8"),
    ):
        with pytest.raises(ValueError, match=f"^{field}(:| is) ") as error:
            corrupt(**({"images": images, "name": "fog", "severity": 3, "seed": 0} | change))
        assert value in str(error.value)
        assert allowed in str(error.value)


def test_strided_views_autocast_and_inference_mode_change_nothing() -> None:
    images = torch.from_numpy(pictures(2, 40, 48)).permute(0, 3, 1, 2)
    for name in NAMES:
        plain = corrupt(images.contiguous(), name, 2, 4)
        difference = corrupt(images, name, 2, 4).float() - plain.float()
        assert difference.abs().mean() < 0.01, name  # other strides may round another way
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            assert torch.equal(corrupt(images.contiguous(), name, 2, 4), plain), name
