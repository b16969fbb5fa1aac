"""A smoke test of the training: it learns, resumes after a kill with the same numbers, and exports a loadable model."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from small_data import few_pictures, write_photos

from cliptta_demo.backend.data.pictures import STYLES, UNSEEN_STYLE, PictureWorld
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.offered import TINY_DIRECTORY
from cliptta_demo.backend.models.tiny_tower import NARROW, WIDE
from training import train_tiny
from training.evaluation import IMAGE_SIZE
from training.extra_styles import EXTRA_STYLES, add_training_styles
from training.narrowing import blocks_of
from training.photos import augment, load_cifar10, sharpen, vary_colours
from training.trainer import Trainer
from training.training_settings import ROUNDS, Round, TrainingSettings, schedule

CLASSES = ("cat", "dog", "horse", "bird", "ship", "car", "tree", "cup")
needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="training needs torch 2.9 or newer")


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parquet files in CIFAR-10's hub layout; each class is a colour, so that it can be learnt in seconds."""
    folder = tmp_path_factory.mktemp("cifar")
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        labels = [index % 10 for index in range(100)]
        images = np.stack(
            [np.full((32, 32, 3), (20 + 20 * label, 220 - 20 * label, 128), np.uint8) for label in labels]
        )
        images += generator.integers(0, 8, images.shape, dtype=np.uint8)
        write_photos(folder / f"cifar10-{split}.parquet", "img", images, labels)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> PictureWorld:
    """A few of the pictures: captions, art and inked art of all would be made anew for every training."""
    names = ("cat face", "balloon", "teacup without handle", "flag: japan")
    return few_pictures(tmp_path_factory.mktemp("pictures") / "few", CLASSES, names)


@pytest.fixture
def train(world: PictureWorld, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The training itself, on these."""
    monkeypatch.setattr(train_tiny, "picture_world", lambda: world)
    return train_tiny.train


def test_photos_are_read_and_augmented_with_geometry_only(cifar: Path) -> None:
    images, labels = load_cifar10(cifar / "cifar10-train.parquet")
    assert images.shape == (100, 3, 32, 32)
    assert labels[:10].tolist() == list(range(10))
    changed = augment(images, 64, torch.Generator().manual_seed(0))
    assert changed.shape == (100, 3, 64, 64)
    means = changed.float().mean(dim=(2, 3)) - images.float().mean(dim=(2, 3))
    assert means.abs().max() < 4  # colours stay as they are


def test_colour_variation_keeps_brightness_and_half_of_the_images() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(60, 196, (200, 3, 8, 8), generator=generator).to(torch.uint8)
    changed = vary_colours(images, generator)
    same = (changed == images).flatten(1).all(1).float().mean()
    assert 0.35 < same < 0.65
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    difference = ((changed.float() - images.float()) * weights).sum(1)
    assert difference.abs().mean() < 1.0  # of 255; what is left is rounding and clipping
    assert (changed.float() - images.float()).abs().mean() > 5


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``node_modules`` whose icon packages hold two icons, one under a name without its hyphens."""
    root = tmp_path_factory.mktemp("packages")
    circle = {"body": '<circle cx="8" cy="8" r="8" fill="#0000ff"/>'}
    square = {"body": '<path d="M0 0h32v32H0z" fill="currentColor"/>', "width": 32, "height": 32}
    for style in EXTRA_STYLES:
        folder = root / "@iconify-json" / style
        folder.mkdir(parents=True)
        icons = {"cat-face": circle, "balloon": square, "teacupwithouthandle": circle, "flag-japan": circle}
        (folder / "icons.json").write_text(json.dumps({"icons": icons, "width": 16, "height": 16}))
    return root


def test_training_styles_are_drawn_by_name_and_the_unseen_style_is_not_among_them(
    world: PictureWorld, packages: Path, tmp_path: Path
) -> None:
    shipped = world
    world, has_style = add_training_styles(shipped, packages, tmp_path / "cache.pt")
    styles = list(world.cells)
    assert tuple(styles[: len(STYLES)]) == STYLES
    assert not has_style[:, styles.index(UNSEEN_STYLE)].any()
    ids = {sprite.name: sprite.id for sprite in world.sprites}
    drawn = has_style[:, styles.index("fxemoji")]
    assert drawn.nonzero().flatten().tolist() == sorted(
        ids[n] for n in ("cat face", "balloon", "teacup without handle")
    )
    blue = world.level("fxemoji", 64)[ids["cat face"]]
    assert blue[:, 32, 32].tolist() == [0, 0, 255, 255]
    inked = world.level("emojione inked", 64)[ids["cat face"]]
    assert inked[:, 32, 32].tolist() == [0, 0, 255, 255]  # lines at the outline only
    assert inked[:, 32, 1].tolist() == [0, 0, 0, 255]
    cached, again = add_training_styles(shipped, packages, tmp_path / "cache.pt")
    assert torch.equal(again, has_style)
    assert torch.equal(cached.level("fxemoji", 32), world.level("fxemoji", 32))
    with pytest.raises(UserError, match=r"icons\.json is missing"):
        add_training_styles(shipped, tmp_path)


def test_sharpening_adds_fine_detail_to_half_of_the_images_and_keeps_the_rest() -> None:
    generator = torch.Generator().manual_seed(0)
    soft = torch.nn.functional.interpolate(
        torch.randint(60, 196, (200, 3, 8, 8), generator=generator).float(), scale_factor=2, mode="bilinear"
    ).to(torch.uint8)
    changed = sharpen(soft, generator)
    same = (changed == soft).flatten(1).all(1)
    assert 0.35 < same.float().mean() < 0.65

    def detail(images: torch.Tensor) -> torch.Tensor:
        return (images[..., 1:].float() - images[..., :-1].float()).square().mean(dim=(1, 2, 3))

    assert (detail(changed) > 1.05 * detail(soft)).float().mean() > 0.35
    assert (changed.float() - soft.float()).mean().abs() < 1  # brightness stays


def test_schedule_rises_stays_falls_to_zero_and_comes_again() -> None:
    settings = TrainingSettings(
        main_steps=100,
        warmup=10,
        decay_share=0.5,
        rounds=(
            Round(steps=10, rate=0.1, photo_share=0.8, light_share=1, warmup=0),
            Round(steps=50, rate=0.4, photo_share=0.75, light_share=0.4, warmup=0, sharpened=True),
            Round(steps=40, rate=0.2, photo_share=0.8, light_share=0.5, warmup=10, mean_share=0.25),
        ),
    )
    assert (settings.ends, settings.all_steps) == ((100, 110, 160, 200), 200)
    rates = [schedule(step, settings) for step in range(200)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:51] == [1.0] * 42
    assert rates[75] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.1)
    assert rates[110] == pytest.approx(0.4)
    assert rates[159] == pytest.approx(0.4 / 50)
    assert rates[160] == pytest.approx(0.2 / 10)
    assert rates[180] == pytest.approx(0.1)
    assert rates[199] == pytest.approx(0.2 / 40)  # the last step before zero
    assert [step for step in range(200) if settings.lightly_at(step)] == [
        *range(100, 110),
        *range(140, 160),
        *range(180, 200),
    ]
    assert [step for step in range(200) if settings.sharpened_at(step)] == [*range(110, 160)]
    assert [step for step in range(200) if settings.averaged_at(step)] == [*range(190, 200)]


