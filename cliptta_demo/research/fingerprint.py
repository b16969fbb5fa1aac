"""What the recorded numbers depend on: a change of it shows, a mere rewrite of the code does not.

Weights and pictures by their bytes. The engine by what it does: a *probe* draws an image under every corruption and
adapts each method for a few small steps. Rounding hardly moves such a short run; another loss, memory or stream does.
"""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from cliptta_demo.backend.corruptions import CORRUPTIONS, corrupt
from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.data.pictures import PICTURE_FOLDER
from cliptta_demo.backend.models.loading import TINY_ADAPTATION, TINY_DIRECTORY
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import RunSettings, StreamSettings
from cliptta_demo.research.studies import Combination

METHODS = ("tent", "tent-reg", "cliptta", "cliptta-oce", "sar")  # all that a study compares
DIRECTIONS = 24  # along which the movement of the parameters is kept
# Of the length of that movement. In float32, one and two threads differ by less than 0.0001, a memory that is not
# drawn balanced over the classes makes 0.3 and more.
TOLERANCE = 0.1
PIXEL_TOLERANCE = 0.05  # of 255, on the mean of an image; libraries may round a pixel up or down


def fingerprint() -> dict[str, Any]:
    """Bytes and behaviour of what is installed here."""
    return {
        "weights": _digest([TINY_DIRECTORY / "open_clip_model.safetensors"]),
        "pictures": _digest(sorted(path for path in PICTURE_FOLDER.iterdir() if path.suffix in (".webp", ".json"))),
        "corruptions": pixel_probe(),
        "methods": method_probe(),
    }


def pixel_probe() -> dict[str, float]:
    """Mean pixel of one picture under each corruption at severity 4, and clean."""
    picture = open_source("pictures").take(0, 4, 64, "shuffled", 0, 4).pixels
    drawn = {name: corrupt(picture, name, 4, 0) for name in CORRUPTIONS} | {"none": picture}
    return {name: round(float(pixels.float().mean()), 3) for name, pixels in drawn.items()}


def method_probe() -> dict[str, list[float]]:
    """Where each method moves the parameters in three batches of 24 with small steps, along fixed random directions."""
    small = replace(TINY_ADAPTATION, learning_rate=1e-4, steps=2, memory_shots=4, memory_sample=24)
    settings = RunSettings(
        methods=METHODS,
        stream=StreamSettings(corruption="gaussian_noise", severity=2, ood_share=0.25, batches=3, batch_size=24),
        adaptation=small,
    )
    with Combination(1, "float32").backbone() as backbone:
        experiment = Experiment(settings, backbone, open_source("pictures"), open_strangers("flags"))
        *_, (state, _) = experiment.run()
    size = len(backbone.source_parameters)
    directions = torch.randn(DIRECTIONS, size, generator=torch.Generator().manual_seed(0)) / math.sqrt(DIRECTIONS)
    theta = {name: experiment.methods[name].parameters(state.adaptations[name]) for name in METHODS}
    moved = {name: values - backbone.source_parameters for name, values in theta.items()}
    return {
        name: [round(1000 * value, 4) for value in (directions @ vector).tolist()] for name, vector in moved.items()
    }


def differences(recorded: dict[str, Any], present: dict[str, Any]) -> list[str]:
    """In what two fingerprints differ beyond rounding: "weights", "pictures", "corruptions" or one, or a method."""
    found = [name for name in ("weights", "pictures") if recorded[name] != present[name]]
    old, new = recorded["corruptions"], present["corruptions"]
    if old.keys() != new.keys():
        return [*found, "corruptions"]
    found += [name for name in old if abs(old[name] - new[name]) > PIXEL_TOLERANCE]
    before, after = recorded["methods"], present["methods"]
    return found + [name for name in after if name not in before or _moved(before[name], after[name])]


def _moved(before: list[float], after: list[float]) -> bool:
    return math.dist(before, after) > TOLERANCE * math.hypot(*before)


def _digest(paths: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()[:16]
