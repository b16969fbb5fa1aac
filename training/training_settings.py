"""Settings of a training run of the tiny CLIP, and what they say of each step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cliptta_demo.backend.models.tiny_tower import DEEP, NARROW


@dataclass(frozen=True, kw_only=True)
class Round:
    """Further steps after the main ones: from a higher rate straight down, to zero as a rule."""

    steps: int
    rate: float  # of the full learning rates, at its start
    photo_share: float  # CIFAR-10's part of each batch; what no share names are pictures
    light_share: float  # its last part, with photos as they will be seen: hardly augmented, colours left alone
    warmup: int = 100
    end_rate: float = 0.0  # of the full learning rates, at its end
    imagenet_share: float = 0.0  # Tiny ImageNet's part of each batch
    small: bool = False  # at the smaller image size
    sharpened: bool = False  # half of the photos
    inner: tuple[int, ...] | None = None  # the tower's blocks are narrowed to these channels first
    taught: bool = False  # and from then on the tower learns from what it was
    new_optimisers: bool = True  # and weights rounded to half precision first, as a file holds them
    mean_share: float = 0.0  # its last part, whose weights are averaged; the mean counts as its end
    weight: float = 1.0  # of its end in the weights that go on; the rest are those before it


ROUNDS = (
    Round(steps=500, rate=0.15, photo_share=0.8, light_share=1.0, warmup=0, new_optimisers=False),
    Round(
        steps=2500,
        rate=0.4,
        photo_share=0.75,
        light_share=0.5,
        warmup=0,
        sharpened=True,
        new_optimisers=False,
        weight=0.25,
    ),
    Round(steps=2000, rate=0.3, photo_share=0.8, light_share=0.6, sharpened=True, mean_share=0.3, weight=0.15),
    Round(steps=3500, rate=0.3, photo_share=0.8, light_share=0.5, inner=NARROW, taught=True),
    Round(steps=3000, rate=0.2, photo_share=0.8, light_share=0.7, weight=0.5),
    Round(steps=500, rate=0.15, photo_share=0.8, light_share=1.0, sharpened=True, weight=0.5),
)

# After the wide rounds, in place of the narrow ones: photographs of Tiny ImageNet's 200 kinds too.
_SMALL = Round(steps=1500, rate=1.0, end_rate=1.0, photo_share=0.15, light_share=0, imagenet_share=0.65, small=True)
_LARGE = Round(steps=1500, rate=1.0, photo_share=0.2, light_share=0, imagenet_share=0.6, warmup=0, new_optimisers=False)
PHOTO_ROUNDS = (
    replace(_SMALL, warmup=150, inner=DEEP),
    *[replace(_SMALL, warmup=0, new_optimisers=False)] * 2,
    replace(_LARGE, rate=1.0, end_rate=0.6),
    replace(_LARGE, rate=0.6, end_rate=0.25, imagenet_share=0.5),  # pictures want more room at the end
    replace(_LARGE, rate=0.25, imagenet_share=0.5, light_share=0.5),
)
# From where those ended: CIFAR-10's photos and art of styles unseen were what had suffered.
_ON = Round(steps=3000, rate=0.45, end_rate=0.2, photo_share=0.42, light_share=0, imagenet_share=0.28)
LATER_ROUNDS = (_ON, replace(_ON, rate=0.2, end_rate=0, warmup=0, new_optimisers=False, light_share=0.6))
# And these still, when Tiny ImageNet's photographs were read well enough.
LAST_ROUNDS = tuple(
    replace(part, photo_share=0.53, imagenet_share=0.17, light_share=0.7 * part.light_share) for part in LATER_ROUNDS
)
WIDE_ROUNDS = ROUNDS[: [part.taught for part in ROUNDS].index(True)]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of one training run; the defaults made the shipped weights."""

    main_steps: int = 9000
    rounds: tuple[Round, ...] = ROUNDS
    batch_size: int = 256  # images of one contrastive comparison
    photo_share: float = 0.5  # the rest are pictures
    late_share: float = 4 / 9  # the last part of the main steps: the pictures are learnt, photos get more of each batch
    late_photo_share: float = 0.7
    class_share: float = 0.6  # of the pictures, how many come from the named classes (the rest from all sprites)
    shipped_style_weight: float = 2.0  # how much oftener a shipped style is drawn than one for training alone
    captions_per_photo_class: int = 3
    teacher_weight: float = 10.0  # of 1 − cosine between the narrow and the wide tower's embeddings, beside CLIP's loss
    earlier_weight: float = 1.5  # of what an earlier model says of CIFAR-10 and pictures, beside CLIP's loss
    learning_rate: float = 2e-3  # of AdamW: embeddings, normalisation, projections
    matrix_learning_rate: float = 2e-2  # of Muon: convolutions and the transformer's matrices
    matrix_weight_decay: float = 0.025
    weight_decay: float = 0.05
    warmup: int = 300
    decay_share: float = 0.6  # the last part of the main steps, in which the learning rates fall to zero
    small_share: float = 0.5  # the first part of the main steps, at a smaller image size: nearly twice as fast
    small_size: int = 48
    max_logit_scale: float = 100.0  # OpenAI's own ceiling
    evaluation_images: int = 2000  # per data set, at every checkpoint
    seed: int = 0

    @property
    def ends(self) -> tuple[int, ...]:
        """The steps after which the main part and each round are over."""
        ends = [self.main_steps]
        for part in self.rounds:
            ends.append(ends[-1] + part.steps)
        return tuple(ends)

    @property
    def all_steps(self) -> int:
        """Those of the main part and of all rounds."""
        return self.ends[-1]

    def round_at(self, step: int) -> tuple[Round, int] | None:
        """The round of a step, and how many of its steps lie before; None in the main part."""
        for part, begin in zip(self.rounds, self.ends, strict=False):
            if begin <= step < begin + part.steps:
                return part, step - begin
        return None

    def lightly_at(self, step: int) -> bool:
        """Whether photos are hardly augmented and colours left alone."""
        return (found := self.round_at(step)) is not None and _in_last_part(*found, found[0].light_share)

    def averaged_at(self, step: int) -> bool:
        """Whether the weights after this step go into the round's mean."""
        return (found := self.round_at(step)) is not None and _in_last_part(*found, found[0].mean_share)

    def small_at(self, step: int) -> bool:
        """Whether images have the smaller size."""
        if found := self.round_at(step):
            return found[0].small
        return step < self.small_share * self.main_steps

    def imagenet_share_at(self, step: int) -> float:
        """Which part of a batch are Tiny ImageNet's photographs."""
        return found[0].imagenet_share if (found := self.round_at(step)) else 0.0

    def sharpened_at(self, step: int) -> bool:
        """Whether half of the photos are sharpened."""
        return (found := self.round_at(step)) is not None and found[0].sharpened

    def photo_share_at(self, step: int) -> float:
        """Which part of a batch are CIFAR-10's photos."""
        if found := self.round_at(step):
            return found[0].photo_share
        late = step >= self.main_steps - round(self.late_share * self.main_steps)
        return self.late_photo_share if late else self.photo_share

    def shortened(self, share: float) -> TrainingSettings:
        """The same with ``share`` of all steps, at least one in each part: for a quick look."""
        if not 0 < share <= 1:
            raise ValueError(f"share is {share}; it must be above 0, at most 1.")
        rounds = tuple(replace(part, steps=max(1, round(share * part.steps))) for part in self.rounds)
        return replace(self, main_steps=math.ceil(share * self.main_steps), rounds=rounds)


def _in_last_part(part: Round, step: int, share: float) -> bool:
    return step >= part.steps - round(share * part.steps)


def schedule(step: int, settings: TrainingSettings) -> float:
    """Share of the full learning rate: up in the warm-up, level, straight down to zero; then a slope for each round."""
    if found := settings.round_at(step):
        part, done = found
        rise = min(1.0, (done + 1) / part.warmup) if part.warmup else 1.0
        return rise * (part.end_rate + (part.rate - part.end_rate) * (part.steps - done) / part.steps)
    rise = min(1.0, (step + 1) / settings.warmup)
    fall = (settings.main_steps - step) / (settings.main_steps * settings.decay_share)
    return min(rise, fall, 1.0)
