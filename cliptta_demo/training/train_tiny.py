"""Trains the built-in tiny CLIP from scratch on a CPU, and resumes where it was stopped.

    python -m cliptta_demo.training.train_tiny --cifar DIRECTORY --out cliptta_demo/weights/tiny

DIRECTORY holds ``cifar10-train.parquet`` and ``cifar10-test.parquet`` in the Hugging Face layout. The loss is CLIP's
own symmetric contrastive loss; a caption that is also true of another image of the batch counts as a positive there.
Each step draws from a generator seeded by (seed, step): a resumed run sees the same images as an unbroken one.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cliptta_demo.backend import tiny_tower  # noqa: F401  (registers the tower with timm)
from cliptta_demo.backend.backbones import TINY_DIRECTORY
from cliptta_demo.backend.data.pictures import (
    STYLES,
    TRAINED_STYLES,
    UNSEEN_STYLE,
    PictureWorld,
    compose,
    picture_world,
)
from cliptta_demo.backend.data.sources import resize
from cliptta_demo.training.captions import TEMPLATES, build_caption_table
from cliptta_demo.training.photos import CIFAR10_CLASSES, augment, load_cifar10

IMAGE_SIZE = 64
TRAINED_STYLE_IDS = tuple(map(STYLES.index, TRAINED_STYLES))
UNSEEN_STYLE_ID = STYLES.index(UNSEEN_STYLE)
EVALUATION_TEMPLATES = ("a photo of a {}.", "a picture of a {}.", "{}")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of one training run; the defaults made the shipped weights."""

    steps: int = 6500
    batch_size: int = 256  # images of one contrastive comparison
    photo_share: float = 0.5  # the rest are pictures
    class_share: float = 0.6  # of the pictures, how many come from the named classes (the rest from all sprites)
    learning_rate: float = 2e-3
    warmup: int = 400
    weight_decay: float = 0.05
    max_logit_scale: float = 100.0  # OpenAI's own ceiling
    evaluation_images: int = 2000  # per data set, at every checkpoint
    seed: int = 0


