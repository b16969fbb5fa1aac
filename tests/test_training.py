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

from cliptta_demo.training import train_tiny
from cliptta_demo.training.photos import augment, load_cifar10
from cliptta_demo.training.train_tiny import TrainingSettings, train


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


@pytest.mark.slow
def test_training_resumes_exactly_and_exports_a_model(cifar: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(steps=4, batch_size=16, warmup=2, evaluation_images=40)
    train(settings, cifar, tmp_path / "whole", tmp_path / "work-whole", every=2)

    class Killed(Exception):
        pass

    original = train_tiny.Trainer.step

    def dies(self: train_tiny.Trainer, step: int) -> float:
        if step == 3:
            raise Killed
        return original(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_tiny.Trainer, "step", dies)
        with pytest.raises(Killed):
            train(settings, cifar, tmp_path / "broken", tmp_path / "work-broken", every=2)
    train(settings, cifar, tmp_path / "broken", tmp_path / "work-broken", every=2)

    whole = (tmp_path / "whole" / "open_clip_model.safetensors").read_bytes()
    assert (tmp_path / "broken" / "open_clip_model.safetensors").read_bytes() == whole
    curve = [json.loads(line) for line in (tmp_path / "work-whole" / "curve.jsonl").read_text().splitlines()]
    assert [line["step"] for line in curve] == [2, 4]
    assert curve[-1]["loss"] < curve[0]["loss"]

    config = (train_tiny.TINY_DIRECTORY / "open_clip_config.json").read_text()
    (tmp_path / "whole" / "open_clip_config.json").write_text(config)
    model = open_clip.create_model(f"local-dir:{tmp_path / 'whole'}", require_pretrained=True)
    assert model.token_embedding.weight.shape[0] == 49408


@pytest.mark.slow
def test_a_checkpoint_of_other_settings_is_refused(cifar: Path, tmp_path: Path) -> None:
    train(
        TrainingSettings(steps=1, batch_size=8, evaluation_images=40),
        cifar,
        tmp_path / "out",
        tmp_path / "work",
        every=1,
    )
    with pytest.raises(ValueError, match="other settings"):
        train(
            TrainingSettings(steps=1, batch_size=8, seed=1, evaluation_images=40),
            cifar,
            tmp_path / "out",
            tmp_path / "work",
            every=1,
        )
