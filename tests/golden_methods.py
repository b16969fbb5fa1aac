"""The golden tower with its text side, and methods at work on the golden streams beside their authors' numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import open_clip.model
import torch
from helpers import method_of
from paths import TESTS
from safetensors.torch import load_file
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import Progress
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone, BackboneInfo
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.backend.models.text_tower import TextTower
from cliptta_demo.backend.models.towers import keep_weights_in, replace_attention
from cliptta_demo.backend.settings import AdaptationSettings

GOLDEN = TESTS / "golden"
LOGIT_SCALE = 100.0
STREAMS = ("closed", "open")
NEAR = 1e-4  # the file's tolerance
TEMPLATE = "text/template_prototypes"  # of its first template, where they are named
# name in the golden file → the method, where the file has the values it ends with, and the prototypes
SINGLE = {
    "tpt": ("tpt", "context", "class_prototypes"),
    "rtpt": ("r-tpt", "context", "class_prototypes"),
    "rlcf_prompt": ("rlcf-prompt", "context", "class_prototypes"),
    "rlcf_tune": ("rlcf", "norm_params", "rlcf_tune/class_features"),
    "tps": ("tps", "shift", "tps/prototypes"),
    "tps_plain": ("tps", "shift", "tps_plain/prototypes"),
    "tps_shared": ("tps", "shift", "tps/prototypes"),
}


@cache
def golden() -> dict[str, np.ndarray]:
    """Images and prototypes, trajectories of CLIPTTA's release and of all other methods, and the text side."""
    archives = [np.load(GOLDEN / f"{name}.npz") for name in ("official", "methods", "more_methods")]
    return {name: archive[name] for archive in archives for name in archive.files}


def tokenize(prompts: list[str]) -> Tensor:
    """Tokens ``(len(prompts), 16)`` in the golden file's little vocabulary."""
    words = list(golden()["text/words"])
    tokens = torch.zeros(len(prompts), 16, dtype=torch.int64)
    for row, prompt in zip(tokens, prompts, strict=True):
        ids = [62, *(words.index(word) + 1 for word in re.findall(r"\w+|[^\w\s]", prompt.lower())), 63]
        row[: len(ids)] = torch.tensor(ids)
    return tokens


def golden_backbone(precision: str = "float32") -> Backbone:
    """The tower of the golden files, as a backbone is loaded in that precision."""
    model = open_clip.model.CLIP(
        embed_dim=32,
        vision_cfg={"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
        text_cfg={"context_length": 16, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
    ).requires_grad_(False)
    model.visual.load_state_dict(load_file(GOLDEN / "vision_tower.safetensors"))
    text = {name.removeprefix("text/state/"): value for name, value in golden().items() if "/state/" in name}
    model.load_state_dict({name: torch.from_numpy(value) for name, value in text.items()}, strict=False)
    half = torch.bfloat16 if precision == "bfloat16" else None
    replace_attention(model.visual)
    if half:
        keep_weights_in(half, model.visual)
    info = BackboneInfo(name="golden", image_size=32, mean=(0.0,) * 3, std=(1.0,) * 3)
    tower = TextTower(model, tokenize, "cpu")
    return Backbone(info, model.visual, tower, logit_scale=LOGIT_SCALE, autocast=half)


@dataclass
class Case:
    """A method as a trajectory of the golden file ran it.

    Attributes:
        kind: its name, or a class that stands for it; own: of its own settings, those that are not the defaults.
        settings: others of AdaptationSettings than 1e-3 and 5 steps; prototypes: their key in the file.
        near: a tolerance other than the file's; of: the number that has it.
    """

    kind: str | type[Method]
    own: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    prototypes: str = "class_prototypes"
    near: dict[str, float] = field(default_factory=dict)


def made(case: Case, stream: str) -> Method:
    """The method on the golden tower."""
    kind = METHODS[case.kind] if isinstance(case.kind, str) else type("Given", (case.kind,), {"stream": stream})
    prototypes, clean = golden()[case.prototypes], golden()["closed/images"]
    settings = AdaptationSettings(**{"learning_rate": 1e-3, "steps": 5, **case.settings})
    prototypes = torch.from_numpy(prototypes[0] if case.prototypes == TEMPLATE else prototypes)
    about = {
        "class_names": tuple(golden()["text/class_names"]),
        "templates": ("a photo of a {}.",),
        "clean_images": lambda index: torch.from_numpy(clean[index]).float(),
    }
    return method_of(kind, golden_backbone(), prototypes, settings, about=about, **case.own)


def follow(method: Method, stream: str) -> Iterator[tuple[list[Progress], list[float]]]:
    """Works through the stream: all that the method yields of a batch, and the losses that went backward, in order.

    Of a method that trains without ``passes`` it is the sum of each step's terms.
    """
    state, backward = method.start(), []
    if isinstance(method, AdaptingMethod):
        make = method.passes

        def passes(parameters: Tensor) -> Passes:
            given = make(parameters)
            gradient = given.gradient
            given.gradient = lambda loss, *others: backward.append(loss.item()) or gradient(loss, *others)
            return given

        method.passes = passes
    for index, images in enumerate(golden()[f"{stream}/images"]):
        moments = list(method.adapt(torch.from_numpy(images).float(), state, seed=index))
        state = moments[-1].state
        yield moments, backward or [float(sum(moment.losses.values())) for moment in moments if moment.losses]
        backward.clear()