def test_a_shortened_training_keeps_every_part() -> None:
    settings = TrainingSettings().shortened(0.001)
    assert settings.main_steps == 9
    assert [part.steps for part in settings.rounds] == [max(1, round(part.steps / 1000)) for part in ROUNDS]
    for share in (0, 1.5):
        with pytest.raises(ValueError, match=f"share is {share}; it must be above 0, at most 1"):
            TrainingSettings().shortened(share)


@needs_muon
def test_weights_are_averaged_mixed_and_rounded_between_rounds(cifar: Path, world: PictureWorld) -> None:
    world, has_style = add_training_styles(world, None)
    mixed = Round(steps=4, rate=0.1, photo_share=0.5, light_share=0, mean_share=0.75, weight=0.25)
    settings = TrainingSettings(main_steps=1, rounds=(mixed, mixed), batch_size=8)
    trainer = Trainer(settings, cifar, world, has_style)
    name = "logit_scale"

    def put(value: float) -> None:
        trainer.model.load_state_dict({**trainer.weights(), name: torch.tensor(value)})

    put(1 / 3)
    first_optimiser = trainer.adam
    trainer.finish(0)  # the main part is over
    half = torch.tensor(1 / 3).half().item()
    assert trainer.weights()[name].item() == half != pytest.approx(1 / 3)
    assert trainer.adam is not first_optimiser
    for step, value in enumerate((100.0, 1.0, 2.0, 6.0), start=1):  # the first of them is before the averaging
        put(value)
        trainer.finish(step)
    assert trainer.weights()[name].item() == pytest.approx(0.75 * half + 0.25 * 3, abs=1e-3)
    assert not trainer.mean


