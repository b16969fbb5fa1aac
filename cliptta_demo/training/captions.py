"""Captions of the training images, and which caption is true of which image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cliptta_demo.backend.data.pictures import PictureWorld
from cliptta_demo.training.photos import CIFAR10_CLASSES, CIFAR10_SYNONYMS

# Prompt templates, so that the model reads a word in any of the usual sentences. Photos and pictures share them:
# the class prototype of "dog" must serve both.
TEMPLATES = (
    "{}",
    "{}.",
    "a {}",
    "the {}",
    "a photo of a {}",
    "a photo of a {}.",
    "a photo of the {}.",
    "a picture of a {}",
    "an image of a {}.",
    "a drawing of a {}.",
    "an icon of a {}",
    "this is a {}.",
)


@dataclass(frozen=True)
class CaptionTable:
    """All captions (without template) and, for each kind of image, which of them are true.

    Attributes:
        captions: M distinct phrases.
        truth: (K, M) bool; row k says which captions are true of image kind k. Kinds 0–9 are CIFAR-10's classes,
            kind 10 + s is sprite s.
        cumulative: (K, M) float; the running sum of how often each caption is drawn for that kind, up to 1.
    """

    captions: tuple[str, ...]
    truth: Tensor
    cumulative: Tensor

    def draw(self, kinds: Tensor, generator: torch.Generator) -> Tensor:
        """One caption index for each of the kinds ``(N,)``; returns ``(N,)`` int64."""
        chance = torch.rand(len(kinds), 1, generator=generator)
        drawn = torch.searchsorted(self.cumulative[kinds], chance, right=True)
        return drawn.squeeze(1).clamp(max=len(self.captions) - 1)


def build_caption_table(world: PictureWorld) -> CaptionTable:
    """Captions from CIFAR-10's names and synonyms and from the sprites' names, class names and keywords."""
    class_of_sprite: dict[int, list[str]] = {}
    for name, ids in {**world.classes, **world.near_strangers}.items():
        for sprite in ids:
            class_of_sprite.setdefault(sprite, []).append(name)
    kinds: list[dict[str, float]] = []
    for name in CIFAR10_CLASSES:
        words = CIFAR10_SYNONYMS[name]
        kinds.append({word: 2.0 if word == name else 1.0 for word in words})
    for sprite in world.sprites:
        weights: dict[str, float] = {sprite.name: 1.0}
        for word in sprite.keywords:
            weights.setdefault(word, 0.5 / max(1, len(sprite.keywords)))
        for name in class_of_sprite.get(sprite.id, []):
            weights[name] = weights.get(name, 0.0) + 2.0
            for words in CIFAR10_SYNONYMS.values():
                if name in words:  # the picture of a car is an automobile too
                    for word in words:
                        weights[word] = weights.get(word, 0.0) + 0.4
        kinds.append(weights)
    captions = sorted({word for weights in kinds for word in weights})
    index = {word: number for number, word in enumerate(captions)}
    weight = torch.zeros(len(kinds), len(captions))
    for row, weights in enumerate(kinds):
        for word, value in weights.items():
            weight[row, index[word]] = value
    return CaptionTable(tuple(captions), weight > 0, (weight / weight.sum(1, keepdim=True)).cumsum(1))
