"""The measurements behind the model card: each function returns plain numbers."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from cliptta_demo.backend.data.catalog import open_source, picture_class_names
from cliptta_demo.backend.data.decode import decode_files, sort_out
from cliptta_demo.backend.data.pictures import TRAINED_STYLES, UNSEEN_STYLE, picture_world
from cliptta_demo.backend.data.sources import GivenImages, PictureSource, Source, resize
from cliptta_demo.backend.models.backbone import Backbone
from training.photos import CIFAR10_CLASSES, NEAR_PHOTO_CLASSES, PHOTO_CLASSES, load_cifar10

EIGHT_TEMPLATES = (
    "{}",
    "a {}",
    "a photo of a {}.",
    "a picture of a {}.",
    "an image of a {}.",
    "a drawing of a {}.",
    "an icon of a {}",
    "this is a {}.",
)


def cifar_source(cifar: Path, image_size: int) -> GivenImages:
    """All 10,000 test photos, resized as the demo resizes any photo."""
    images, labels = load_cifar10(cifar / "cifar10-test.parquet")
    return GivenImages(resize(images, image_size), CIFAR10_CLASSES, labels)


def photo_source(photos: Path, image_size: int, near: bool = False) -> GivenImages:
    """The photographs of ``photos`` that show one of CIFAR-10's ten things, named as in ``PHOTO_CLASSES``.

    ``near`` takes those of ``NEAR_PHOTO_CLASSES`` too: things beside the ten, each under the nearest name.
    """
    named = {**PHOTO_CLASSES, **(NEAR_PHOTO_CLASSES if near else {})}
    files = sorted(path for path in photos.iterdir() if path.stem in named)
    images, kept, _ = sort_out(decode_files(files, [file.name for file in files], image_size), image_size)
    shown = [files[place] for place in kept]
    labels = [CIFAR10_CLASSES.index(named[file.stem]) for file in shown]
    return GivenImages(images, CIFAR10_CLASSES, torch.tensor(labels), tuple(file.name for file in shown))


@torch.no_grad()
def predict(backbone: Backbone, pixels: Tensor, class_names: Sequence[str], templates: Sequence[str] | None = None):
    """Zero-shot classes ``(N,)`` int64 of ``(N, 3, S, S)`` uint8 images."""
    prototypes = backbone.prototypes(class_names, templates)
    return torch.cat([(backbone.embed(part) @ prototypes.T).argmax(1) for part in pixels.split(256)])


def accuracy(backbone: Backbone, source: Source, count: int, templates: Sequence[str] | None = None) -> float:
    """Zero-shot accuracy over ``count`` images of a source (fewer where it has fewer)."""
    images = source.take(0, count, backbone.info.image_size, "shuffled", 0, count)
    predicted = predict(backbone, images.pixels, source.class_names, templates)
    return float((predicted == images.labels).float().mean())


def clean_accuracies(backbone: Backbone, cifar: Path | None, photos: Path | None, count: int) -> dict[str, float]:
    """Zero-shot accuracy on every clean data set, all classes of each."""
    names = picture_class_names()
    result = {
        f"pictures, trained styles ({len(names)} classes)": accuracy(backbone, open_source("pictures", names), count),
        f"pictures, unseen style ({len(names)} classes)": accuracy(backbone, open_source("unseen-style", names), count),
    }
    if cifar:
        result["CIFAR-10 test"] = accuracy(backbone, cifar_source(cifar, backbone.info.image_size), 10_000)
    if photos:
        for near, more in ((False, ""), (True, ", near things too")):
            source = photo_source(photos, backbone.info.image_size, near)
            result[f"photographs of CIFAR-10's ten{more} ({source.length()})"] = accuracy(backbone, source, 10_000)
    return result


def open_vocabulary(backbone: Backbone, count: int, words: int = 100) -> dict[str, float]:
    """Accuracy among ``words`` random emoji names, and over eight templates the lowest and the highest."""
    world = picture_world()
    named = [sprite for sprite in world.sprites if sprite.split == "train"]
    chosen = torch.randperm(len(named), generator=torch.Generator().manual_seed(0))[:words].tolist()
    groups = {named[i].name: (named[i].id,) for i in chosen}
    trained = PictureSource(world, groups, TRAINED_STYLES)
    by_template = [accuracy(backbone, trained, count, (template,)) for template in EIGHT_TEMPLATES]
    return {
        "trained styles": accuracy(backbone, trained, count),
        "unseen style": accuracy(backbone, PictureSource(world, groups, (UNSEEN_STYLE,)), count),
        "lowest of eight templates": min(by_template),
        "highest of eight templates": max(by_template),
    }