@needs_muon
def test_the_narrowed_tower_learns_from_the_wide_one_and_the_text_tower_stays(cifar: Path, world: PictureWorld) -> None:
    world, has_style = add_training_styles(world, None)
    last = Round(steps=2, rate=0.3, photo_share=0.5, light_share=0, warmup=0, inner=NARROW, taught=True)
    settings = TrainingSettings(main_steps=1, rounds=(last,), batch_size=8)
    trainer = Trainer(settings, cifar, world, has_style)
    wide = trainer.model.visual.trunk
    trainer.finish(0)
    narrow = trainer.model.visual.trunk
    assert [block.first[0].out_channels for block in blocks_of(trainer.teacher)] == list(WIDE)
    assert [block.first[0].out_channels for block in blocks_of(narrow)] == list(NARROW)
    assert torch.equal(wide.stem[0].weight, narrow.stem[0].weight)
    before = trainer.weights()
    with_teacher = trainer.step(1)
    changed = {name for name, value in trainer.weights().items() if not torch.equal(value, before[name])}
    assert "visual.trunk.stages.1.first.0.weight" in changed
    assert all(name.startswith("visual.") for name in changed)
    trainer.model.load_state_dict(before)
    trainer.teacher = None
    assert trainer.step(1) < with_teacher


@needs_muon
def test_batches_depend_on_seed_and_step_alone(cifar: Path, world: PictureWorld) -> None:
    world, has_style = add_training_styles(world, None)
    settings = TrainingSettings(main_steps=4, batch_size=16, late_share=0.25, rounds=())
    trainer = Trainer(settings, cifar, world, has_style)
    early, kinds = trainer.batch(1)
    trainer.batch(2)
    assert torch.equal(trainer.batch(1)[0], early)
    assert early.shape == (16, 3, settings.small_size, settings.small_size)
    assert trainer.batch(3)[0].shape[-1] == IMAGE_SIZE
    assert (kinds < 10).sum() == 8  # photos
    assert (trainer.batch(3)[1] < 10).sum() == 11
    assert all(world.sprites[kind - 10].split == "train" for kind in kinds.tolist() if kind >= 10)


@needs_muon
@pytest.mark.slow
def test_training_resumes_exactly_and_exports_a_model(train: Callable[..., None], cifar: Path, tmp_path: Path) -> None:
    kinds = (
        {"sharpened": True, "weight": 0.5, "new_optimisers": False},
        {"mean_share": 1, "weight": 0.5},
        {"inner": NARROW, "taught": True},
        {},
    )
    rounds = tuple(Round(steps=2, rate=0.3, photo_share=0.8, light_share=0.5, warmup=1, **kind) for kind in kinds)
    settings = TrainingSettings(main_steps=8, batch_size=16, warmup=2, rounds=rounds, evaluation_images=8)
    train(settings, cifar, None, tmp_path / "whole", tmp_path / "work-whole", every=4)

    class Killed(Exception):
        pass

    original = Trainer.step

    # In a round to be mixed, while weights are averaged, and in the narrowing round; each time behind a checkpoint.
    for last in (9, 11, 13):

        def dies(self: Trainer, step: int, last: int = last) -> float:
            if step == last:
                raise Killed
            return original(self, step)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "step", dies)
            with pytest.raises(Killed):
                train(settings, cifar, None, tmp_path / "broken", tmp_path / "work-broken", every=last)
    train(settings, cifar, None, tmp_path / "broken", tmp_path / "work-broken", every=16)

    whole = (tmp_path / "whole" / "open_clip_model.safetensors").read_bytes()
    assert (tmp_path / "broken" / "open_clip_model.safetensors").read_bytes() == whole
    curve = [json.loads(line) for line in (tmp_path / "work-whole" / "curve.jsonl").read_text().splitlines()]
    assert [line["step"] for line in curve] == [4, 8, 10, 12, 14, 16]
    assert curve[1]["loss"] < curve[0]["loss"]
    assert curve[5]["loss"] < curve[4]["loss"]  # the narrowed tower comes nearer to the wide one

    config = (TINY_DIRECTORY / "open_clip_config.json").read_text()
    config = config.replace("cliptta_tiny_deep", "cliptta_tiny")  # without Tiny ImageNet it is narrowed further
    (tmp_path / "whole" / "open_clip_config.json").write_text(config)
    model = open_clip.create_model(f"local-dir:{tmp_path / 'whole'}", require_pretrained=True)
    assert model.token_embedding.weight.shape[0] == 49408


@needs_muon
@pytest.mark.slow
def test_a_checkpoint_of_other_settings_is_refused(train: Callable[..., None], cifar: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(main_steps=1, rounds=(), batch_size=8, evaluation_images=8)
    places = (cifar, None, tmp_path / "out", tmp_path / "work", 1)
    train(settings, *places)
    with pytest.raises(ValueError, match="other settings"):
        train(replace(settings, seed=1), *places)
