"""A smoke test of the training: it learns, resumes after a kill with the same numbers, and exports a loadable model."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import open_clip
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from cliptta_demo.backend.backbones import TINY_DIRECTORY
from cliptta_demo.backend.data.pictures import STYLES, UNSEEN_STYLE, picture_world
from cliptta_demo.backend.errors import UserError
from cliptta_demo.training.extra_styles import EXTRA_STYLES, add_training_styles
from cliptta_demo.training.photos import augment, load_cifar10, sharpen, vary_colours
from cliptta_demo.training.train_tiny import train
from cliptta_demo.training.trainer import IMAGE_SIZE, Trainer
from cliptta_demo.training.training_settings import TrainingSettings, schedule

needs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="training needs torch 2.9 or newer")


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parquet files in CIFAR-10's hub layout; each class is a colour, so that it can be learnt in seconds."""
    folder = tmp_path_factory.mktemp("cifar")
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        rows, labels = [], []
        for index in range(100):
            label = index % 10
            pixels = np.full((32, 32, 3), (20 + 20 * label, 220 - 20 * label, 128), np.uint8)
            pixels += generator.integers(0, 8, pixels.shape, dtype=np.uint8)
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "PNG")
            rows.append({"bytes": data.getvalue(), "path": None})
            labels.append(label)
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table({"img": pa.array(rows, kind), "label": pa.array(labels, pa.int64())})
        pq.write_table(table, folder / f"cifar10-{split}.parquet")
    return folder


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
    packages: Path, tmp_path: Path
) -> None:
    shipped = picture_world()
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
    shares = {"final_share": 1 / 16, "second_share": 5 / 16, "third_share": 1 / 4}
    third = {"third_rate": 0.2, "third_warmup": 10, "third_light_share": 0.5, "third_mean_share": 0.25}
    settings = TrainingSettings(
        steps=160,
        warmup=10,
        decay_share=0.5,
        final_rate=0.1,
        second_rate=0.4,
        second_light_share=0.4,
        **shares,
        **third,
    )
    assert (settings.main_steps, settings.first_steps) == (100, 110)
    assert (settings.mean_from, settings.all_steps) == (190, 200)
    rates = [schedule(step, settings) for step in range(201)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:51] == [1.0] * 42
    assert rates[75] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.1)
    assert rates[110] == pytest.approx(0.4)
    assert rates[159] == pytest.approx(0.4 / 50)
    assert rates[160] == pytest.approx(0.2 / 10)
    assert rates[180] == pytest.approx(0.1)
    assert rates[200] == 0
    lightly = [step for step in range(200) if settings.lightly_at(step)]
    assert lightly == [*range(100, 110), *range(140, 160), *range(180, 200)]


@needs_muon
def test_weights_are_mixed_averaged_and_rounded_between_rounds(cifar: Path) -> None:
    world, has_style = add_training_styles(picture_world(), None)
    trainer = Trainer(TrainingSettings(steps=1, batch_size=8), cifar, world, has_style)
    name = "logit_scale"
    seen = []
    for value in (1.0, 2.0, 6.0):
        trainer.model.load_state_dict({**trainer.weights(), name: torch.tensor(value)})
        trainer.add_to_mean()
        seen.append(trainer.mean[name].item())
    assert seen == pytest.approx([1.0, 1.5, 3.0])
    trainer.mix_with({**trainer.weights(), name: torch.tensor(2.0)}, 0.25)
    assert trainer.weights()[name].item() == pytest.approx(3.0)
    trainer.model.load_state_dict({**trainer.weights(), name: torch.tensor(1 / 3)})
    moments = trainer.adam
    trainer.begin_third_round()
    assert trainer.weights()[name].item() == torch.tensor(1 / 3).half().item()
    assert trainer.adam is not moments


@needs_muon
def test_batches_depend_on_seed_and_step_alone(cifar: Path) -> None:
    world, has_style = add_training_styles(picture_world(), None)
    settings = TrainingSettings(steps=4, batch_size=16, late_share=0.25, final_share=0, second_share=0)
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
def test_training_resumes_exactly_and_exports_a_model(cifar: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(
        steps=4, batch_size=16, warmup=2, third_share=1, third_mean_share=0.5, evaluation_images=40
    )
    train(settings, cifar, None, tmp_path / "whole", tmp_path / "work-whole", every=2)

    class Killed(Exception):
        pass

    original = Trainer.step

    for last in (3, 5, 7):  # before the two rounds' end, in the third round, and while its weights are averaged

        def dies(self: Trainer, step: int, last: int = last) -> float:
            if step == last:
                raise Killed
            return original(self, step)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "step", dies)
            with pytest.raises(Killed):
                train(settings, cifar, None, tmp_path / "broken", tmp_path / "work-broken", every=1)
    train(settings, cifar, None, tmp_path / "broken", tmp_path / "work-broken", every=1)

    whole = (tmp_path / "whole" / "open_clip_model.safetensors").read_bytes()
    assert (tmp_path / "broken" / "open_clip_model.safetensors").read_bytes() == whole
    curve = [json.loads(line) for line in (tmp_path / "work-whole" / "curve.jsonl").read_text().splitlines()]
    assert [line["step"] for line in curve] == [2, 4, 6, 8]
    assert curve[1]["loss"] < curve[0]["loss"]

    config = (TINY_DIRECTORY / "open_clip_config.json").read_text()
    (tmp_path / "whole" / "open_clip_config.json").write_text(config)
    model = open_clip.create_model(f"local-dir:{tmp_path / 'whole'}", require_pretrained=True)
    assert model.token_embedding.weight.shape[0] == 49408


@needs_muon
@pytest.mark.slow
def test_a_checkpoint_of_other_settings_is_refused(cifar: Path, tmp_path: Path) -> None:
    train(
        TrainingSettings(steps=1, batch_size=8, evaluation_images=40),
        cifar,
        None,
        tmp_path / "out",
        tmp_path / "work",
        every=1,
    )
    with pytest.raises(ValueError, match="other settings"):
        train(
            TrainingSettings(steps=1, batch_size=8, seed=1, evaluation_images=40),
            cifar,
            None,
            tmp_path / "out",
            tmp_path / "work",
            every=1,
        )
