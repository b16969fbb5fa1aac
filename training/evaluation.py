"""How far the training has come: zero-shot accuracy on clean images that no step has seen."""

from pathlib import Path

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cliptta_demo.backend.data.pictures import STYLES, TRAINED_STYLES, UNSEEN_STYLE, PictureWorld, compose
from cliptta_demo.backend.data.sources import resize
from cliptta_demo.backend.models.loading import best_precision
from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from training.photos import CIFAR10_CLASSES, load_cifar10
from training.tiny_imagenet import VALIDATION, load_tiny_imagenet, read_kinds

IMAGE_SIZE = 64
TEMPLATES = ("a photo of a {}.", "a picture of a {}.", "{}")


class Evaluation:
    """CIFAR-10 test photos and the named picture classes, in the styles of training and in the unseen one.

    Args:
        cifar: directory of the two parquet files.
        world: the pictures.
        token_ids: ``(V,)`` int64, the tokens that the model's reduced vocabulary knows, in order.
        count: images of each data set.
        imagenet: directory of Tiny ImageNet's two parquet files, or None.
    """

    def __init__(
        self, cifar: Path, world: PictureWorld, token_ids: Tensor, count: int, imagenet: Path | None = None
    ) -> None:
        self.world, self.token_ids, self.count = world, token_ids, count
        self.tokenizer = open_clip.get_tokenizer(f"local-dir:{TINY_DIRECTORY}")
        photos, self.photo_labels = load_cifar10(cifar / "cifar10-test.parquet")
        self.photos = resize(photos[:count], IMAGE_SIZE)
        self.photo_labels = self.photo_labels[:count]
        self.imagenet = imagenet
        if imagenet:
            parquet = imagenet / VALIDATION
            images, labels = load_tiny_imagenet(parquet)
            chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:count]
            self.imagenet_images, self.imagenet_labels = images[chosen], labels[chosen]
            self.imagenet_names = tuple(kind.word for kind in read_kinds(parquet))

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Accuracies, 0 to 1, and the logit scale; the model is left in training mode."""
        model.eval()
        world, count = self.world, self.count
        result = {"photos": self._accuracy(model, self.photos, self.photo_labels, CIFAR10_CLASSES)}
        names = tuple(world.classes)
        generator = torch.Generator().manual_seed(987_654_321)
        labels = torch.randint(len(names), (count,), generator=generator)
        sprites = []
        for label in labels.tolist():
            members = world.classes[names[label]]
            sprites.append(members[int(torch.randint(len(members), (), generator=generator))])
        trained = torch.tensor(list(map(STYLES.index, TRAINED_STYLES)))
        styles = trained[torch.randint(len(trained), (count,), generator=generator)]
        unseen = torch.full_like(styles, STYLES.index(UNSEEN_STYLE))
        for key, chosen in (("pictures", styles), ("unseen_style", unseen)):
            images = compose(world, torch.tensor(sprites), chosen, IMAGE_SIZE, generator)
            result[key] = self._accuracy(model, images, labels, names)
        if self.imagenet:
            images, labels = self.imagenet_images, self.imagenet_labels
            result["tiny_imagenet"] = self._accuracy(model, images, labels, self.imagenet_names)
        result["logit_scale"] = model.logit_scale.exp().item()
        model.train()
        return result

    def _accuracy(self, model: nn.Module, images: Tensor, labels: Tensor, names: tuple[str, ...]) -> float:
        prompts = self.tokenizer([template.format(name) for name in names for template in TEMPLATES])
        compact = torch.searchsorted(self.token_ids, prompts).clamp(max=len(self.token_ids) - 1)
        text = model.encode_text(compact, normalize=True).view(len(names), len(TEMPLATES), -1)
        prototypes = F.normalize(text.mean(1), dim=-1)
        right = 0
        for part, truth in zip(images.split(500), labels.split(500), strict=True):
            with precision():
                features = model.encode_image(normalise(model, part), normalize=True)
            right += int(((features.float() @ prototypes.T).argmax(1) == truth).sum())
        return right / len(images)


def precision() -> torch.autocast:
    """In which products are made: bfloat16 where this processor is faster in it."""
    return torch.autocast("cpu", torch.bfloat16, enabled=best_precision("cpu") == "bfloat16")


def normalise(model: nn.Module, images: Tensor) -> Tensor:
    """uint8 ``(N, 3, H, W)`` → float, channels last, with the model's own mean and deviation."""
    config = open_clip.get_model_preprocess_cfg(model)
    mean = torch.tensor(config["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(config["std"]).view(1, 3, 1, 1)
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
