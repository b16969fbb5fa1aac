"""Batches larger than memory or a turn: pieces give the same gradient, are bounded, and shrink when memory ends."""

import sys

import pytest
import torch
from helpers import CLASSES, method_of, random_images, small_backbone
from paths import TESTS
from warm import run_code

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.losses import marginal_entropy, pseudo_captions, soft_contrastive
from cliptta_demo.backend.models import backbone as backbone_module
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Passes, activation_bytes, free_bytes, is_out_of_memory
from cliptta_demo.backend.settings import AdaptationSettings


@pytest.fixture
def backbone() -> Backbone:
    return small_backbone()


def loss_and_gradient(backbone: Backbone, images: torch.Tensor, at_once: int) -> tuple[torch.Tensor, torch.Tensor]:
    passes, threshold = Passes(backbone, backbone.source_parameters, at_once), torch.zeros((), requires_grad=True)
    prototypes = backbone.prototypes(CLASSES)
    features = passes.embed(images)
    cosines = features @ prototypes.T
    loss = soft_contrastive(features, pseudo_captions(cosines, prototypes), backbone.logit_scale)
    loss = loss - marginal_entropy(backbone.logits(cosines)) + 3 * threshold
    return loss.detach(), passes.gradient(loss, threshold)


@pytest.mark.parametrize("piece", [1, 7, 16, 39])
def test_pieces_give_the_gradient_of_the_whole_batch(backbone: Backbone, piece: int) -> None:
    images = random_images(40)
    loss, gradient = loss_and_gradient(backbone, images, 40)
    cut_loss, cut = loss_and_gradient(backbone, images, piece)
    assert gradient.abs()[:-1].max() > 1e-2
    assert gradient[-1] == cut[-1] == 3
    torch.testing.assert_close(cut_loss, loss, atol=1e-5, rtol=0)
    torch.testing.assert_close(cut, gradient, atol=1e-5, rtol=0)


def test_the_piece_is_chosen_from_what_is_free_at_each_batch(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = random_images(10)
    per_image = activation_bytes(backbone.embed, images[:1], backbone.source_parameters)
    pixels = 3 * 32 * 32 * 4
    assert per_image > pixels
    method = method_of("tent", backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=1))
    for room, piece in ((11, 4), (2, 1), (40, 16)):  # half of what is free, a power of two
        monkeypatch.setattr(backbone_module, "free_bytes", lambda device, room=room: room * per_image)
        list(method.adapt(images, method.start(), 0))
        assert method.piece == piece
    assert free_bytes(torch.device("cpu")) > 1e6


def test_class_names_go_through_the_text_tower_in_pieces(backbone: Backbone) -> None:
    expected = small_backbone().prototypes(CLASSES, ["{}", "a {}"])
    assert list(backbone.read(CLASSES, ["{}", "a {}"], 3)) == [(3, 10), (6, 10), (9, 10)]
    assert list(backbone.read(CLASSES, ["{}", "a {}"], 3)) == []  # remembered
    torch.testing.assert_close(backbone.prototypes(CLASSES, ["{}", "a {}"]), expected)


def test_out_of_memory_is_retried_in_smaller_pieces(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tower refuses more than 5 images, as a full device would."""
    method = method_of("cliptta", backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=2))
    *_, expected = method.adapt(random_images(12), method.start(), 0)
    forward = backbone.tower.forward

    def small_device(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(pixels)

    monkeypatch.setattr(backbone.tower, "forward", small_device)
    *_, got = method.adapt(random_images(12), method.start(), 0)
    assert 1 <= method.at_once <= 5
    other = method_of("cliptta", backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=2))
    assert other.at_once is None  # nobody else works in smaller pieces for it
    torch.testing.assert_close(got.cosines, expected.cosines, atol=1e-4, rtol=0)


def test_what_never_fits_is_said_in_a_sentence(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(pixels: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")

    method = method_of("tent", backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=1))
    state = method.start()
    monkeypatch.setattr(backbone.tower, "forward", full)
    with pytest.raises(UserError, match=r"12 images do not fit .* smaller batch size"):
        list(method.adapt(random_images(12), state, 0))


def test_only_memory_errors_are_retried() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


PEAKS = """
import os, sys, torch
from pathlib import Path
sys.path.insert(0, {tests!r})
from helpers import random_images, small_backbone
from cliptta_demo.backend.models.pieces import Passes, Rest
torch.set_num_threads(1)


def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


for batch, piece in ((256, 64), (2048, 64), (2048, 2048)):
    if child := os.fork():  # each in a process as it is after the imports
        assert os.waitpid(child, 0)[1] == 0
        continue
    backbone, images = small_backbone(), random_images(batch)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far was that of importing torch
    before = peak()
    passes = Passes(backbone, backbone.source_parameters, piece)
    passes.gradient(passes.embed(images).sum())
    print(peak() - before, flush=True)
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process as Linux shows it")
def test_peak_memory_grows_with_the_piece_and_not_with_the_batch() -> None:
    status, text = run_code(PEAKS.format(tests=str(TESTS)))
    assert status == 0, text[-3000:]
    small, large, whole = map(int, text.split())
    print(f"{small} kB for 256 images in pieces of 64, {large} for 2,048, {whole} for 2,048 in one piece")
    assert large < 2 * small + 4_000  # eight times the images: pixels and features grow, activations do not
    assert whole > 5 * large
