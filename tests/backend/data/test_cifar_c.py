"""CIFAR-10-C's numpy files: severities, memory mapping, orders, odd files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.errors import UserError

COUNT = 20  # images per severity; 10,000 in the real files


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    labels = np.tile(np.arange(COUNT) % 10, 5)
    np.save(tmp_path / "labels.npy", labels.astype(np.uint8))
    for tone, name in enumerate(("fog", "snow")):
        images = np.zeros((5 * COUNT, 32, 32, 3), np.uint8)
        images[..., 0] = np.arange(5 * COUNT)[:, None, None]
        images[..., 1] = tone
        np.save(tmp_path / f"{name}.npy", images)
    return tmp_path


def test_a_severity_is_its_own_fifth(directory: Path) -> None:
    for severity in range(1, 6):
        source = open_source(f"cifar10c:{directory}/fog:{severity}")
        assert source.length() == COUNT
        images = source.take(0, COUNT, 32, "shuffled", 0, COUNT)
        numbers = images.pixels[:, 0, 0, 0].tolist()
        assert sorted(numbers) == list(range((severity - 1) * COUNT, severity * COUNT))
        assert images.labels.tolist() == [number % COUNT % 10 for number in numbers]
    assert source.class_names[:2] == ("airplane", "automobile")
    assert isinstance(source.images["fog"], np.memmap)
    last = open_source(f"cifar10c:{directory}/fog.npy")  # severity 5 unless said
    assert last.take(0, 1, 32, "sorted", 0, 1).pixels[0, 0, 0, 0] >= 4 * COUNT


def test_a_directory_is_a_mix_and_sizes_and_classes_are_free(directory: Path) -> None:
    source = open_source(f"cifar10c:{directory}:1")
    assert source.length() == 2 * COUNT
    images = source.take(0, 2 * COUNT, 64, "shuffled", 3, 2 * COUNT)
    assert images.pixels.shape == (2 * COUNT, 3, 64, 64)
    assert set(images.pixels[:, 1, 0, 0].tolist()) == {0, 1}
    assert {name.split()[0] for name in images.names} == {"fog", "snow"}
    assert len(source.take(2 * COUNT, 5, 32, "shuffled", 3, 1)) == 0
    some = open_source(f"cifar10c:{directory}/snow", ["truck", "cat"])
    images = some.take(0, 99, 32, "sorted", 0, 99)
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert [value % COUNT % 10 for value in images.pixels[:, 0, 0, 0].tolist()] == [9, 9, 3, 3]


def test_odd_files_are_sentences(directory: Path, tmp_path: Path) -> None:
    assert len(set(open_source(f"cifar100c:{directory}/fog").class_names)) == 100  # its own names
    (tmp_path / "empty").mkdir()
    small, wrong = np.zeros((3, 32, 32, 3), np.uint8), np.full(5 * COUNT, 12)
    for name, content, asked, says in (
        ("", None, f"{directory}/frost", r"no file frost\.npy"),
        ("", None, f"{directory}/fog:6", "severity is 6; it must be from 1 to 5"),
        ("", None, f"{tmp_path}/empty", r"holds no file like fog\.npy"),
        ("frost", small, f"{directory}/frost", r"frost\.npy holds uint8 \(3, 32, 32, 3\)"),
        ("labels", wrong, f"{directory}/fog", "labels from 0 to 9"),
    ):
        if name:
            np.save(directory / f"{name}.npy", content)
        with pytest.raises(UserError, match=says):
            open_source(f"cifar10c:{asked}")
    (directory / "labels.npy").write_bytes(b"no numpy")
    with pytest.raises(UserError, match="damaged or no numpy file"):
        open_source(f"cifar10c:{directory}/fog")
