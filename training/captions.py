"""Captions of the training images, and which caption is true of which image."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cliptta_demo.backend.data.pictures import PictureWorld
from training.everyday_names import BROAD, words_above
from training.photos import CIFAR10_CLASSES, CIFAR10_SYNONYMS
from training.tiny_imagenet import PhotoKind

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


# Of a photograph's target over captions, how much the words above its kind have together; its own name has 1.
ABOVE_WEIGHT = 0.4


@dataclass(frozen=True)
class CaptionTable:
    """All captions (without template) and, for each kind of image, which of them are true.

    Kinds 0–9 are CIFAR-10's classes, kind 10 + s is sprite s, and those behind the sprites are Tiny ImageNet's.

    Attributes:
        captions: M distinct phrases.
        truth: (K, M) float; how much of the target each caption is for that image kind, 0 where it is not true.
        unknown: (K, M) bool; captions that may or may not be true of it: "tabby" of a cat of CIFAR-10's.
        cumulative: (K, M) float; the running sum of how often each caption is drawn for that kind, up to 1.
        above: captions that stand above Tiny ImageNet's kinds, int64.
    """

    captions: tuple[str, ...]
    truth: Tensor
    unknown: Tensor
    cumulative: Tensor
    above: Tensor

    def draw(self, kinds: Tensor, generator: torch.Generator) -> Tensor:
        """One caption index for each of the kinds ``(N,)``; returns ``(N,)`` int64."""
        chance = torch.rand(len(kinds), 1, generator=generator)
        drawn = torch.searchsorted(self.cumulative[kinds], chance, right=True)
        return drawn.squeeze(1).clamp(max=len(self.captions) - 1)


@dataclass
class _Kind:
    """One kind of image: how often each of its captions is drawn, what stands above it, what it may be too."""

    drawn: dict[str, float]
    above: set[str]
    maybe: set[str]


def build_caption_table(world: PictureWorld, photo_kinds: Sequence[PhotoKind] = ()) -> CaptionTable:
    """Captions of CIFAR-10, of the sprites and of Tiny ImageNet's kinds, where these take part.

    CIFAR-10 has names and synonyms, sprites have names, class names and keywords, Tiny ImageNet's kinds have WordNet's
    synonyms and the everyday words above them. A picture with the name of such a kind answers to all its names.
    """
    above = {kind.names[0]: _all_above(kind.names[0]) for kind in photo_kinds}
    below: dict[str, set[str]] = {}  # word -> the names of all kinds that it stands above
    for kind in photo_kinds:
        for word in above[kind.names[0]]:
            below.setdefault(word, set()).update(kind.names)
    everyday = set(below)
    kinds = [_cifar_kind(name, everyday, below) for name in CIFAR10_CLASSES]
    kinds += _sprite_kinds(world, photo_kinds, everyday, below)
    for kind in photo_kinds:
        drawn = dict.fromkeys(kind.names, 2 / len(kind.names))
        for name in (kind.names[0], kind.word.lower()):
            drawn[name] += 2.0
        kinds.append(_Kind(drawn, above[kind.names[0]], set()))
    return _table(kinds, everyday)


def _all_above(name: str) -> set[str]:
    """The words above a name, and the synonyms of those that CIFAR-10 names."""
    words = set(words_above(name))
    for same in CIFAR10_SYNONYMS.values():
        if words & set(same[:2]) and name not in same:
            words |= set(same)
    return words


def _cifar_kind(name: str, everyday: set[str], below: dict[str, set[str]]) -> _Kind:
    words = CIFAR10_SYNONYMS[name]
    lower = set().union(*(below.get(word, set()) for word in words))
    drawn = {word: 2.0 if word == name else 1.0 for word in words}
    return _Kind(drawn, _all_above(name) & everyday - set(words), lower)


def _sprite_kinds(
    world: PictureWorld, photo_kinds: Sequence[PhotoKind], everyday: set[str], below: dict[str, set[str]]
) -> list[_Kind]:
    class_of_sprite: dict[int, list[str]] = {}
    for name, ids in {**world.classes, **world.near_strangers}.items():
        for sprite in ids:
            class_of_sprite.setdefault(sprite, []).append(name)
    kinds = []
    for sprite in world.sprites:
        weights: dict[str, float] = {sprite.name: 1.0}
        for word in sprite.keywords:
            weights.setdefault(word, 0.5 / max(1, len(sprite.keywords)))
        names = {sprite.name, *class_of_sprite.get(sprite.id, [])}
        for name in class_of_sprite.get(sprite.id, []):
            weights[name] = weights.get(name, 0.0) + 2.0
            for words in CIFAR10_SYNONYMS.values():
                if name in words:  # the picture of a car is an automobile too
                    for word in words:
                        weights[word] = weights.get(word, 0.0) + 0.4
        for kind in photo_kinds:
            if names & {kind.names[0], kind.word.lower()}:
                for word in kind.names:
                    weights[word] = weights.get(word, 0.0) + 0.8 / len(kind.names)
        lower = set().union(*(below.get(name, set()) for name in names))
        kinds.append(_Kind(weights, set(), lower | everyday & set(BROAD)))
    return kinds


def _table(kinds: Sequence[_Kind], everyday: set[str]) -> CaptionTable:
    captions = sorted({word for kind in kinds for word in (*kind.drawn, *kind.above)})
    index = {word: number for number, word in enumerate(captions)}
    drawn, truth = torch.zeros(2, len(kinds), len(captions))
    unknown = torch.zeros(len(kinds), len(captions), dtype=torch.bool)
    for row, kind in enumerate(kinds):
        unknown[row, [index[word] for word in kind.maybe]] = True
        for word in kind.above:
            truth[row, index[word]] = ABOVE_WEIGHT / len(kind.above)
        for word, value in kind.drawn.items():
            drawn[row, index[word]], truth[row, index[word]] = value, 1.0
    return CaptionTable(
        tuple(captions),
        truth,
        unknown & (truth == 0),
        (drawn / drawn.sum(1, keepdim=True)).cumsum(1),
        torch.tensor(sorted(index[word] for word in everyday), dtype=torch.int64),
    )
