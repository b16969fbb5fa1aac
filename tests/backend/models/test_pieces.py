"""Memory: batches larger than it or a turn go in pieces with the same gradient, and what is freed is kept."""

import platform
import sys
from unittest.mock import Mock

import pytest
import torch
from helpers import CLASSES, last, method_of, random_images, small_backbone
from paths import TESTS
from warm import run_code

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.losses import marginal_entropy, pseudo_captions, soft_contrastive
from cliptta_demo.backend.models import backbone as backbone_module
from cliptta_demo.backend.models import loading, pieces
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import Passes, activation_bytes, free_bytes, is_out_of_memory
from cliptta_demo.backend.settings import AdaptationSettings


@pytest.fixture
def backbone() -> Backbone:
    return small_backbone()


def loss_and_gradient(backbone: Backbone, images: torch.Tensor, at_once: int) -> tuple[torch.Tensor, torch.Tensor]:
    passes, threshold = Passes(backbone.embed, backbone.source_parameters, at_once), torch.zeros((), requires_grad=True)
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


def test_out_of_memory_is_retried_in_smaller_pieces_and_what_never_fits_is_a_sentence(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tower refuses more than 5 images, as a full device would; then all."""
    method, other = (
        method_of("cliptta", backbone, backbone.prototypes(CLASSES), AdaptationSettings(steps=2)) for _ in range(2)
    )
    expected, forward, room = last(method, random_images(12)), backbone.tower.forward, 5

    def small_device(pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(pixels)

    monkeypatch.setattr(backbone.tower, "forward", small_device)
    got = last(method, random_images(12))
    assert 1 <= method.at_once <= 5
    assert other.at_once is None  # nobody else works in smaller pieces for it
    torch.testing.assert_close(got.cosines, expected.cosines, atol=1e-4, rtol=0)
    room = 0
    with pytest.raises(UserError, match=r"12 images do not fit .* smaller batch size"):
        last(method, random_images(12))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"))
    assert is_out_of_memory(
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")
    )
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
    passes = Passes(backbone.embed, backbone.source_parameters, piece)
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


resource = pytest.importorskip("resource", reason="counts page faults, which Windows does not tell")
glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")

STEPS = """
import os, resource, torch
from cliptta_demo.backend.models.pieces import give_memory_back, keep_freed_memory
def step():
    layers = [torch.ones(2 * 2**20) for _ in range(8)]  # 8 MB each, all alive at once, as a step's activations are
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
for keep in (False, True):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    if keep:
        keep_freed_memory()
    for _ in range(3):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        step()
    pages, kept = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before, resident()
    give_memory_back()
    print(pages, (kept - resident()) / 2**20, flush=True)
    os._exit(0)
"""


@glibc_only
def test_freed_memory_is_kept_for_the_next_step() -> None:
    """Pages that twenty steps had to wait for, and megabytes that went back to the system in the end."""
    status, text = run_code(STEPS)
    assert status == 0, text[-3000:]
    pages_of_a_step = 64 * 2**20 // resource.getpagesize()
    (without, _), (kept, given_back) = (map(float, line.split()) for line in text.splitlines())
    assert without > 10 * pages_of_a_step
    assert kept < pages_of_a_step
    assert given_back > 60


def test_a_backbone_on_the_processor_keeps_memory_and_other_c_libraries_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep = Mock()
    monkeypatch.setattr(loading, "keep_freed_memory", keep)
    monkeypatch.setattr(loading, "_cache", type(loading._cache)())
    loading.load_backbone("tiny", "cpu")
    assert keep.called
    monkeypatch.setattr(pieces.ctypes, "CDLL", Mock(side_effect=OSError))
    pieces.keep_freed_memory.__wrapped__()
    pieces.give_memory_back()
