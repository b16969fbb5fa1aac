"""The images of each training step: photos, pictures, and Tiny ImageNet's photographs where they take part."""

from pathlib import Path

import torch
from torch import Tensor

from cliptta_demo.backend.data.pictures import STYLES, TRAINED_STYLES, PictureWorld, compose
from training.evaluation import IMAGE_SIZE
from training.photos import CIFAR10_CLASSES, augment, load_cifar10, sharpen, vary_colours
from training.tiny_imagenet import TRAINING, load_tiny_imagenet
from training.training_settings import TrainingSettings

TRAINED_STYLE_IDS = tuple(map(STYLES.index, TRAINED_STYLES))


class Batches:
    """Draws the images of a step, from a generator seeded by (seed, step) alone.

    Args:
        settings: see there.
        cifar: directory of CIFAR-10's two parquet files.
        world: the pictures, with all styles that training may use.
        has_style: ``(sprites, styles)`` bool, which sprite may be drawn in which style.
        imagenet: directory of Tiny ImageNet's two parquet files, or None.
        work: where its decoded photographs are kept between two runs.

    Attributes:
        first_imagenet: the first of Tiny ImageNet's kinds (see :class:`CaptionTable` for those before).
    """

    def __init__(
        self,
        settings: TrainingSettings,
        cifar: Path,
        world: PictureWorld,
        has_style: Tensor,
        imagenet: Path | None,
        work: Path | None,
    ) -> None:
        self.settings, self.world = settings, world
        weight = torch.ones(has_style.shape[1])
        weight[list(TRAINED_STYLE_IDS)] = settings.shipped_style_weight
        self.style_weight = has_style * weight  # (sprites, styles)
        self.class_sprites = torch.tensor(
            sorted({sprite for ids in world.classes.values() for sprite in ids}), dtype=torch.int64
        )
        self.train_sprites = torch.tensor([s.id for s in world.sprites if s.split == "train"])
        self.photos, self.photo_labels = load_cifar10(cifar / "cifar10-train.parquet")
        self.first_imagenet = len(CIFAR10_CLASSES) + len(world.sprites)
        if imagenet:
            cache = work / "tiny-imagenet.pt" if work else None
            self.imagenet, self.imagenet_labels = load_tiny_imagenet(imagenet / TRAINING, cache)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (N, 3, S, S) uint8 and kinds (N,) int64 of one step."""
        settings = self.settings
        size = settings.small_size if settings.small_at(step) else IMAGE_SIZE
        lightly = settings.lightly_at(step)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        photo_count = round(settings.batch_size * settings.photo_share_at(step))
        imagenet_count = round(settings.batch_size * settings.imagenet_share_at(step))
        picture_count = settings.batch_size - photo_count - imagenet_count
        chosen = torch.randint(len(self.photos), (photo_count,), generator=generator)
        photos = augment(self.photos[chosen], size, generator, lightly=lightly)
        if settings.sharpened_at(step):
            photos = sharpen(photos, generator)
        sprites, pictures = self._pictures(picture_count, size, generator)
        images = [photos, pictures]
        kinds = [self.photo_labels[chosen], len(CIFAR10_CLASSES) + sprites]
        if imagenet_count:
            chosen = torch.randint(len(self.imagenet), (imagenet_count,), generator=generator)
            images.append(augment(self.imagenet[chosen], size, generator, lightly=lightly, small_share=0.0))
            kinds.append(self.first_imagenet + self.imagenet_labels[chosen])
        together = torch.cat(images)
        return together if lightly else vary_colours(together, generator), torch.cat(kinds)

    def _pictures(self, count: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sprites and their images."""
        class_count = round(count * self.settings.class_share)
        sprites = torch.cat(
            [
                self.class_sprites[torch.randint(len(self.class_sprites), (class_count,), generator=generator)],
                self.train_sprites[torch.randint(len(self.train_sprites), (count - class_count,), generator=generator)],
            ]
        )
        styles = torch.multinomial(self.style_weight[sprites], 1, generator=generator).squeeze(1)
        return sprites, compose(self.world, sprites, styles, size, generator)
