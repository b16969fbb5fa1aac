"""The 19 corruptions of ImageNet-C, batched in torch on the images' own device.

Source: Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations". Constants are the published ones for 32, 64 and 224 px, whichever is nearest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from cliptta_demo.backend.declare import check_choice, check_number
from cliptta_demo.languages import Says, Text, say

from .constants import PUBLISHED, Constants, Setting, setting

if TYPE_CHECKING:  # torch takes seconds to load, and the names below are wanted without it
    import torch
    from torch import Tensor

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


def _of(module: str, name: str) -> Callable[[Tensor, Setting, torch.Generator], Tensor]:
    """A function of one of this package's modules, which comes with torch when it is first called."""
    return lambda *given: getattr(import_module(f"{__name__}.{module}"), name)(*given)


CORRUPTIONS: dict[str, Corruption] = {
    entry.name: entry
    for entry in (
        Corruption("gaussian_noise", "noise", _of("noise", "gaussian_noise"), Text("gaussian noise")),
        Corruption("shot_noise", "noise", _of("noise", "shot_noise"), Text("shot noise")),
        Corruption("impulse_noise", "noise", _of("noise", "impulse_noise"), Text("impulse noise")),
        Corruption("defocus_blur", "blur", _of("blur", "defocus_blur"), Text("defocus blur")),
        Corruption("glass_blur", "blur", _of("blur", "glass_blur"), Text("glass blur")),
        Corruption("motion_blur", "blur", _of("blur", "motion_blur"), Text("motion blur")),
        Corruption("zoom_blur", "blur", _of("blur", "zoom_blur"), Text("zoom blur")),
        Corruption("snow", "weather", _of("weather", "snow"), Text("snow")),
        Corruption("frost", "weather", _of("weather", "frost"), Text("frost")),
        Corruption("fog", "weather", _of("weather", "fog"), Text("fog")),
        Corruption("brightness", "digital", _of("digital", "brightness"), Text("brightness")),
        Corruption("contrast", "digital", _of("digital", "contrast"), Text("contrast")),
        Corruption("elastic_transform", "digital", _of("digital", "elastic_transform"), Text("elastic transform")),
        Corruption("pixelate", "digital", _of("digital", "pixelate"), Text("pixelate")),
        Corruption("jpeg_compression", "digital", _of("digital", "jpeg_compression"), Text("JPEG compression")),
        Corruption("speckle_noise", "noise", _of("noise", "speckle_noise"), Text("speckle noise")),
        Corruption("gaussian_blur", "blur", _of("blur", "gaussian_blur"), Text("gaussian blur")),
        Corruption("spatter", "weather", _of("weather", "spatter"), Text("spatter")),
        Corruption("saturate", "digital", _of("digital", "saturate"), Text("saturate")),
    )
}
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


def _check(images: Tensor, name: str, severity: int, seed: int) -> None:
    from torch import Tensor, uint8

    if not isinstance(images, Tensor) or images.dtype != uint8:
        got = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images: dtype {got} is not allowed; it must be a torch.uint8 tensor, values 0 to 255")
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != 3 or min(shape[2:]) < _SMALLEST_SIDE:
        allowed = f"(N, 3, H, W) with H and W at least {_SMALLEST_SIDE}"
        raise ValueError(f"images: shape {shape} is not allowed; it must be {allowed}")
    check_choice("corruption", name, ("none", *CORRUPTIONS))
    check_number("severity", severity, 0, 5, whole=True)
    check_number("seed", seed, 0, 2**63 - 1, whole=True)


def corrupt(images: Tensor, name: str, severity: int, seed: int) -> Tensor:
    """Corrupt a batch of images as ImageNet-C would, every image with randomness of its own.

    images: (N, 3, H, W) uint8, values 0..255, H and W at least 8. name: a key of CORRUPTIONS, or "none".
    severity: 0 (unchanged) to 5. seed: 0 to 2**63 - 1; the same seed gives the same result on the same
    machine. Torch's and numpy's global generators are neither read nor moved.

    Returns (N, 3, H, W) uint8 on the images' device; the very tensor given for "none", severity 0 or N = 0.
    Raises ValueError, naming field, value and allowed range, for anything outside these bounds.
    Source: Hendrycks & Dietterich 2019, make_cifar_c.py, make_tinyimagenet_c.py and make_imagenet_c.py.
    """
    import torch

    _check(images, name, severity, seed)
    if name == "none" or severity == 0 or len(images) == 0:
        return images
    generator = torch.Generator(images.device).manual_seed(seed)
    # Whatever precision surrounds the call, grey levels need float32.
    with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
        constants = setting(name, severity, *images.shape[2:])
        return CORRUPTIONS[name].apply(images, constants, generator).contiguous()
