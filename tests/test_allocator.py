"""Freed memory is kept for the next step, in processes of their own: what is set can't be taken back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

resource = pytest.importorskip("resource", reason="counts page faults, which Windows does not tell")
glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told what to keep")

STEPS = """
import resource, sys, torch
from cliptta_demo.backend.allocator import give_memory_back, keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
def step():
    layers = [torch.ones(2 * 2**20) for _ in range(8)]  # 8 MB each, all alive at once, as a step's activations are
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
kept = resident()
give_memory_back()
print((kept - resident()) / 2**20)
"""


def _run(*words: str) -> tuple[int, float]:
    """Pages that twenty steps had to wait for, and megabytes that went back to the system in the end."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", STEPS, *words], capture_output=True, text=True, env=plain, check=True)
    pages, megabytes = done.stdout.split()
    return int(pages), float(megabytes)


@glibc_only
def test_freed_memory_is_kept_for_the_next_step() -> None:
    pages_of_a_step = 64 * 2**20 // resource.getpagesize()
    without, _ = _run()
    kept, given_back = _run("keep")
    assert without > 10 * pages_of_a_step
    assert kept < pages_of_a_step
    assert given_back > 60


@glibc_only
def test_a_backbone_on_the_processor_keeps_memory() -> None:
    code = (
        "from cliptta_demo.backend import allocator; from cliptta_demo.backend.backbones import load_backbone\n"
        "load_backbone('tiny', 'cpu'); print(allocator.keep_freed_memory.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from cliptta_demo.backend import allocator

    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    assert allocator.keep_freed_memory.__wrapped__() is False
    allocator.give_memory_back()