class Trainer:
    """Owns model, optimiser and data; ``step(i)`` trains on the i-th batch."""

    def __init__(self, settings: TrainingSettings, cifar: Path, world: PictureWorld) -> None:
        self.settings = settings
        self.world = world
        self.table = build_caption_table(world)
        torch.manual_seed(settings.seed)
        self.model = open_clip.create_model(f"local-dir:{TINY_DIRECTORY}", load_weights=False)
        self.tokens = _tokenize_all(self.table.captions)  # (T, M, context)
        self.token_ids = _use_compact_vocabulary(self.model, self.tokens)
        self.photos, self.photo_labels = load_cifar10(cifar / "cifar10-train.parquet")
        self.test_photos, self.test_labels = load_cifar10(cifar / "cifar10-test.parquet")
        self.class_sprites = torch.tensor(
            sorted({sprite for ids in world.classes.values() for sprite in ids}), dtype=torch.int64
        )
        self.train_sprites = torch.tensor([s.id for s in world.sprites if s.split == "train"])
        decay = [p for p in self.model.parameters() if p.ndim >= 2]
        rest = [p for p in self.model.parameters() if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": settings.weight_decay}, {"params": rest, "weight_decay": 0.0}],
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-6,
        )

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (N, 3, 64, 64) uint8 and kinds (N,) int64 of one step; a pure function of (seed, step)."""
        settings = self.settings
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        photo_count = round(settings.batch_size * settings.photo_share)
        picture_count = settings.batch_size - photo_count
        chosen = torch.randint(len(self.photos), (photo_count,), generator=generator)
        photos = augment(self.photos[chosen], IMAGE_SIZE, generator)
        class_count = round(picture_count * settings.class_share)
        sprites = torch.cat(
            [
                self.class_sprites[torch.randint(len(self.class_sprites), (class_count,), generator=generator)],
                self.train_sprites[
                    torch.randint(len(self.train_sprites), (picture_count - class_count,), generator=generator)
                ],
            ]
        )
        styles = torch.randint(len(TRAINED_STYLE_IDS), (picture_count,), generator=generator)
        pictures = compose(self.world, sprites, styles, IMAGE_SIZE, generator)
        kinds = torch.cat([self.photo_labels[chosen], len(CIFAR10_CLASSES) + sprites])
        return torch.cat([photos, pictures]), kinds

    def step(self, step: int) -> float:
        """One training step; returns the loss."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * _schedule(step, settings)
        images, kinds = self.batch(step)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step + 500_009)
        captions = self.table.draw(kinds, generator)  # (N,)
        templates = torch.randint(len(TEMPLATES), (len(captions),), generator=generator)
        positives = self.table.truth[kinds][:, captions]  # (N, N): caption j is true of image i
        with torch.autocast("cpu", torch.bfloat16):
            image_features = self.model.encode_image(normalise(self.model, images), normalize=True)
            text_features = self.model.encode_text(self.tokens[templates, captions], normalize=True)
        scale = self.model.logit_scale.exp().clamp(max=settings.max_logit_scale)
        logits = scale * image_features.float() @ text_features.float().T
        loss = (_soft_cross_entropy(logits, positives) + _soft_cross_entropy(logits.T, positives.T)) / 2
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Zero-shot accuracy on CIFAR-10 test photos and on the named picture classes, each style apart."""
        self.model.eval()
        count = self.settings.evaluation_images
        result = {
            "photos": self._accuracy(
                resize(self.test_photos[:count], IMAGE_SIZE), self.test_labels[:count], CIFAR10_CLASSES
            )
        }
        names = tuple(self.world.classes)
        generator = torch.Generator().manual_seed(987_654_321)
        labels = torch.randint(len(names), (count,), generator=generator)
        sprites = torch.tensor(
            [
                self.world.classes[names[label]][
                    int(torch.randint(len(self.world.classes[names[label]]), (), generator=generator))
                ]
                for label in labels.tolist()
            ]
        )
        trained = torch.randint(len(TRAINED_STYLE_IDS), (count,), generator=generator)
        for key, styles in (("pictures", trained), ("unseen_style", torch.full_like(trained, UNSEEN_STYLE_ID))):
            images = compose(self.world, sprites, styles, IMAGE_SIZE, generator)
            result[key] = self._accuracy(images, labels, names)
        result["logit_scale"] = self.model.logit_scale.exp().item()
        self.model.train()
        return result

    def _accuracy(self, images: Tensor, labels: Tensor, names: tuple[str, ...]) -> float:
        tokenizer = open_clip.get_tokenizer(f"local-dir:{TINY_DIRECTORY}")
        prompts = tokenizer([template.format(name) for name in names for template in EVALUATION_TEMPLATES])
        compact = torch.searchsorted(self.token_ids, prompts).clamp(max=len(self.token_ids) - 1)
        text = self.model.encode_text(compact, normalize=True).view(len(names), len(EVALUATION_TEMPLATES), -1)
        prototypes = F.normalize(text.mean(1), dim=-1)
        right = 0
        for part, truth in zip(images.split(500), labels.split(500), strict=True):
            with torch.autocast("cpu", torch.bfloat16):
                features = self.model.encode_image(normalise(self.model, part), normalize=True)
            right += int(((features.float() @ prototypes.T).argmax(1) == truth).sum())
        return right / len(images)

    def export(self, directory: Path) -> None:
        """Writes ``open_clip_model.safetensors`` in half precision, with the full vocabulary again.

        The rows of tokens that no training caption contains are zero: an unknown word piece adds nothing.
        """
        state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        full = torch.zeros(49408, state["token_embedding.weight"].shape[1])
        full[self.token_ids] = state["token_embedding.weight"]
        state["token_embedding.weight"] = full
        directory.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.half().contiguous() for name, value in state.items()},
            directory / "open_clip_model.safetensors",
        )


def normalise(model: nn.Module, images: Tensor) -> Tensor:
    """uint8 ``(N, 3, H, W)`` → float with the model's own mean and standard deviation."""
    config = open_clip.get_model_preprocess_cfg(model)
    mean = torch.tensor(config["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(config["std"]).view(1, 3, 1, 1)
    return (images.float() / 255 - mean) / std


def _schedule(step: int, settings: TrainingSettings) -> float:
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    progress = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _soft_cross_entropy(logits: Tensor, positives: Tensor) -> Tensor:
    target = positives.float()
    return -(target / target.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()


def _tokenize_all(captions: tuple[str, ...]) -> Tensor:
    tokenizer = open_clip.get_tokenizer(f"local-dir:{TINY_DIRECTORY}")
    return torch.stack([tokenizer([template.format(c) for c in captions]) for template in TEMPLATES])


def _use_compact_vocabulary(model: nn.Module, tokens: Tensor) -> Tensor:
    """Replaces the 49,408-row embedding by the rows in use and renumbers ``tokens`` in place; returns the ids.

    Most rows never get a gradient; leaving them out saves a tenth of each step. The order of ids is kept, since
    open_clip finds the end-of-text token as the largest id.
    """
    ids = tokens.unique()
    model.token_embedding = nn.Embedding(len(ids), model.token_embedding.embedding_dim)
    nn.init.normal_(model.token_embedding.weight, std=0.02)
    tokens.copy_(torch.searchsorted(ids, tokens))
    return ids


def train(settings: TrainingSettings, cifar: Path, out: Path, work: Path, every: int = 500) -> None:
    """Trains to the end, writing a checkpoint and a line of the learning curve every ``every`` steps."""
    trainer = Trainer(settings, cifar, picture_world())
    checkpoint = work / "checkpoint.pt"
    work.mkdir(parents=True, exist_ok=True)
    start, seconds = 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        if saved["settings"] != asdict(settings):
            raise ValueError(f"{checkpoint} belongs to other settings: {saved['settings']}. Choose another --work.")
        trainer.model.load_state_dict(saved["model"])
        trainer.optimizer.load_state_dict(saved["optimizer"])
        start, seconds = saved["step"], saved["seconds"]
    losses: list[float] = []
    began = time.monotonic()
    for step in range(start, settings.steps):
        losses.append(trainer.step(step))
        done = step + 1
        if done % every == 0 or done == settings.steps:
            elapsed = seconds + time.monotonic() - began
            line = {"step": done, "images": done * settings.batch_size, "seconds": round(elapsed)}
            line |= {"loss": round(sum(losses) / len(losses), 4)}
            line |= {key: round(value, 4) for key, value in trainer.evaluate().items()}
            losses.clear()
            print(json.dumps(line), flush=True)
            with (work / "curve.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            partial = checkpoint.with_suffix(".partial")
            state = {"model": trainer.model.state_dict(), "optimizer": trainer.optimizer.state_dict()}
            torch.save({**state, "step": done, "seconds": elapsed, "settings": asdict(settings)}, partial)
            partial.replace(checkpoint)  # a kill leaves the old checkpoint or the new one, never half of one
            trainer.export(out)


def main() -> None:
    """Command line of the training."""
    defaults = TrainingSettings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, required=True, help="directory with the two CIFAR-10 parquet files")
    parser.add_argument("--out", type=Path, default=TINY_DIRECTORY, help="where the weights go")
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"), help="checkpoint and learning curve")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch-size", type=int, default=defaults.batch_size)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--every", type=int, default=500, help="steps between two checkpoints")
    arguments = parser.parse_args()
    settings = TrainingSettings(
        steps=arguments.steps,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
    )
    train(settings, arguments.cifar, arguments.out, arguments.work, arguments.every)


if __name__ == "__main__":
    main()
