"""Settings of a training run of the tiny CLIP, and what they say of each step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Settings of one training run; the defaults made the shipped weights."""

    steps: int = 12_000  # of the first two rounds
    batch_size: int = 256  # images of one contrastive comparison
    photo_share: float = 0.5  # the rest are pictures
    late_share: float = 4 / 9  # the last part of the main steps: the pictures are learnt, photos get more of each batch
    late_photo_share: float = 0.7
    final_share: float = 1 / 24  # after the main steps: photos as they will be seen, hardly augmented
    final_photo_share: float = 0.8
    final_rate: float = 0.15  # of the full learning rates, falling to zero once more
    second_share: float = 5 / 24  # then a second round: once more from a higher rate, with sharpened photos
    second_photo_share: float = 0.75
    second_rate: float = 0.4
    second_light_share: float = 0.5  # the last part of the second round, hardly augmented
    second_weight: float = 0.25  # of the second round's end in the final weights; the rest is the first round's end
    third_share: float = 1 / 6  # of these steps, on top: a third round, with new optimisers
    third_photo_share: float = 0.8
    third_rate: float = 0.3
    third_warmup: int = 100
    third_light_share: float = 0.6  # the last part of the third round, hardly augmented
    third_mean_share: float = 0.3  # the last part of the third round, whose weights are averaged
    third_weight: float = 0.15  # of that mean in the final weights; the rest are those before the third round
    class_share: float = 0.6  # of the pictures, how many come from the named classes (the rest from all sprites)
    shipped_style_weight: float = 2.0  # how much oftener a shipped style is drawn than one for training alone
    captions_per_photo_class: int = 3
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
    def main_steps(self) -> int:
        """All but the final ones and the second round."""
        return round(self.steps * (1 - self.final_share - self.second_share))

    @property
    def first_steps(self) -> int:
        """All before the second round."""
        return round(self.steps * (1 - self.second_share))

    @property
    def third_steps(self) -> int:
        """Those of the third round."""
        return round(self.third_share * self.steps)

    @property
    def all_steps(self) -> int:
        """Those of all three rounds."""
        return self.steps + self.third_steps

    @property
    def mean_from(self) -> int:
        """The step from which on the third round's weights are averaged."""
        return self.all_steps - round(self.third_mean_share * self.third_steps)

    def lightly_at(self, step: int) -> bool:
        """Whether photos are hardly augmented and colours left alone."""
        if step >= self.steps:
            return step >= self.all_steps - round(self.third_light_share * self.third_steps)
        if step >= self.first_steps:
            return step >= self.steps - round(self.second_light_share * (self.steps - self.first_steps))
        return step >= self.main_steps

    def photo_share_at(self, step: int) -> float:
        """Which part of a batch are photos."""
        if step >= self.steps:
            return self.third_photo_share
        if step >= self.first_steps:
            return self.second_photo_share
        if step >= self.main_steps:
            return self.final_photo_share
        late = step >= self.main_steps - round(self.late_share * self.main_steps)
        return self.late_photo_share if late else self.photo_share


def schedule(step: int, settings: TrainingSettings) -> float:
    """Share of the full learning rate: up in the warm-up, level, straight down to zero; then in three more slopes."""
    main, first = settings.main_steps, settings.first_steps
    if step >= settings.steps:
        rise = min(1.0, (step - settings.steps + 1) / settings.third_warmup)
        return settings.third_rate * rise * (settings.all_steps - step) / max(1, settings.third_steps)
    if step >= first:
        return settings.second_rate * (settings.steps - step) / max(1, settings.steps - first)
    if step >= main:
        return settings.final_rate * (first - step) / max(1, first - main)
    rise = min(1.0, (step + 1) / settings.warmup)
    fall = (main - step) / (main * settings.decay_share)
    return min(rise, fall, 1.0)
