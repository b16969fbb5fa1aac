"""How much fits into a device's memory, how one tells that it ran out, and what becomes of what a step has freed.

By default glibc gives large blocks back to the system at once, and the next step waits while the system clears them
again, page by page: with the tiny model about a fourteenth of the bare passes with memory. Here they are kept for the
next step. Other C libraries are left as they are.
"""

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

_CGROUP = Path("/sys/fs/cgroup")
# glibc's numbers for mallopt, see malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

KEPT_BYTES = 256 * 2**20  # free memory kept: twice what a step of tiny needs on 64 images and as many remembered ones
LARGEST_KEPT_BLOCK = 32 * 2**20  # the most that glibc allows; larger blocks go back to the system as before
ARENAS = 2  # each keeps memory of its own, so that few are better than glibc's eight per core

Embed = Callable[[Tensor, Tensor], Tensor]


def activation_bytes(embed: Embed, image: Tensor, parameters: Tensor) -> int:
    """Bytes that one image ``(1, 3, S, S)`` more in a batch makes autograd keep, measured on one and on two."""

    def kept(images: Tensor) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            features = embed(images, parameters.detach().requires_grad_(True))
        del features
        return sum(sizes.values())

    return max(1, kept(image.expand(2, -1, -1, -1).contiguous()) - kept(image))


def free_bytes(device: torch.device) -> int | None:
    """Memory of the device that could be taken now; None where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != "cpu":
        return None
    amounts = []
    with suppress(OSError):  # Linux
        lines = Path("/proc/meminfo").read_text().splitlines()
        amounts += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):  # a container's own limit, or the word max
        limit = int((_CGROUP / "memory.max").read_text())
        amounts.append(limit - int((_CGROUP / "memory.current").read_text()))
    return max(0, min(amounts)) if amounts else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("not enough memory" in text or "can't allocate memory" in text)


@cache
def keep_freed_memory() -> bool:
    """Lets the C library keep freed memory for later steps, from now on; says whether it can."""
    library = _glibc()
    if library is None:
        return False
    settings = {_ARENA_MAX: ARENAS, _MMAP_THRESHOLD: LARGEST_KEPT_BLOCK, _TRIM_THRESHOLD: KEPT_BYTES}
    return all([library.mallopt(number, value) == 1 for number, value in settings.items()])


def give_memory_back() -> None:
    """Returns all that is free to the system now; glibc would keep it for later steps."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:  # another system, another C library
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
