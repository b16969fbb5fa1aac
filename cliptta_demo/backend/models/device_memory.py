"""How much fits into a device's memory, and how one tells that it ran out."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

_CGROUP = Path("/sys/fs/cgroup")

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
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        amounts += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except OSError:  # not Linux
        names = getattr(os, "sysconf_names", {})
        if "SC_AVPHYS_PAGES" in names:
            amounts.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:  # a container's own limit
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit != "max":
            amounts.append(int(limit) - int((_CGROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return max(0, min(amounts)) if amounts else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("not enough memory" in text or "can't allocate memory" in text)
