"""The 19 corruptions of ImageNet-C, batched in torch on the images' own device.

Source: Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations". Constants are the published ones for 32, 64 and 224 px, whichever is nearest.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cliptta_demo.backend.declare import check_choice, check_number
from cliptta_demo.languages import Says, Text, say

from . import blur, digital, weather
from .constants import PUBLISHED, Constants, Setting, setting

CORRUPTION_CYCLE = "cycle"  # another of the 15 corruptions for every batch
MIXED = "mixed"  # the shift of a batch in which each image has a corruption of its own
_NO_CORRUPTIONS = {  # shifts, and what they are called
    "none": Text("no corruption"),
    CORRUPTION_CYCLE: Text("all 15 in turn"),
    MIXED: Text("mixed corruptions"),
}
_SMALLEST_SIDE = 8


@dataclass(frozen=True)
class Corruption(Says):
    """One corruption: its name in ImageNet-C, its family, and how it is applied.

    apply: (images, setting, generator on their device) -> images, all (N, 3, H, W) uint8. Call it through `corrupt`.
    The sources that the functions name are Hendrycks & Dietterich's scripts.
    words: what it is called in the middle of a sentence; "" for the name without its underscores.
    """

    name: str
    family: str
    apply: Callable[[Tensor, Setting, torch.Generator], Tensor]
    words: str = ""


_ALL = (
    Corruption("gaussian_noise", "noise", digital.gaussian_noise, Text("gaussian noise")),
    Corruption("shot_noise", "noise", digital.shot_noise, Text("shot noise")),
    Corruption("impulse_noise", "noise", digital.impulse_noise, Text("impulse noise")),
    Corruption("defocus_blur", "blur", blur.defocus_blur, Text("defocus blur")),
    Corruption("glass_blur", "blur", blur.glass_blur, Text("glass blur")),
    Corruption("motion_blur", "blur", blur.motion_blur, Text("motion blur")),
    Corruption("zoom_blur", "blur", blur.zoom_blur, Text("zoom blur")),
    Corruption("snow", "weather", weather.snow, Text("snow")),
    Corruption("frost", "weather", weather.frost, Text("frost")),
    Corruption("fog", "weather", weather.fog, Text("fog")),
    Corruption("brightness", "digital", digital.brightness, Text("brightness")),
    Corruption("contrast", "digital", digital.contrast, Text("contrast")),
    Corruption("elastic_transform", "digital", digital.elastic_transform, Text("elastic transform")),
    Corruption("pixelate", "digital", digital.pixelate, Text("pixelate")),
    Corruption("jpeg_compression", "digital", digital.jpeg_compression, Text("JPEG compression")),
    Corruption("speckle_noise", "noise", digital.speckle_noise, Text("speckle noise")),
    Corruption("gaussian_blur", "blur", blur.gaussian_blur, Text("gaussian blur")),
    Corruption("spatter", "weather", weather.spatter, Text("spatter")),
    Corruption("saturate", "digital", digital.saturate, Text("saturate")),
)
CORRUPTIONS: dict[str, Corruption] = {entry.name: entry for entry in _ALL}
COMMON_CORRUPTIONS: tuple[str, ...] = tuple(CORRUPTIONS)[:15]
EXTRA_CORRUPTIONS: tuple[str, ...] = tuple(CORRUPTIONS)[15:]


def register_corruption(entry: Corruption, constants: Constants) -> None:
    """Offers another corruption everywhere, from anywhere; "cycle" stays ImageNet-C's 15.

    constants: by the image's side (32, 64, 224), five tuples, one for each severity; as in `constants.PUBLISHED`.
    Raises ValueError if another corruption has the name.
    """
    if entry.name in (*_NO_CORRUPTIONS, *CORRUPTIONS):
        raise ValueError(f"name: {entry.name!r} is taken; it must be another than {', '.join(CORRUPTIONS)}")
    CORRUPTIONS[entry.name] = entry
    PUBLISHED[entry.name] = constants


def corruption_words(name: str) -> str:
    """What a shift is called in the middle of a sentence: ``gaussian_noise`` → ``gaussian noise``."""
    known = CORRUPTIONS[name].words if name in CORRUPTIONS else say(_NO_CORRUPTIONS.get(name, ""))
    return known or name.replace("_", " ")


def corruption_name(name: str) -> str:
    """The same by itself: ``gaussian_noise`` → ``Gaussian noise``."""
    words = corruption_words(name)
    return words if name in _NO_CORRUPTIONS else f"{words[:1].upper()}{words[1:]}"


def corrupt(images: Tensor, name: str, severity: int, seed: int) -> Tensor:
    """Corrupt a batch of images as ImageNet-C would, every image with randomness of its own.

    images: (N, 3, H, W) uint8, values 0..255, H and W at least 8. name: a key of CORRUPTIONS, or "none".
    severity: 0 (unchanged) to 5. seed: 0 to 2**63 - 1; the same seed gives the same result on the same
    machine. Torch's and numpy's global generators are neither read nor moved.

    Returns (N, 3, H, W) uint8 on the images' device; the very tensor given for "none", severity 0 or N = 0.
    Raises ValueError, naming field, value and allowed range, for anything outside these bounds.
    Source: Hendrycks & Dietterich 2019, make_cifar_c.py, make_tinyimagenet_c.py and make_imagenet_c.py.
    """
    right = isinstance(images, Tensor) and images.dtype == torch.uint8 and images.ndim == 4 and images.shape[1] == 3
    if not right or min(images.shape[2:]) < _SMALLEST_SIDE:
        allowed = f"a torch.uint8 tensor (N, 3, H, W), values 0 to 255, H and W at least {_SMALLEST_SIDE}"
        raise ValueError(f"images: {type(images).__name__} {images.dtype} {tuple(images.shape)}; it must be {allowed}")
    check_choice("corruption", name, ("none", *CORRUPTIONS))
    check_number("severity", severity, 0, 5, whole=True)
    check_number("seed", seed, 0, 2**63 - 1, whole=True)
    if name == "none" or severity == 0 or len(images) == 0:
        return images
    generator = torch.Generator(images.device).manual_seed(seed)
    # Whatever precision surrounds the call, grey levels need float32.
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        constants = setting(name, severity, *images.shape[2:])
        return CORRUPTIONS[name].apply(images, constants, generator).contiguous()
