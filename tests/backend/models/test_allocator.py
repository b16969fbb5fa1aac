"""Freed memory is kept for the next step, in processes of their own: what is set can't be taken back."""

import platform

import pytest
from warm import run_code

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
        assert keep_freed_memory()
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


def test_a_backbone_on_the_processor_keeps_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from cliptta_demo.backend.models import loading as backbones

    told: list[bool] = []
    monkeypatch.setattr(backbones, "keep_freed_memory", lambda: told.append(True))
    monkeypatch.setattr(backbones, "_cache", type(backbones._cache)())
    backbones.load_backbone("tiny", "cpu")
    assert told


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from cliptta_demo.backend.models import pieces

    monkeypatch.setattr(pieces.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    assert pieces.keep_freed_memory.__wrapped__() is False
    pieces.give_memory_back()
