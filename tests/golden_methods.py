"""The golden tower with its text side, and methods at work on the golden streams beside their authors' numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import open_clip.model
import torch
from paths import TESTS
from safetensors.torch import load_file
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.scores import max_log_probability
from cliptta_demo.backend.methods.task import Task
from cliptta_demo.backend.models.attention import keep_weights_in, replace_attention
from cliptta_demo.backend.models.backbone import Backbone, BackboneInfo
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.backend.models.text_tower import TextTower
from cliptta_demo.backend.settings import AdaptationSettings

GOLDEN = TESTS / "golden"
LOGIT_SCALE = 100.0
STREAMS = ("closed", "open")
NEAR = 1e-4  # the file's tolerance


@cache
def official() -> dict[str, np.ndarray]:
    """Images, prototypes and trajectories of CLIPTTA's release."""
    with np.load(GOLDEN / "official.npz") as archive:
        return {name: archive[name] for name in archive.files}


@cache
def golden() -> dict[str, np.ndarray]:
    """Trajectories of all other methods, and the text side."""
    with np.load(GOLDEN / "methods.npz") as archive:
        return {name: archive[name] for name in archive.files}


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
class Followed:
    """One batch of a trajectory.

    Attributes:
        batch: its number; moments: all that the method yielded; state: where it ended.
        losses: that went backward, in order; of a method that trains without ``passes``, the sum of each step's terms.
    """

    batch: int
    moments: list[Progress]
    state: AdaptationState | None
    losses: list[float]


def listen(method: Method) -> list[float]:
    """Every loss that the method sends backward through its ``passes`` from here on; the list grows as it does."""
    heard: list[float] = []
    if isinstance(method, AdaptingMethod):
        make = method.passes

        def passes(parameters: Tensor) -> Passes:
            made = make(parameters)
            gradient = made.gradient

            def told(loss: Tensor, *others: Tensor) -> Tensor:
                heard.append(loss.item())
                return gradient(loss, *others)

            made.gradient = told
            return made

        method.passes = passes
    return heard


@dataclass
class Trajectory:
    """A method at work on a golden stream.

    Args:
        name: in the golden file; stream: one of ``STREAMS``; kind: the method's name, or a class that stands for it.
        own: the method's own settings, by name; settings: others of AdaptationSettings than 1e-3 and 5 steps.
        prototypes: ``(C, d)``, None for the official ones; templates: of the task.
    """

    name: str
    stream: str
    kind: str | type[Method]
    own: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    prototypes: Tensor | None = None
    templates: tuple[str, ...] = ("a photo of a {}.",)
    arrange: Callable[[Method], None] = lambda method: None

    def method(self) -> Method:
        """The method on the golden tower."""
        kind = METHODS[self.kind] if isinstance(self.kind, str) else self.kind
        prototypes = torch.from_numpy(official()["class_prototypes"]) if self.prototypes is None else self.prototypes
        task = Task(
            backbone=golden_backbone(),
            prototypes=prototypes,
            settings=AdaptationSettings(**{"learning_rate": 1e-3, "steps": 5, **self.settings}),
            own=kind.own(**self.own) if kind.own else None,
            class_names=tuple(golden()["text/class_names"]),
            templates=self.templates,
        )
        method = kind(task)
        self.arrange(method)
        return method

    def expected(self, key: str) -> np.ndarray | None:
        """What the file has under ``key`` for this trajectory."""
        return golden().get(f"{self.name}/{self.stream}/{key}")

    def follow(self, method: Method) -> Iterator[Followed]:
        """Works through the stream, batch by batch."""
        state, backward = method.start(), listen(method)
        for index, images in enumerate(official()[f"{self.stream}/images"]):
            moments = list(method.adapt(torch.from_numpy(images).float(), state, seed=index))
            state = moments[-1].state
            told = [float(sum(moment.losses.values())) for moment in moments if moment.losses]
            yield Followed(index, moments, state, backward or told)
            backward.clear()

    def check(self, near_losses: float = NEAR) -> None:
        """Compares each batch's prediction and scores, each step's loss, and θ in the end, where the file has them."""
        method = self.method()
        for followed in self.follow(method):
            last = followed.moments[-1]
            outcome = last.cosines if last.logits is None else last.logits / LOGIT_SCALE
            if (logits := self.expected("logits")) is not None:
                np.testing.assert_allclose(outcome, logits[followed.batch], atol=NEAR, rtol=0)
                scores = self.expected("scores")[followed.batch]
                np.testing.assert_allclose(max_log_probability(outcome), scores, atol=NEAR, rtol=0)
            if (losses := self.expected("losses")) is not None:
                told = ~np.isnan(losses[followed.batch])  # a mean over nothing
                ours, theirs = np.array(followed.losses)[told], losses[followed.batch][told]
                np.testing.assert_allclose(ours, theirs, atol=near_losses, rtol=0)
        if (expected := self.expected("norm_params")) is not None:
            np.testing.assert_allclose(method.parameters(followed.state), expected, atol=NEAR, rtol=0)
