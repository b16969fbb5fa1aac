"""Batches larger than memory: chunks give the same gradient, grow with the chunk alone, and shrink when memory ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import CLASSES, random_images, small_backbone

from cliptta_demo.backend import backbone as backbone_module
from cliptta_demo.backend.backbone import Backbone
from cliptta_demo.backend.chunked import activation_bytes, free_bytes, is_out_of_memory
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.losses import marginal_entropy, pseudo_captions, soft_contrastive
from cliptta_demo.backend.methods import METHODS
from cliptta_demo.backend.settings import AdaptationSettings


@pytest.fixture
def backbone() -> Backbone:
    return small_backbone()


def loss_and_gradient(backbone: Backbone, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    parameters = backbone.source_parameters.clone().requires_grad_(True)
    prototypes = backbone.prototypes(CLASSES)
    features = backbone.embed(images, parameters)
    cosines = features @ prototypes.T
    loss = soft_contrastive(features, pseudo_captions(cosines, prototypes), backbone.logit_scale)
    loss = loss - marginal_entropy(backbone.logits(cosines))
    return loss.detach(), torch.autograd.grad(loss, parameters)[0]


@pytest.mark.parametrize("chunk", [1, 7, 16, 39])
def test_chunks_give_the_gradient_of_the_whole_batch(backbone: Backbone, chunk: int) -> None:
    images = random_images(40)
    loss, gradient = loss_and_gradient(backbone, images)
    backbone.largest_chunk = chunk
    chunked_loss, chunked = loss_and_gradient(backbone, images)
    assert gradient.abs().max() > 1e-2
    torch.testing.assert_close(chunked_loss, loss, atol=1e-5, rtol=0)
    torch.testing.assert_close(chunked, gradient, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", METHODS)
def test_a_whole_run_in_chunks_predicts_the_same(backbone: Backbone, name: str) -> None:
    method = METHODS[name](backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=3, learning_rate=1e-3))
    *_, whole = method.adapt(random_images(20), method.start(), 0)
    backbone.largest_chunk = 6
    *_, chunked = method.adapt(random_images(20), method.start(), 0)
    torch.testing.assert_close(chunked.cosines, whole.cosines, atol=1e-4, rtol=0)


def test_the_chunk_is_chosen_from_what_is_free(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    images = random_images(10)
    per_image = activation_bytes(backbone._embed, images[:1], backbone.source_parameters)
    pixels = 3 * 32 * 32 * 4
    assert per_image > pixels
    monkeypatch.setattr(backbone_module, "free_bytes", lambda device: 2 * 4 * per_image + 10)
    backbone.embed(images)
    assert backbone.largest_chunk == 4  # half of what is free
    assert free_bytes(torch.device("cpu")) > 1e6


def test_out_of_memory_is_retried_in_smaller_chunks(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tower refuses more than 5 images, as a full device would."""
    method = METHODS["cliptta"](backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=2))
    *_, expected = method.adapt(random_images(12), method.start(), 0)
    forward = backbone.tower.forward

    def small_device(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(pixels)

    monkeypatch.setattr(backbone.tower, "forward", small_device)
    *_, got = method.adapt(random_images(12), method.start(), 0)
    assert 1 <= method.chunk <= 5
    assert backbone.largest_chunk != method.chunk  # nobody else works in smaller pieces for it
    torch.testing.assert_close(got.cosines, expected.cosines, atol=1e-4, rtol=0)


def test_what_never_fits_is_said_in_a_sentence(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(pixels: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")

    method = METHODS["tent"](backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=1))
    state = method.start()
    backbone.largest_chunk = 12
    monkeypatch.setattr(backbone.tower, "forward", full)
    with pytest.raises(UserError, match=r"12 images do not fit .* smaller batch size"):
        list(method.adapt(random_images(12), state, 0))


def test_only_memory_errors_are_retried() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


PEAK = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {tests!r})
from helpers import random_images, small_backbone
torch.set_num_threads(1)
backbone = small_backbone()
backbone.largest_chunk = int(sys.argv[2]) or 10**9
images = random_images(int(sys.argv[1]))


def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


Path("/proc/self/clear_refs").write_text("5")  # the peak so far was that of importing torch
before = peak()
parameters = backbone.source_parameters.clone().requires_grad_(True)
torch.autograd.grad(backbone.embed(images, parameters).sum(), parameters)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process as Linux shows it")
def test_peak_memory_grows_with_the_chunk_and_not_with_the_batch() -> None:
    def peak(batch: int, chunk: int) -> int:
        script = PEAK.format(tests=str(Path(__file__).parent))
        command = [sys.executable, "-c", script, str(batch), str(chunk)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    small, large, whole = peak(256, 64), peak(2048, 64), peak(2048, 0)
    assert large < 2 * small + 4_000  # kB; eight times the images: pixels and features grow, activations do not
    assert whole > 5 * large
