"""The training of the built-in tiny CLIP: batches, one step, and what is done with weights between two rounds."""

from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from cliptta_demo.backend.data.pictures import PictureWorld
from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from cliptta_demo.backend.models.tiny_tower import WIDE, TinyTower
from training.batches import Batches
from training.caption_tokens import encode_captions, tokenize_all, use_compact_vocabulary
from training.captions import TEMPLATES, build_caption_table
from training.earlier_model import EarlierModel
from training.evaluation import Evaluation, normalise, precision
from training.narrowing import blocks_of, importance, narrowed
from training.photos import CIFAR10_CLASSES
from training.tiny_imagenet import VALIDATION, read_kinds
from training.training_settings import Round, TrainingSettings, schedule

IGNORED = -1e4  # as a logit: neither right nor wrong


class Trainer:
    """Owns model, optimisers and data; ``step(i)`` trains on the i-th batch.

    Args:
        settings: see there.
        cifar: directory of the two parquet files.
        world: the pictures, with all styles that training may use.
        has_style: ``(sprites, styles)`` bool, which sprite may be drawn in which style.
        imagenet: directory of Tiny ImageNet's two parquet files, where a round takes photographs of them.
        work: where decoded photographs are kept between two runs.
        learn_from: folder of an earlier model, whose probabilities for CIFAR-10 and pictures are learnt too.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        cifar: Path,
        world: PictureWorld,
        has_style: Tensor,
        imagenet: Path | None = None,
        work: Path | None = None,
        learn_from: Path | None = None,
    ) -> None:
        self.settings = settings
        self.batches = Batches(settings, cifar, world, has_style, imagenet, work)
        self.table = build_caption_table(world, read_kinds(imagenet / VALIDATION) if imagenet else ())
        torch.manual_seed(settings.seed)
        self.model = open_clip.create_model(f"local-dir:{TINY_DIRECTORY}", load_weights=False)
        self.model.visual.trunk = TinyTower(self.model.visual.trunk.head.out_features, inner=WIDE)
        self.teacher: nn.Module | None = None  # the wide tower, once it is narrowed
        self.tokens = tokenize_all(self.table.captions)  # (T, M, context)
        self.token_ids = use_compact_vocabulary(self.model, self.tokens)
        self.earlier: EarlierModel | None = None
        if learn_from:
            known = frozenset(build_caption_table(world).captions)
            self.earlier = EarlierModel(learn_from, self.table.captions, known)
        self.evaluation = Evaluation(cifar, world, self.token_ids, settings.evaluation_images, imagenet)
        self.before: dict[str, Tensor] = {}  # the weights before the present round
        self.mean: dict[str, Tensor] = {}  # of the present round's last weights
        self.averaged = 0
        self._build_optimizers()

    def _build_optimizers(self) -> None:
        settings = self.settings
        # Muon (Jordan et al. 2024) takes matrices: a convolution goes in as (outputs, all else), a view of itself.
        self.matrices = [
            p
            for name, p in self.model.named_parameters()
            if p.requires_grad and (p.ndim == 4 or (p.ndim == 2 and ".resblocks." in name))
        ]
        self.matrix_views = [nn.Parameter(p.detach().flatten(1)) for p in self.matrices]
        chosen = set(map(id, self.matrices))
        rest = [p for p in self.model.parameters() if p.requires_grad and id(p) not in chosen]
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
        return self.batches(step)

    def _captions(self, step: int, kinds: Tensor, generator: torch.Generator) -> Tensor:
        """The captions of a batch ``(M,)``, each once.

        Every picture gets a caption of its own. Photos share a few for each class, since they have so few words: all
        classes are named whether the batch shows them or not, so each photo is told apart from all other classes.
        """
        photos = torch.arange(len(CIFAR10_CLASSES)).repeat(self.settings.captions_per_photo_class)
        pictures = kinds[(kinds >= len(CIFAR10_CLASSES)) & (kinds < self.batches.first_imagenet)]
        if not self.settings.imagenet_share_at(step):
            return self.table.draw(torch.cat([photos, pictures]), generator).unique()
        imagenet = torch.arange(self.batches.first_imagenet, len(self.table.truth))
        drawn = self.table.draw(torch.cat([photos, pictures, imagenet]), generator)
        half = torch.rand(len(self.table.above), generator=generator) < 0.5
        return torch.cat([drawn, self.table.above[half]]).unique()

    def step(self, step: int) -> float:
        """One training step; returns the loss."""
        settings = self.settings
        for optimizer, rate in ((self.adam, settings.learning_rate), (self.muon, settings.matrix_learning_rate)):
            for group in optimizer.param_groups:
                group["lr"] = rate * schedule(step, settings)
        images, kinds = self.batch(step)
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step + 500_009)
        captions = self._captions(step, kinds, generator)
        templates = torch.randint(len(TEMPLATES), (len(captions),), generator=generator)
        truth = self.table.truth[kinds][:, captions]  # (N, M): how much caption j is true of image i
        unknown = self.table.unknown[kinds][:, captions]
        # Of torch's attention kernels the plain one is five times as fast on 16 tokens in bfloat16.
        with precision(), sdpa_kernel(SDPBackend.MATH):
            pixels = normalise(self.model, images)
            image_features = self.model.encode_image(pixels, normalize=True)
            text_features = encode_captions(self.model, self.tokens[templates, captions])
        scale = self.model.logit_scale.exp().clamp(max=settings.max_logit_scale)
        plain = scale * image_features.float() @ text_features.float().T
        logits = plain.masked_fill(unknown, IGNORED)
        loss = (_soft_cross_entropy(logits, truth) + _soft_cross_entropy(logits.T, truth.T)) / 2
        if self.teacher:
            with torch.no_grad(), precision():
                wanted = F.normalize(self.teacher(pixels).float(), dim=1)
            loss = loss + settings.teacher_weight * (1 - (image_features.float() * wanted).sum(1).mean())
        if self.earlier:
            known = kinds < self.batches.first_imagenet
            loss = loss + settings.earlier_weight * self.earlier.loss(pixels[known], plain[known], captions)
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for view, parameter in zip(self.matrix_views, self.matrices, strict=True):
            view.grad = parameter.grad.flatten(1)
        self.adam.step()
        self.muon.step()
        return loss.item()

    def start_from(self, weights: Path) -> None:
        """Begins the first round with what :meth:`export` wrote; words unknown to it keep the embeddings they have.

        The tower takes the widths of those weights, so that a run can go on from another's end.
        """
        state = load_file(weights)
        trunk = self.model.visual.trunk
        blocks = [f"visual.trunk.stages.{n}.first.0.weight" for n, _ in trunk.stages.named_children()]
        inner = [len(state[name]) for name in blocks if name in state]
        self.model.visual.trunk = TinyTower(trunk.head.out_features, inner=inner)
        rows = state["token_embedding.weight"].float()[self.token_ids]
        known = rows.any(1, keepdim=True)
        state["token_embedding.weight"] = torch.where(known, rows, self.model.token_embedding.weight.detach())
        self.model.load_state_dict(state)
        first, _ = self.settings.round_at(0)
        self._begin(first, 0)

    def weights(self) -> dict[str, Tensor]:
        """A copy of the model's present weights and statistics."""
        return {name: value.clone() for name, value in self.model.state_dict().items()}

    def finish(self, step: int) -> None:
        """What is to be done with the weights after a step: averaged in a round's last part, mixed at its end.

        Sources: Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018;
        Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022 (a mixture can read better on all data sets
        than either end).
        """
        settings = self.settings
        if settings.averaged_at(step):
            self.averaged += 1
            now = self.weights()
            self.mean = {n: _between(self.mean[n], now[n], 1 / self.averaged) for n in now} if self.mean else now
        if step + 1 not in settings.ends:
            return
        if self.mean:
            self.model.load_state_dict(self.mean)
            self.mean, self.averaged = {}, 0
        if over := settings.round_at(step):
            now = self.model.state_dict()
            self.model.load_state_dict({n: _between(self.before[n], now[n], over[0].weight) for n in now})
        if following := settings.round_at(step + 1):
            self._begin(following[0], step + 1)

    def _begin(self, part: Round, step: int) -> None:
        if part.new_optimisers:
            state = self.model.state_dict()
            self.model.load_state_dict({n: v.half().float() if v.is_floating_point() else v for n, v in state.items()})
        if part.inner and list(part.inner) != _inner_widths(self.model.visual.trunk):
            wide = self.model.visual.trunk
            images, _ = self.batch(step)
            self.model.visual.trunk = narrowed(wide, importance(wide, normalise(self.model, images)), part.inner)
            if part.taught:
                self._learn_from(wide)
        if part.new_optimisers:
            self._build_optimizers()
        self.before = self.weights()

    def _learn_from(self, wide: TinyTower) -> None:
        """Makes the present tower the wide one's pupil; from here on the tower alone is trained.

        Source: Hinton et al., "Distilling the knowledge in a neural network", 2015.
        """
        self.teacher = wide.requires_grad_(False).eval()
        self.model.requires_grad_(False)
        self.model.visual.requires_grad_(True)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "model": self.model.state_dict(),
            "before": self.before,
            "inner": _inner_widths(self.model.visual.trunk),
            "teacher": self.teacher.state_dict() if self.teacher else None,
            "mean": self.mean,
            "averaged": self.averaged,
            "adam": self.adam.state_dict(),
            "muon": self.muon.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from what :meth:`state` gave."""
        wide = self.model.visual.trunk
        self.model.visual.trunk = TinyTower(wide.head.out_features, inner=state["inner"])
        if state["teacher"]:
            wide.load_state_dict(state["teacher"])
            self._learn_from(wide)
        self._build_optimizers()
        self.model.load_state_dict(state["model"])
        self.before, self.mean, self.averaged = state["before"], state["mean"], state["averaged"]
        self.adam.load_state_dict(state["adam"])
        self.muon.load_state_dict(state["muon"])

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


def _inner_widths(tower: TinyTower) -> list[int]:
    return [block.first[0].out_channels for block in blocks_of(tower)]


def _between(first: Tensor, second: Tensor, share: float) -> Tensor:
    return torch.lerp(first, second, share) if second.is_floating_point() else second


def _soft_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    target = F.normalize(truth, p=1, dim=1)
    return -(target * logits.log_softmax(1)).sum(1).mean()
