"""The training of the built-in tiny CLIP: batches, one step, and what is done with weights between two rounds."""

from __future__ import annotations

from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from cliptta_demo.backend import tiny_tower  # noqa: F401  (registers the tower with timm)
from cliptta_demo.backend.backbones import TINY_DIRECTORY
from cliptta_demo.backend.data.pictures import STYLES, TRAINED_STYLES, UNSEEN_STYLE, PictureWorld, compose
from cliptta_demo.backend.data.sources import resize
from cliptta_demo.training.captions import TEMPLATES, build_caption_table
from cliptta_demo.training.photos import CIFAR10_CLASSES, augment, load_cifar10, sharpen, vary_colours
from cliptta_demo.training.training_settings import TrainingSettings, schedule

IMAGE_SIZE = 64
TRAINED_STYLE_IDS = tuple(map(STYLES.index, TRAINED_STYLES))
UNSEEN_STYLE_ID = STYLES.index(UNSEEN_STYLE)
EVALUATION_TEMPLATES = ("a photo of a {}.", "a picture of a {}.", "{}")


class Trainer:
    """Owns model, optimisers and data; ``step(i)`` trains on the i-th batch.

    Args:
        settings: see there.
        cifar: directory of the two parquet files.
        world: the pictures, with all styles that training may use.
        has_style: ``(sprites, styles)`` bool, which sprite may be drawn in which style.
    """

    def __init__(self, settings: TrainingSettings, cifar: Path, world: PictureWorld, has_style: Tensor) -> None:
        self.settings = settings
        self.world = world
        weight = torch.ones(has_style.shape[1])
        weight[list(TRAINED_STYLE_IDS)] = settings.shipped_style_weight
        self.style_weight = has_style * weight  # (sprites, styles)
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
        self.mean: dict[str, Tensor] = {}  # of the third round's last weights
        self.averaged = 0
        self._build_optimizers()

    def _build_optimizers(self) -> None:
        settings = self.settings
        # Muon (Jordan et al. 2024) takes matrices: a convolution goes in as (outputs, inputs × 9), a view of itself.
        self.matrices = [
            p for name, p in self.model.named_parameters() if p.ndim == 4 or (p.ndim == 2 and ".resblocks." in name)
        ]
        self.matrix_views = [nn.Parameter(p.detach().flatten(1)) for p in self.matrices]
        chosen = set(map(id, self.matrices))
        rest = [p for p in self.model.parameters() if id(p) not in chosen]
        self.adam = torch.optim.AdamW(
            [
                {"params": [p for p in rest if p.ndim >= 2], "weight_decay": settings.weight_decay},
                {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-6,
        )
        self.muon = torch.optim.Muon(
            self.matrix_views, lr=settings.matrix_learning_rate, weight_decay=settings.matrix_weight_decay
        )

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (N, 3, S, S) uint8 and kinds (N,) int64 of one step; a pure function of (seed, step)."""
        settings = self.settings
        size = settings.small_size if step < settings.small_share * settings.main_steps else IMAGE_SIZE
        lightly = settings.lightly_at(step)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        photo_count = round(settings.batch_size * settings.photo_share_at(step))
        picture_count = settings.batch_size - photo_count
        chosen = torch.randint(len(self.photos), (photo_count,), generator=generator)
        photos = augment(self.photos[chosen], size, generator, lightly=lightly)
        if step >= settings.first_steps:
            photos = sharpen(photos, generator)
        class_count = round(picture_count * settings.class_share)
        sprites = torch.cat(
            [
                self.class_sprites[torch.randint(len(self.class_sprites), (class_count,), generator=generator)],
                self.train_sprites[
                    torch.randint(len(self.train_sprites), (picture_count - class_count,), generator=generator)
                ],
            ]
        )
        styles = torch.multinomial(self.style_weight[sprites], 1, generator=generator).squeeze(1)
        pictures = compose(self.world, sprites, styles, size, generator)
        kinds = torch.cat([self.photo_labels[chosen], len(CIFAR10_CLASSES) + sprites])
        images = torch.cat([photos, pictures])
        return images if lightly else vary_colours(images, generator), kinds

    def _kinds_to_name(self, kinds: Tensor) -> Tensor:
        """Every picture gets a caption of its own; photos share a few for each class, since they have so few words."""
        photo_kinds = torch.arange(len(CIFAR10_CLASSES)).repeat(self.settings.captions_per_photo_class)
        return torch.cat([photo_kinds, kinds[kinds >= len(CIFAR10_CLASSES)]])

    def step(self, step: int) -> float:
        """One training step; returns the loss."""
        settings = self.settings
        for optimizer, rate in ((self.adam, settings.learning_rate), (self.muon, settings.matrix_learning_rate)):
            for group in optimizer.param_groups:
                group["lr"] = rate * schedule(step, settings)
        images, kinds = self.batch(step)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step + 500_009)
        captions = self.table.draw(self._kinds_to_name(kinds), generator)  # (M,)
        templates = torch.randint(len(TEMPLATES), (len(captions),), generator=generator)
        positives = self.table.truth[kinds][:, captions]  # (N, M): caption j is true of image i
        # Of torch's attention kernels the plain one is five times as fast on 16 tokens in bfloat16.
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            image_features = self.model.encode_image(normalise(self.model, images), normalize=True)
            text_features = self.model.encode_text(self.tokens[templates, captions], normalize=True)
        scale = self.model.logit_scale.exp().clamp(max=settings.max_logit_scale)
        logits = scale * image_features.float() @ text_features.float().T
        loss = (_soft_cross_entropy(logits, positives) + _soft_cross_entropy(logits.T, positives.T)) / 2
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for view, parameter in zip(self.matrix_views, self.matrices, strict=True):
            view.grad = parameter.grad.flatten(1)
        self.adam.step()
        self.muon.step()
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

    def weights(self) -> dict[str, Tensor]:
        """A copy of the model's present weights and statistics."""
        return {name: value.clone() for name, value in self.model.state_dict().items()}

    def mix_with(self, earlier: dict[str, Tensor], share: float) -> None:
        """Moves the weights back towards earlier ones, ``share`` of the present ones staying.

        Better on all data sets than either end. Source: Wortsman et al., "Robust fine-tuning of zero-shot models",
        CVPR 2022.
        """
        now = self.model.state_dict()
        self.model.load_state_dict({name: _between(earlier[name], now[name], share) for name in now})

    def begin_third_round(self) -> None:
        """Goes on from the weights as a file would hold them, in half precision, with new optimisers."""
        state = self.model.state_dict()
        self.model.load_state_dict({n: v.half().float() if v.is_floating_point() else v for n, v in state.items()})
        self._build_optimizers()

    def add_to_mean(self) -> None:
        """Takes the present weights into the mean of the third round's end.

        Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
        """
        self.averaged += 1
        now = self.weights()
        self.mean = {n: _between(self.mean[n], now[n], 1 / self.averaged) for n in now} if self.mean else now

    def export(self, directory: Path) -> None:
        """Writes ``open_clip_model.safetensors`` in half precision, with the full vocabulary again.

        The rows of tokens that no training caption contains are zero: an unknown word piece adds nothing.
        """
        state = self.weights()
        full = torch.zeros(49408, state["token_embedding.weight"].shape[1])
        full[self.token_ids] = state["token_embedding.weight"]
        state["token_embedding.weight"] = full
        directory.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: value.half().contiguous() for name, value in state.items()},
            directory / "open_clip_model.safetensors",
        )


def normalise(model: nn.Module, images: Tensor) -> Tensor:
    """uint8 ``(N, 3, H, W)`` → float, channels last, with the model's own mean and deviation."""
    config = open_clip.get_model_preprocess_cfg(model)
    mean = torch.tensor(config["mean"]).view(1, 3, 1, 1)
    std = torch.tensor(config["std"]).view(1, 3, 1, 1)
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def _between(first: Tensor, second: Tensor, share: float) -> Tensor:
    return torch.lerp(first, second, share) if second.is_floating_point() else second


def _soft_cross_entropy(logits: Tensor, positives: Tensor) -> Tensor:
    target = positives.float()
    return -(target / target.sum(1, keepdim=True).clamp_min(1) * logits.log_softmax(1)).sum(1).mean()


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
